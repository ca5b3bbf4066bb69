"""A site with a project, two environments, a few flags and a user, and a browser signed in there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.services.application import StartApp
    from tests.web.visits import Site, Visit


@pytest.fixture
async def site(start_app: StartApp, sqlite_url: str) -> Site:
    """The site on SQLite."""
    return await built(start_app, sqlite_url)


@pytest.fixture
async def any_site(start_app: StartApp, database_url: str) -> Site:
    """The site on each kind of database."""
    return await built(start_app, database_url)


@pytest.fixture
async def visit(site: Site) -> AsyncIterator[Visit]:
    """A browser, signed in, at the flags of production."""
    from tests.web.visits import FLAGS

    visit = site.visit()
    await visit.sign_in()
    await visit.open(FLAGS)
    yield visit
    await visit.client.aclose()


async def built(start_app: StartApp, database_url: str) -> Site:
    from tests.web.visits import API, EMAIL, Site

    site = Site(await start_app(database_url=database_url))
    await site.add_user(EMAIL, "Ada Lovelace")
    await site.api("POST", "/api/v1/projects", {"key": "shop", "name": "Shop"})
    for key in ("development", "production"):
        await site.api("POST", f"{API}/environments", {"key": key, "name": key.title()})
    await site.add_flag("checkout", name="New checkout")
    await site.add_flag("shipping", name="Free shipping")
    await site.target("shipping", {"enabled": True, "default": {"split": {"weights": {"on": 20, "off": 80}}}})
    colours = {"blue": {"value": "#00f"}, "green": {"value": "#0f0"}, "red": {"value": "#f00"}}
    await site.add_flag(
        "colour", kind="string", variants=colours, variant_order=["green", "blue", "red"], name="Colour"
    )
    return site
