"""What tests of users and keys start from: a clock that stands still, and a project with environments."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from tests.integration.access.clocks import HandClock

if TYPE_CHECKING:
    from flagd.infra.changes import Actor
    from flagd.infra.db import Database
    from flagd.projects.model import Environment, Project


@dataclass(frozen=True)
class Shop:
    """A project with two environments."""

    project: Project
    production: Environment
    staging: Environment


@pytest.fixture
def clock() -> HandClock:
    """A clock for the test to move."""
    return HandClock()


@pytest.fixture
def actor() -> Actor:
    """Who the tests write as."""
    from flagd.infra.changes import Actor

    return Actor("system", "tests", "tests")


@pytest.fixture
async def shop(database: Database, actor: Actor, clock: HandClock) -> Shop:
    """A project `shop` with the environments `production` and `staging`."""
    from flagd.projects.model import NewEnvironment, NewProject
    from flagd.projects.service import create_environment, create_project

    now = clock.now()
    async with database.write() as tx:
        project = await create_project(tx, actor, NewProject("shop", "Shop"), now)
        production = await create_environment(
            tx, actor, project, NewEnvironment("production", "Production"), now
        )
        staging = await create_environment(tx, actor, project, NewEnvironment("staging", "Staging"), now)
    return Shop(project, production, staging)
