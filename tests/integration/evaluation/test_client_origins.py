"""The origins an environment allows: changed over the REST API, and in force everywhere without a restart."""

from __future__ import annotations

import asyncio
from contextlib import AbstractAsyncContextManager
from typing import Any, Final

import pytest

from flagd.infra.db import Database, ReadTx
from tests.services.application import StartApp

from .asking import ENVIRONMENTS, PROJECT, Asking
from .test_origins import SHOP, STRANGER, TESTERS, allowed, preflight

LIVE: Final = f"{PROJECT}/environments/live"


async def test_no_page_may_ask_until_somebody_says_so(own_shop: Asking) -> None:
    """A new environment allows no origin; what is allowed and taken back is in force with the change itself."""
    seen = await own_shop.http.get(LIVE, headers=own_shop.admin)
    assert seen.json()["client_origins"] == []
    assert (await preflight(own_shop, SHOP)).status_code == 403

    changed = await own_shop.change("environments/live", {"client_origins": [SHOP, TESTERS]})
    assert (changed["client_origins"], changed["version"]) == ([SHOP, TESTERS], seen.json()["version"] + 1)
    assert (await preflight(own_shop, TESTERS)).status_code == 204
    assert allowed(await own_shop.ask(headers={"Origin": TESTERS})) == TESTERS
    assert allowed(await own_shop.ask(environment="test", headers={"Origin": TESTERS})) is None

    nothings: list[Any] = [[], None]
    for nothing in nothings:
        await own_shop.change("environments/live", {"client_origins": [SHOP]})
        emptied = await own_shop.change("environments/live", {"client_origins": nothing})
        assert emptied["client_origins"] == []
        assert (await preflight(own_shop, SHOP)).status_code == 403
        assert allowed(await own_shop.ask(headers={"Origin": SHOP})) is None


async def test_a_star_allows_every_page(own_shop: Asking) -> None:
    """Where every page may ask, each is answered under its own name, also one without any."""
    await own_shop.change("environments/test", {"client_origins": ["*"]})
    for origin in (SHOP, STRANGER, "null"):
        assert allowed(await preflight(own_shop, origin)) == origin
        assert allowed(await own_shop.ask(environment="test", headers={"Origin": origin})) == origin
        assert allowed(await own_shop.ask(environment="live", headers={"Origin": origin})) is None


async def test_every_replica_follows(own_shop: Asking, start_app: StartApp, database_url: str) -> None:
    """Another process on the same database knows of a change at its next look."""
    other = Asking(await start_app(database_url=database_url))
    assert (await preflight(other, SHOP)).status_code == 403
    await own_shop.change("environments/live", {"client_origins": [SHOP]})
    await other.app.state.resources.publisher.refresh()
    assert (await preflight(other, SHOP)).status_code == 204


async def test_a_look_reads_the_environments_once(own_shop: Asking, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nothing changed a look is two transactions, for the keys and for the environments, whoever follows."""
    publisher = own_shop.app.state.resources.publisher
    await publisher.refresh()
    opened: list[Database] = []
    read, here = Database.read, asyncio.current_task()

    def counted(database: Database) -> AbstractAsyncContextManager[ReadTx]:
        if asyncio.current_task() is here:  # the application looks by itself, too
            opened.append(database)
        return read(database)

    monkeypatch.setattr(Database, "read", counted)
    await publisher.refresh()
    assert len(opened) == 2


async def test_other_changes_leave_them_alone(own_shop: Asking) -> None:
    """A patch that does not name them, archiving and restoring keep them; an archived environment is still served."""
    await own_shop.change("environments/live", {"client_origins": [SHOP]})
    assert (await own_shop.change("environments/live", {"name": "Live!"}))["client_origins"] == [SHOP]
    for verb in ("archive", "restore"):
        version = (await own_shop.http.get(LIVE, headers=own_shop.admin)).headers["ETag"]
        await own_shop.http.post(f"{LIVE}/{verb}", headers=own_shop.admin | {"If-Match": version})
        await own_shop.app.state.resources.publisher.refresh()
        assert allowed(await own_shop.ask(headers={"Origin": SHOP})) == SHOP


async def test_the_log_has_them_before_and_after(own_shop: Asking) -> None:
    """Who let which page in is in the change log; a change to what is already there is none."""
    await own_shop.change("environments/live", {"client_origins": [SHOP]})
    await own_shop.change("environments/live", {"client_origins": [SHOP]})
    query = {"object_type": "environment", "project": "shop"}
    log = (await own_shop.http.get("/api/v1/changes", params=query, headers=own_shop.admin)).json()["items"]
    assert [entry["action"] for entry in log] == ["update", *["create"] * len(ENVIRONMENTS)]
    assert log[0]["before"]["client_origins"] == []
    assert log[0]["after"]["client_origins"] == [SHOP]


async def test_a_new_environment_may_begin_with_them(own_shop: Asking) -> None:
    """They can be given with the environment, and come with every environment of a list."""
    new = {"key": "preview", "name": "Preview", "client_origins": [SHOP]}
    created = await own_shop.http.post(f"{PROJECT}/environments", json=new, headers=own_shop.admin)
    assert (created.status_code, created.json()["client_origins"]) == (201, [SHOP])
    listed = (await own_shop.http.get(f"{PROJECT}/environments", headers=own_shop.admin)).json()["items"]
    assert {item["key"]: item["client_origins"] for item in listed} == {
        "live": [],
        "test": [],
        "preview": [SHOP],
    }


BAD: Final[list[tuple[Any, str]]] = [
    (SHOP, "#/client_origins"),
    ([SHOP, 1], "#/client_origins/1"),
    ([SHOP, f"{SHOP}/"], "#/client_origins/1"),
    ([SHOP, SHOP], "#/client_origins/1"),
    (["null"], "#/client_origins/0"),
    (["https://" + "a" * 400], "#/client_origins/0"),
    ([f"https://shop-{number}.example.com" for number in range(51)], "#/client_origins"),
]


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("verb", ["PATCH", "POST"])
async def test_what_is_no_origin_is_refused_by_its_place(asking: Asking, verb: str) -> None:
    """Each text that is no origin is named by its place in the request, and nothing is stored."""
    version = (await asking.http.get(LIVE, headers=asking.admin)).headers["ETag"]
    for origins, pointer in BAD:
        body = {"client_origins": origins} | ({} if verb == "PATCH" else {"key": "bad", "name": "Bad"})
        address = LIVE if verb == "PATCH" else f"{PROJECT}/environments"
        headers = asking.admin | ({"If-Match": version} if verb == "PATCH" else {})
        refused = await asking.http.request(verb, address, json=body, headers=headers)
        assert refused.status_code == 422, (origins, refused.text)
        assert [error["pointer"] for error in refused.json()["errors"]] == [pointer], origins
    assert (await asking.http.get(LIVE, headers=asking.admin)).headers["ETag"] == version
