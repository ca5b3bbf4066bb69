"""The shops that the tests of this folder ask for flags."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

if TYPE_CHECKING:
    from tests.services.application import StartApp
    from tests.services.shared import SharedServices

    from .asking import Asking


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def asking(services: SharedServices, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Asking]:
    """A shop that a module's tests only ask, on SQLite: no evaluation looks into the database."""
    from tests.services.application import started

    from .asking import Asking

    folder = tmp_path_factory.mktemp("shop")
    async with started(folder, {"database_url": services.sqlite_database(folder)}) as running:
        yield await Asking(running).open()


@pytest.fixture
async def own_shop(start_app: StartApp, database_url: str) -> Asking:
    """A shop to change, on each kind of database."""
    from .asking import Asking

    return await Asking(await start_app(database_url=database_url)).open()
