"""The project that the tests of this folder work in."""

from __future__ import annotations

import httpx
import pytest

from .shop import Shop


@pytest.fixture
async def shop(client: httpx.AsyncClient, admin_headers: dict[str, str]) -> Shop:
    """A project with two environments and nothing in it, once on each kind of database."""
    return await Shop(client, admin_headers).open()
