"""The change log through the API, on both databases."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.integration.flags.shop import Shop, targeting_of


@pytest.fixture
async def shop(client: httpx.AsyncClient, admin_headers: dict[str, str]) -> Shop:
    """A project with two environments, a flag that was changed twice, and a segment."""
    opened = await Shop(client, admin_headers).open()
    await opened.flag()
    await opened.wrote(targeting_of("checkout"), {"enabled": True})
    await opened.wrote("flags/checkout", {"name": "Kassan"})
    await opened.segment("beta")
    return opened


async def changes(shop: Shop, query: str = "") -> list[dict[str, Any]]:
    """The entries a query selects."""
    items: list[dict[str, Any]] = (await shop.get(f"/api/v1/changes?{query}"))["items"]
    return items


def what(entries: list[dict[str, Any]]) -> list[tuple[str, str, str]]:
    """Each entry in three words."""
    return [(entry["action"], entry["object_type"], entry["object_key"]) for entry in entries]


WRITES = [
    ("create", "segment", "beta"),
    ("update", "flag", "checkout"),
    ("update", "targeting", "checkout"),
    ("create", "flag", "checkout"),
    ("create", "environment", "production"),
    ("create", "environment", "development"),
    ("create", "project", "shop"),
]


async def test_every_write_is_there_newest_first(shop: Shop) -> None:
    """Each write has one entry, with who made it, when, where, and the object before and after."""
    entries = await changes(shop, "project=shop")
    assert what(entries) == WRITES
    assert [entry["id"] for entry in entries] == sorted((entry["id"] for entry in entries), reverse=True)
    assert {entry["actor"]["kind"] for entry in entries} == {"key"}
    update = entries[1]
    assert (update["project"], update["environments"].keys()) == ("shop", {"development", "production"})
    assert (update["before"]["name"], update["after"]["name"]) == ("checkout", "Kassan")
    assert list(update["after"]) == sorted(update["after"])
    assert entries[3]["before"] is None


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("project=shop&environment=development", [WRITES[0], WRITES[1], WRITES[3], WRITES[5]]),
        ("project=shop&environment=production", [*WRITES[:5]]),
        ("object_type=targeting", [WRITES[2]]),
        ("project=shop&object_key=checkout", WRITES[1:4]),
        ("object_type=flag&object_key=checkout&limit=1", WRITES[1:2]),
        ("object_key=nothing", []),
    ],
)
async def test_entries_are_narrowed(shop: Shop, query: str, expected: list[tuple[str, str, str]]) -> None:
    """All filters given must hold."""
    assert what(await changes(shop, query)) == expected


async def test_pages_show_each_entry_once(shop: Shop) -> None:
    """Entries written while someone pages do not shift what is still to come."""
    found: list[dict[str, Any]] = []
    cursor = ""
    while True:
        page = await shop.get(f"/api/v1/changes?project=shop&limit=3{cursor}")
        found += page["items"]
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"
        await shop.wrote("segments/beta", {"description": f"after {len(found)}"})
    assert what(found) == WRITES


@pytest.mark.parametrize(
    ("query", "status", "parameter"),
    [
        ("environment=production", 422, "environment"),
        ("object_type=banana", 422, "object_type"),
        ("limit=0", 422, "limit"),
        ("cursor=nonsense", 422, "cursor"),
        ("cursor=eyJpZCI6ICJ4In0", 422, "cursor"),
        ("object_key=%00", 422, "object_key"),
        ("project=%00", 422, "project"),
        ("project=ghost", 404, None),
        ("project=shop&environment=ghost", 404, None),
    ],
)
async def test_a_query_that_cannot_be(shop: Shop, query: str, status: int, parameter: str | None) -> None:
    """What is wrong with a query is named by its parameter; places that are none are not found."""
    response = await shop.send("GET", f"/api/v1/changes?{query}")
    assert response.status_code == status, response.text
    assert parameter is None or parameter in shop.problems(response)


async def test_a_key_of_one_project_sees_that_project_only(shop: Shop) -> None:
    """A key limited to a project lists its changes without asking, and no other project's."""
    await shop.made("/api/v1/projects", {"key": "other", "name": "Other"})
    key = await shop.made("/api/v1/keys", {"kind": "admin", "name": "limited", "project": "other"})
    headers = {"Authorization": f"Bearer {key['token']}"}
    own = await shop.send("GET", "/api/v1/changes", headers=headers)
    assert {entry["project"] for entry in own.json()["items"]} == {"other"}
    assert (await shop.send("GET", "/api/v1/changes?project=shop", headers=headers)).status_code == 403


async def test_the_log_is_not_for_everyone(shop: Shop) -> None:
    """Without credentials: 401; nobody writes to it."""
    assert (await shop.send("GET", "/api/v1/changes", headers={"Authorization": ""})).status_code == 401
    assert (await shop.send("POST", "/api/v1/changes", json={})).status_code == 405
