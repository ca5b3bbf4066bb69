"""The application inside the test's own process: started as a server would, spoken to without a network."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

import httpx
from fastapi import FastAPI

from flagd.access.service import NewApiKey, create_key
from flagd.app import build_app
from flagd.infra.changes import Actor
from flagd.infra.clock import SystemClock
from flagd.infra.db import Database
from flagd.settings import Settings
from tests.services.lifespan import running

ADDRESS: Final = "http://flagd.test"
SECRET: Final = "a secret of the tests, the same in every replica"
TESTS: Final = Actor("system", "tests", "tests")


@dataclass(frozen=True)
class RunningApp:
    """A started application, a client of it that sends no credentials, and those of a key that may do everything."""

    app: FastAPI
    client: httpx.AsyncClient
    admin_headers: dict[str, str]


class StartApp(Protocol):
    """Starts an application; its arguments are fields of Settings."""

    async def __call__(self, **settings: Any) -> RunningApp: ...


@asynccontextmanager
async def started(data: Path, given: dict[str, Any]) -> AsyncIterator[RunningApp]:
    """The application with these settings, from its start-up to its shut-down."""
    settings = Settings(data_dir=data, **given)
    admin_key = await _admin_key(settings.database)
    app = build_app(settings, SECRET)
    async with (
        running(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=ADDRESS) as client,
    ):
        yield RunningApp(app, client, {"Authorization": f"Bearer {admin_key}"})


async def _admin_key(database_url: str) -> str:
    database = Database(database_url)
    try:
        async with database.write() as tx:
            _, token = await create_key(tx, TESTS, NewApiKey("admin", "tests"), SystemClock().now())
    finally:
        await database.close()
    return token
