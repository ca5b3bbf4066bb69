"""Fixtures every test may use: real databases, Redis, the application, whole servers, a browser.

A test asks for what it needs by name and gets one of its own; nothing here is shared between two tests but the
servers behind it. Missing Postgres or Redis fails a test, a missing browser or Node.js leaves it out (loudly).
The application is imported where it is used, so that tests of pure code do not wait for it.
"""

from __future__ import annotations

import contextlib
import os
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import hypothesis
import pytest

from tests.services.shared import SharedServices

if TYPE_CHECKING:
    import httpx
    from playwright.async_api import Browser, Page

    from flagd.infra.db import Database
    from tests.services.application import RunningApp, StartApp
    from tests.services.postgres import Postgres
    from tests.services.processes import FlagdServer
    from tests.services.valkey import Valkey

pytest_plugins = ["tests.services.tools"]

# A developer's own settings must not reach the tests.
for _name in [
    name for name in os.environ if name.startswith("FLAGD_") and not name.startswith("FLAGD_TEST_")
]:
    del os.environ[_name]

# How long one example takes says nothing about the program on a machine that is busy with other tests.
hypothesis.settings.register_profile("flagd", deadline=None)
hypothesis.settings.load_profile("flagd")

StartServer = Callable[..., "FlagdServer"]


@pytest.fixture(scope="session")
def services(request: pytest.FixtureRequest) -> Iterator[SharedServices]:
    """What the tests of this process get databases from."""
    worker = getattr(request.config, "workerinput", {})
    number = int(str(worker.get("workerid", "gw0")).removeprefix("gw"))
    shared = SharedServices(str(worker.get("testrunuid", uuid.uuid4().hex)), number)
    yield shared
    shared.close()


@pytest.fixture
def postgres_url(services: SharedServices) -> Iterator[str]:
    """A migrated PostgreSQL database of the test's own."""
    with services.postgres_database() as url:
        yield url


@pytest.fixture
def empty_postgres_url(services: SharedServices) -> Iterator[str]:
    """A PostgreSQL database without tables, of the test's own."""
    with services.empty_postgres_database() as url:
        yield url


@pytest.fixture
def sqlite_url(services: SharedServices, tmp_path: Path) -> str:
    """A migrated SQLite database of the test's own."""
    return services.sqlite_database(tmp_path)


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    """Runs the test once on each kind of database."""
    url: str = request.getfixturevalue({"sqlite": "sqlite_url", "postgresql": "postgres_url"}[request.param])
    return url


@pytest.fixture
def redis_url(services: SharedServices) -> str:
    """A Redis that holds nothing and that no other test process uses."""
    return services.redis_url()


@pytest.fixture
def postgres_server() -> Iterator[Postgres]:
    """A whole PostgreSQL of the test's own, to stop, kill and freeze. Not migrated. Costs about a second."""
    from tests.services.postgres import Postgres
    from tests.services.shared import passable_folder

    with passable_folder() as folder:
        server = Postgres(folder / "postgres")
        server.start()
        yield server
        server.stop()


@pytest.fixture
def redis_server() -> Iterator[Valkey]:
    """A whole Redis of the test's own, to stop, kill and freeze."""
    from tests.services.shared import passable_folder
    from tests.services.valkey import Valkey

    with passable_folder() as folder:
        server = Valkey(folder / "valkey")
        server.start()
        yield server
        server.kill()


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """The program's own view of `database_url`."""
    from flagd.infra.db import Database

    opened = Database(database_url)
    yield opened
    await opened.close()


@pytest.fixture
async def start_app(tmp_path: Path) -> AsyncIterator[StartApp]:
    """Starts applications inside the test: `await start_app(database_url=..., redis_url=...)`.

    Its arguments are fields of Settings. Two on one database are two replicas.
    """
    from tests.services.application import started

    async with contextlib.AsyncExitStack() as stack:

        async def start(**settings: Any) -> RunningApp:
            return await stack.enter_async_context(started(tmp_path / "data", settings))

        yield start


@pytest.fixture
async def running_app(database_url: str, start_app: StartApp) -> RunningApp:
    """The application on `database_url`, without Redis."""
    return await start_app(database_url=database_url)


@pytest.fixture
async def app(running_app: RunningApp) -> Any:
    """The ASGI application, started."""
    return running_app.app


@pytest.fixture
async def client(running_app: RunningApp) -> httpx.AsyncClient:
    """Speaks to the started application; sends no credentials of its own accord."""
    return running_app.client


@pytest.fixture
async def admin_headers(running_app: RunningApp) -> dict[str, str]:
    """The credentials of a key that may do everything."""
    return running_app.admin_headers


@pytest.fixture
def start_server(tmp_path: Path) -> Iterator[StartServer]:
    """Starts `flagd serve` processes: `start_server("name", DATABASE_URL=...)`; all are stopped at the end.

    Its arguments after the name are settings without their prefix. `arguments=("--migrate", "--demo")` may be given.
    The same name again is the same data folder.
    """
    from tests.services.processes import FlagdServer

    with contextlib.ExitStack() as stack:

        def start(
            name: str = "server", *, arguments: tuple[str, ...] = ("--migrate", "--demo"), **settings: str
        ) -> FlagdServer:
            server = FlagdServer(tmp_path / name, settings, arguments)
            stack.callback(server.stop_if_started)
            server.start()
            return server

        yield start


@pytest.fixture
def server(start_server: StartServer, postgres_url: str, redis_url: str) -> FlagdServer:
    """A ready `flagd serve` on PostgreSQL and Redis, with the demo project."""
    return start_server(DATABASE_URL=postgres_url, REDIS_URL=redis_url)


@pytest.fixture
async def chromium() -> AsyncIterator[Browser]:
    """A browser; the test bears the marker `chromium`."""
    from tests.services.browsers import browser, find_chromium

    executable = find_chromium()
    assert executable is not None, "a test with the fixture chromium needs the marker chromium"
    async with browser(executable) as launched:
        yield launched


@pytest.fixture
async def page(chromium: Browser) -> AsyncIterator[Page]:
    """A page of a browser without cookies; what its scripts complain about fails the test."""
    opened = await chromium.new_page()
    complaints: list[str] = []
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    yield opened
    assert not complaints, f"errors in the page's scripts: {complaints}"
