"""Flags through the API, on both databases."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest
from pydantic import TypeAdapter

from flagd.flags.schemas import FlagList, FlagView, TargetingView

from .shop import COLOURS, Shop, targeting_of


async def test_a_new_flag_is_off_everywhere(shop: Shop) -> None:
    """Creating a flag gives it a targeting in every environment: off, serving nothing but its off variant."""
    before = await shop.revisions()
    made = await shop.flag(name="Ny kassa 新", tags=["kassa"], owner="team-köp")
    assert made["variant_order"] == ["on", "off"]
    assert (made["version"], made["archived"], made["name"]) == (1, False, "Ny kassa 新")
    for environment in ("development", "production"):
        targeting = await shop.get(targeting_of("checkout", environment))
        assert (targeting["enabled"], targeting["default"], targeting["off_variant"]) == (
            False,
            {"variant": "on"},
            "off",
        )
    assert await shop.revisions() == (before[0] + 1, before[1] + 1)


async def test_what_is_answered_has_the_documented_shape(shop: Shop) -> None:
    """Flags, lists and targetings fit the shapes of the OpenAPI document exactly."""
    await shop.made("flags", COLOURS)
    await shop.wrote(
        targeting_of("colour"),
        {
            "default": {"split": {"weights": {"blue": 99.999, "red": 0.001}}},
            "rules": {
                "r1": {
                    "if": {"not": {"any": [{"attribute": "a", "op": "exists"}]}},
                    "serve": {"variant": "red"},
                }
            },
        },
    )
    TypeAdapter(FlagView).validate_python(await shop.get("flags/colour"))
    TypeAdapter(FlagList).validate_python(await shop.get("flags"))
    TypeAdapter(TargetingView).validate_python(await shop.get(targeting_of("colour")))


async def test_creating_says_where_and_which_version(shop: Shop) -> None:
    """201 comes with the new flag's address and its ETag."""
    response = await shop.send("POST", "flags", json={"key": "checkout", "kind": "boolean"})
    assert response.headers["location"] == f"{shop.path}/flags/checkout"
    assert response.headers["etag"] == '"v1"'
    assert (await shop.send("GET", response.headers["location"])).json() == response.json()


async def test_a_key_is_taken_for_good(shop: Shop) -> None:
    """A key that is in use, or that an archived flag has, is a conflict that names the field."""
    await shop.flag()
    for archived in (False, True):
        if archived:
            await shop.wrote("flags/checkout/archive")
        response = await shop.send(
            "POST", "flags", json={"key": "checkout", "kind": "string", "variants": {"a": {"value": ""}}}
        )
        assert response.status_code == 409
        assert "already a flag 'checkout'" in shop.problems(response)["#/key"]


@pytest.mark.parametrize(
    ("document", "pointer"),
    [
        ({"key": "not a key", "kind": "boolean"}, "#/key"),
        ({"kind": "boolean"}, "#/key"),
        ({"key": "a", "kind": "integer", "variants": {"one": {"value": "1"}}}, "#/variants/one/value"),
        (
            {"key": "a", "kind": "object", "variants": {"x": {"value": {"n": [2**60]}}}},
            "#/variants/x/value/n/0",
        ),
        ({"key": "a", "kind": "boolean", "unknown": 1}, "#/unknown"),
        ([], "#"),
        ("text", "#"),
        (None, "#"),
    ],
)
async def test_a_flag_that_cannot_be_leaves_no_trace(shop: Shop, document: Any, pointer: str) -> None:
    """A refused flag is answered with the field at fault; no row and no entry of the log stays behind."""
    before = await shop.state()
    response = await shop.send("POST", "flags", json=document)
    assert response.status_code == 422
    assert pointer in shop.problems(response)
    assert await shop.state() == before


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        (b"{", 400, "not valid JSON"),
        (b'{"key": "a", "key": "b", "kind": "boolean"}', 400, "'key' appears twice"),
        (b'{"key": "a", "kind": "boolean", "name": "a\\u0000b"}', 400, "NUL"),
        (b'{"key": "a", "kind": "boolean", "name": "\\ud800"}', 400, "not valid JSON"),
        (b'{"key": "a", "kind": "float", "variants": {"x": {"value": NaN}}}', 400, "not valid JSON"),
        (b'{"key": "a", "kind": "float", "variants": {"x": {"value": 1e999}}}', 400, "not valid JSON"),
        (b'{"key": "a", "kind": "boolean", "name": "\xff"}', 400, "not valid JSON"),
        (b"[" * 100_000, 400, "not valid JSON"),
        (b'{"a":' * 900 + b"1" + b"}" * 900, 422, "64 levels deep"),
        (b'{"key": "a", "kind": "boolean", "description": "' + b"x" * 1_000_000 + b'"}', 413, ""),
    ],
    ids=["cut", "repeated", "nul", "surrogate", "nan", "infinite", "latin", "brackets", "deep", "megabyte"],
)
async def test_bodies_that_cannot_be_read(shop: Shop, body: bytes, status: int, words: str) -> None:
    """A body that is no JSON, means two things, or is too large is refused and leaves no trace."""
    before = await shop.state()
    response = await shop.send("POST", "flags", content=body, headers={"Content-Type": "application/json"})
    assert response.status_code == status, response.text
    assert words in shop.problems(response)["detail"]
    assert await shop.state() == before


async def test_a_patch_changes_what_it_names(shop: Shop) -> None:
    """A patch raises the version by one, reaches every environment, and says so in the log."""
    await shop.flag(description="old", tags=["a"])
    before = await shop.revisions()
    changed = await shop.wrote("flags/checkout", {"description": None, "client_visible": True})
    assert (changed["description"], changed["tags"], changed["client_visible"]) == ("", ["a"], True)
    assert (changed["version"], await shop.revisions()) == (2, (before[0] + 1, before[1] + 1))
    entry = (await shop.get("/api/v1/changes?limit=1"))["items"][0]
    assert (entry["object_type"], entry["object_key"], entry["action"]) == ("flag", "checkout", "update")
    assert (entry["before"]["description"], entry["after"]["description"]) == ("old", "")
    assert entry["environments"] == {"development": before[0] + 1, "production": before[1] + 1}


async def test_a_patch_without_effect_is_no_write(shop: Shop) -> None:
    """What changes nothing answers 200 with the same version, and the log stays as it was."""
    await shop.flag(name="Kassa")
    before = await shop.state()
    for patch in ({}, {"name": "Kassa"}, await shop.get("flags/checkout")):
        response = await shop.write("flags/checkout", patch)
        assert (response.status_code, response.headers["etag"]) == (200, '"v1"')
    assert await shop.state() == before


@pytest.mark.parametrize(
    "path", ["flags/checkout", "flags/checkout/archive", "flags/checkout/restore", targeting_of("checkout")]
)
async def test_a_write_says_what_it_is_based_on(shop: Shop, path: str) -> None:
    """Without If-Match: 428. With what is no version: 400. With an old version: 412 and the current ETag."""
    await shop.flag()
    await shop.wrote("flags/checkout", {"name": "Two"})
    await shop.wrote(targeting_of("checkout"), {"enabled": True})
    before = await shop.state()
    method = "POST" if path.endswith(("archive", "restore")) else "PATCH"
    body = (
        {}
        if method == "POST"
        else {"json": {"name": "Three"} if path == "flags/checkout" else {"enabled": False}}
    )
    assert (await shop.send(method, path, **body)).status_code == 428
    for header in ("v1", '"v"', "*", '"v1", "v2"', 'W/"v2"', '"v-1"', b'"v1\xb2"'):
        assert (await shop.send(method, path, headers={"If-Match": header}, **body)).status_code == 400, (
            header
        )
    stale = await shop.send(method, path, headers={"If-Match": '"v1"'}, **body)
    assert (stale.status_code, stale.headers["etag"]) == (412, '"v2"')
    assert "version 2" in stale.json()["detail"]
    assert await shop.state() == before


async def test_a_used_variant_is_not_removed(shop: Shop) -> None:
    """Removing a variant names every place that serves it or waits for it; unused ones go."""
    await shop.made("flags", COLOURS)
    await shop.flag()
    await shop.wrote(
        targeting_of("colour"),
        {"off_variant": "blue", "default": {"split": {"weights": {"blue": 50, "red": 50}}}},
    )
    await shop.wrote(
        targeting_of("colour", "development"), {"off_variant": "blue", "targets": {"red": ["alice"]}}
    )
    await shop.wrote(targeting_of("checkout"), {"prerequisites": {"colour": ["red"]}})
    told = await shop.refused("flags/colour", {"variants": {"red": None}}, 409)
    for place in (
        "targets in 'development'",
        "default in 'production'",
        "prerequisite of 'checkout' in 'production'",
    ):
        assert place in told["#/variants/red"]
    assert (await shop.wrote("flags/colour", {"variants": {"green": None}}))["variant_order"] == [
        "blue",
        "red",
    ]


async def test_an_archived_flag_is_closed_to_changes(shop: Shop) -> None:
    """An archived flag is readable, not listed unless asked for, and refuses every write but being restored."""
    await shop.flag()
    archived = await shop.wrote("flags/checkout/archive")
    assert (archived["archived"], archived["version"]) == (True, 2)
    assert (await shop.get("flags"))["items"] == []
    assert len((await shop.get("flags?archived=true"))["items"]) == 1
    assert "is archived" in (await shop.refused("flags/checkout", {"name": "x"}, 409))["detail"]
    assert "is archived" in (await shop.refused(targeting_of("checkout"), {"enabled": True}, 409))["detail"]
    again = await shop.write("flags/checkout/archive")
    assert (again.status_code, again.json()["version"]) == (200, 2)
    assert (await shop.wrote("flags/checkout/restore"))["archived"] is False


async def test_archiving_and_restoring_keeps_everyone_where_they_were(shop: Shop) -> None:
    """Salt and arcs are the same after a flag was away."""
    await shop.flag()
    await shop.wrote(targeting_of("checkout"), {"default": {"split": {"weights": {"on": 20, "off": 80}}}})
    await shop.wrote(targeting_of("checkout"), {"default": {"split": {"weights": {"on": 35, "off": 65}}}})
    before = (await shop.get(targeting_of("checkout")))["default"]
    await shop.wrote("flags/checkout/archive")
    await shop.wrote("flags/checkout/restore")
    after = (await shop.get(targeting_of("checkout")))["default"]
    assert after == before
    assert len(after["split"]["salt"]) == 16


async def test_a_prerequisite_is_not_archived(shop: Shop) -> None:
    """A flag that another waits for stays, and the answer names the other; archived flags wait for nothing."""
    await shop.flag()
    await shop.flag(key="parent")
    await shop.wrote(targeting_of("checkout"), {"prerequisites": {"parent": ["on"]}})
    told = await shop.refused("flags/parent/archive", status=409)
    assert "prerequisite of 'checkout' in 'production'" in told["detail"]
    await shop.wrote("flags/checkout/archive")
    await shop.wrote("flags/parent/archive")
    told = await shop.refused("flags/checkout/restore", status=409)
    assert "needs what is archived: flag 'parent'" in told["detail"]
    await shop.wrote("flags/parent/restore")
    await shop.wrote("flags/checkout/restore")


async def test_lists_come_in_pages_by_code_point(shop: Shop) -> None:
    """Keys are listed in the order of code points on every database, each exactly once over all pages."""
    keys = ["b", "a", "B", "A-1", "a_2", "a.3", "Z", "10", "9"]
    for key in keys:
        await shop.flag(key=key)
    found: list[str] = []
    cursor = ""
    while True:
        page = await shop.get(f"flags?limit=2{cursor}")
        found += [flag["key"] for flag in page["items"]]
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"
    assert found == sorted(keys)


async def test_lists_are_searched_in_keys_and_names(shop: Shop) -> None:
    """A search finds part of a key or a name whatever its case, and takes % and _ as they are."""
    await shop.flag(key="new-checkout", name="Kassan")
    await shop.flag(key="banner", name="100% off_")
    for text, keys in {
        "CHECK": ["new-checkout"],
        "kass": ["new-checkout"],
        "0%25": ["banner"],
        "n_": [],
        "f_": ["banner"],
    }.items():
        assert [flag["key"] for flag in (await shop.get(f"flags?search={text}"))["items"]] == keys


async def test_a_search_finds_names_in_every_script(shop: Shop) -> None:
    """Upper and lower case are the same beyond ASCII too, whichever way round, on both databases."""
    await shop.flag(name="Übersicht ЖУК")
    for text in ("über", "ÜBER", "Übers", "жук", "Жук"):
        found = (await shop.get(f"flags?search={quote(text)}"))["items"]
        assert [flag["key"] for flag in found] == ["checkout"], text


@pytest.mark.parametrize(
    ("query", "parameter"),
    [
        ("limit=0", "limit"),
        ("limit=101", "limit"),
        ("limit=x", "limit"),
        ("cursor=%00", "cursor"),
        ("cursor=e30", "cursor"),
        ("archived=perhaps", "archived"),
        ("search=" + "x" * 201, "search"),
    ],
)
async def test_a_list_names_the_parameter_at_fault(shop: Shop, query: str, parameter: str) -> None:
    """A query that cannot be is answered with the parameter's name."""
    response = await shop.send("GET", f"flags?{query}")
    assert response.status_code == 422
    assert parameter in shop.problems(response)


@pytest.mark.parametrize(
    "path",
    [
        "flags/ghost",
        "flags/%00",
        "flags/a%20b",
        "flags/%C3%A9",
        targeting_of("ghost"),
        targeting_of("checkout", "ghost"),
        "segments/ghost",
        "segments/%00",
        "flags?search=%00",
    ],
)
async def test_what_is_not_there_is_not_found(shop: Shop, path: str) -> None:
    """Names of nothing, names that no key can be included, are 404; a search for them finds nothing."""
    await shop.flag()
    response = await shop.send("GET", path)
    assert response.status_code == (422 if "search" in path else 404), response.text
    shop.problems(response)


async def test_an_archived_project_is_closed_to_changes(shop: Shop) -> None:
    """Nothing is created or changed in an archived project."""
    await shop.flag()
    response = await shop.send("POST", f"{shop.path}/archive", headers={"If-Match": '"v1"'})
    assert response.status_code == 200, response.text
    assert (
        "project 'shop' is archived" in (await shop.refused("flags/checkout", {"name": "x"}, 409))["detail"]
    )
    assert (
        "project 'shop' is archived"
        in (await shop.refused(targeting_of("checkout"), {"enabled": True}, 409))["detail"]
    )
    for path, document in (("flags", {"key": "a", "kind": "boolean"}), ("segments", {"key": "a"})):
        assert (await shop.send("POST", path, json=document)).status_code == 409


async def test_nobody_writes_without_credentials(shop: Shop) -> None:
    """A request without a key is 401 and leaves no trace."""
    await shop.flag()
    before = await shop.state()
    headers = {"Authorization": "", "X-API-Key": "", "If-Match": '"v1"'}
    response = await shop.send("PATCH", "flags/checkout", json={"name": "x"}, headers=headers)
    assert response.status_code == 401
    assert await shop.state() == before
