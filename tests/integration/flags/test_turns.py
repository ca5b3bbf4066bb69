"""Writers of one project take turns: what a write reaches and what it was refused for is decided in its turn.

On PostgreSQL, where the second transaction really begins while the first is open.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime

import pytest

from flagd.errors import Conflict, NotFound, Stale
from flagd.flags import reads, segment_service, service, targeting_service
from flagd.flags.model import Named, Placed
from flagd.infra.changes import Actor
from flagd.infra.db import Database, WriteTx
from flagd.projects.model import EnvironmentPatch, NewEnvironment, NewProject
from flagd.projects.reads import find_environment
from flagd.projects.service import (
    archive_environment,
    archive_project,
    create_environment,
    create_project,
    patch_environment,
)

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
ACTOR = Actor("system", "tests", "Tests")
MEANWHILE = 0.5
"""Seconds in which a writer that does not wait for its turn is done."""

Write = Callable[[WriteTx, Placed], Awaitable[object]]


@pytest.fixture
async def database(postgres_url: str) -> AsyncIterator[Database]:
    """PostgreSQL alone: SQLite has one writer at a time."""
    opened = Database(postgres_url)
    yield opened
    await opened.close()


@pytest.fixture
async def placed(database: Database) -> Placed:
    """A flag in production, and a segment."""
    async with database.write() as tx:
        project = await create_project(tx, ACTOR, NewProject("shop", "Shop"), NOW)
        environment = await create_environment(
            tx, ACTOR, project, NewEnvironment("production", "Production"), NOW
        )
        await service.create_flag(tx, ACTOR, project, {"key": "checkout", "kind": "boolean"}, NOW)
        await segment_service.create_segment(tx, ACTOR, project, {"key": "beta"}, NOW)
        return Placed(project, environment, "checkout")


async def create_flag(tx: WriteTx, placed: Placed) -> object:
    """A new flag."""
    return await service.create_flag(tx, ACTOR, placed.project, {"key": "new", "kind": "boolean"}, NOW)


async def patch_flag(tx: WriteTx, placed: Placed) -> object:
    """A change of the flag."""
    named = Named(placed.project, "checkout")
    return await service.patch_flag(tx, ACTOR, named, {"description": "changed"}, 1, NOW)


async def create_segment(tx: WriteTx, placed: Placed) -> object:
    """A new segment."""
    return await segment_service.create_segment(tx, ACTOR, placed.project, {"key": "new"}, NOW)


async def patch_segment(tx: WriteTx, placed: Placed) -> object:
    """A change of the segment."""
    named = Named(placed.project, "beta")
    return await segment_service.patch_segment(tx, ACTOR, named, {"included": ["alice"]}, 1, NOW)


async def set_enabled(tx: WriteTx, placed: Placed) -> object:
    """A change in production."""
    return await targeting_service.set_enabled(tx, ACTOR, placed, True, 1, NOW)


async def add_environment(tx: WriteTx, placed: Placed) -> object:
    """A new environment."""
    return await create_environment(tx, ACTOR, placed.project, NewEnvironment("late", "Late"), NOW)


async def rename_environment(tx: WriteTx, placed: Placed) -> object:
    """A change of production itself."""
    return await patch_environment(tx, ACTOR, placed.environment, EnvironmentPatch(name="Live"), 1, NOW)


async def during(database: Database, first: Write, second: Write, placed: Placed) -> object:
    """What `second` comes to, when it began, knowing what was there before, while `first` was not yet committed."""

    async def later() -> object:
        async with database.write() as tx:
            return await second(tx, placed)

    async with database.write() as tx:
        await first(tx, placed)
        task = asyncio.create_task(later())
        await asyncio.wait({task}, timeout=MEANWHILE)
    return await task


async def served(database: Database, placed: Placed) -> tuple[int, object] | None:
    """The revision of the environment `late`, with what it answers by; None before there is one."""
    async with database.read() as tx:
        try:
            late = await find_environment(tx, placed.project, "late")
        except NotFound:
            return None
        flags = [state.flag.document() for state in await reads.live_states(tx, late)]
        segments = [segment.document() for segment in await reads.live_segments(tx, late.project_id)]
        return late.revision, (flags, segments)


@pytest.mark.parametrize("write", [create_flag, patch_flag, create_segment, patch_segment])
async def test_a_revision_of_a_new_environment_stands_for_one_state(
    database: Database, placed: Placed, write: Write
) -> None:
    """An environment that appears during a write gets the write's revision too, or already shows what it wrote."""
    seen = []

    async def slowly(tx: WriteTx, placed: Placed) -> object:
        await write(tx, placed)
        adding = asyncio.create_task(added())
        await asyncio.wait({adding}, timeout=MEANWHILE)
        seen.append(await served(database, placed))
        return adding

    async def added() -> object:
        async with database.write() as tx:
            return await add_environment(tx, placed)

    async with database.write() as tx:
        adding = await slowly(tx, placed)
    assert isinstance(adding, asyncio.Task)
    await adding
    seen.append(await served(database, placed))
    by_revision = dict(filter(None, seen))
    assert by_revision
    for each in filter(None, seen):
        assert by_revision[each[0]] == each[1]


@pytest.mark.parametrize(
    "write",
    [
        create_flag,
        patch_flag,
        create_segment,
        patch_segment,
        set_enabled,
        add_environment,
        rename_environment,
    ],
)
async def test_nothing_is_written_into_a_project_that_was_just_archived(
    database: Database, placed: Placed, write: Write
) -> None:
    """Whoever saw the project open and comes to write after it was archived is refused."""

    async def archive(tx: WriteTx, placed: Placed) -> object:
        return await archive_project(tx, ACTOR, placed.project, 1, NOW)

    with pytest.raises(Conflict, match="the project 'shop' is archived"):
        await during(database, archive, write, placed)


@pytest.mark.parametrize("write", [set_enabled, rename_environment])
async def test_nothing_is_written_into_an_environment_that_was_just_archived(
    database: Database, placed: Placed, write: Write
) -> None:
    """Whoever saw the environment open and comes to write after it was archived is refused."""

    async def archive(tx: WriteTx, placed: Placed) -> object:
        return await archive_environment(tx, ACTOR, placed.environment, 1, NOW)

    with pytest.raises((Conflict, Stale)):
        await during(database, archive, write, placed)
