"""Layers through the API, on both databases."""

from __future__ import annotations

import pytest
from pydantic import TypeAdapter

from flagd.flags.layers.schemas import LayerList, LayerView

from .conftest import Shop, owners_of


async def test_a_layer_is_made_read_and_listed(shop: Shop) -> None:
    """What was created comes back alike from every place, in its documented shape, at an address of its own."""
    response = await shop.send(
        "POST", "layers", json={"key": "pages", "unit": "organization.id", "salt": "old", "name": "Ünder"}
    )
    assert response.status_code == 201, response.text
    assert response.headers["location"] == f"{shop.path}/layers/pages"
    assert response.headers["etag"] == '"v1"'
    made = response.json()
    assert (made["unit"], made["salt"], made["version"]) == ("organization.id", "old", 1)
    assert await shop.get("layers/pages") == made
    assert (await shop.get("layers"))["items"] == [made]
    assert (await shop.get("layers?search=üND"))["items"] == [made]
    assert (await shop.get("layers?search=none"))["items"] == []
    TypeAdapter(LayerView).validate_python(made)
    TypeAdapter(LayerList).validate_python(await shop.get("layers"))


async def test_salts_are_random_and_stay(shop: Shop) -> None:
    """Each layer gets a salt of its own, and keeps it through edits, archiving and restoring."""
    salts = {(await shop.layer(key))["salt"] for key in ("a", "b", "c")}
    assert len(salts) == 3
    await shop.wrote("layers/a", {"name": "A", "description": "first"})
    await shop.wrote("layers/a/archive")
    assert (await shop.wrote("layers/a/restore"))["salt"] in salts


async def test_pages_of_layers_follow_each_other(shop: Shop) -> None:
    """A list in pages shows every layer once, in the order of keys, and archived ones on demand."""
    for key in ("c", "B", "a", "d"):
        await shop.layer(key)
    await shop.wrote("layers/d/archive")
    first = await shop.get("layers?limit=2")
    second = await shop.get(f"layers?limit=2&cursor={first['next_cursor']}")
    assert [item["key"] for item in first["items"] + second["items"]] == ["B", "a", "c"]
    assert second["next_cursor"] is None
    assert [item["key"] for item in (await shop.get("layers?archived=true"))["items"]] == [*"Bacd"]


async def test_changes_of_a_layer_are_in_the_log(shop: Shop) -> None:
    """Who did what is kept with before and after; no application notices, so no revision is spent."""
    before = await shop.revisions()
    await shop.layer()
    await shop.wrote("layers/pages", {"name": "Pages"})
    await shop.wrote("layers/pages", {"name": "Pages"})
    await shop.wrote("layers/pages/archive")
    entries = (await shop.get("/api/v1/changes?project=shop&object_type=layer"))["items"]
    assert [(entry["action"], entry["object_key"]) for entry in entries] == [
        ("archive", "pages"),
        ("update", "pages"),
        ("create", "pages"),
    ]
    assert [entry["after"]["name"] for entry in entries] == ["Pages", "Pages", "pages"]
    assert entries[-1]["before"] is None
    assert [entry["environments"] for entry in entries] == [{}, {}, {}]
    assert await shop.revisions() == before


async def test_a_layer_key_is_given_once(shop: Shop) -> None:
    """A key that is or was in use is refused, naming the field."""
    await shop.layer()
    await shop.wrote("layers/pages/archive")
    response = await shop.send("POST", "layers", json={"key": "pages"})
    assert response.status_code == 409
    assert "perhaps an archived one" in shop.problems(response)["#/key"]


async def test_a_layer_that_cannot_be_is_refused(shop: Shop) -> None:
    """Every problem is told with its place; nothing is left behind."""
    before = await shop.state()
    response = await shop.send("POST", "layers", json={"key": "a b", "unit": 7, "colour": "red"})
    assert response.status_code == 422
    assert {"#/key", "#/unit", "#/colour"} <= set(shop.problems(response))
    assert await shop.state() == before


async def test_whom_a_layer_places_stays_while_it_has_flags(shop: Shop) -> None:
    """Another unit or salt would mix up all its experiments: refused with the flags, allowed once they are gone."""
    made = await shop.layer()
    await shop.wrote(owners_of(), {"flags": {"price": 0}})
    for patch, pointer in (
        ({"unit": "device"}, "#/unit"),
        ({"salt": None}, "#/salt"),
        ({"salt": "x"}, "#/salt"),
    ):
        told = await shop.refused("layers/pages", patch, 409)
        assert "'price' in 'production'" in told[pointer]
    await shop.wrote("layers/pages", {"name": "Pages", "salt": made["salt"]})
    await shop.wrote(owners_of(), {"flags": {"price": None}})
    changed = await shop.wrote("layers/pages", {"unit": "device", "salt": None})
    assert changed["unit"] == "device"
    assert changed["salt"] != made["salt"]


async def test_a_layer_with_flags_is_not_archived(shop: Shop) -> None:
    """While a layer has a flag anywhere it stays; once it is put away it is closed to changes."""
    await shop.layer()
    await shop.wrote(owners_of(environment="development"), {"flags": {"price": 10}, "holdout": 5})
    told = await shop.refused("layers/pages/archive", status=409)
    assert "'price' in 'development'" in told["detail"]
    await shop.wrote(owners_of(environment="development"), {"flags": {"price": None}})
    assert (await shop.wrote("layers/pages/archive"))["archived"] is True
    assert "is archived" in (await shop.refused("layers/pages", {"name": "x"}, 409))["detail"]
    assert "is archived" in (await shop.refused(owners_of(), {"flags": {"price": 1}}, 409))["detail"]
    assert (await shop.wrote("layers/pages/restore"))["archived"] is False
    assert (await shop.get(owners_of(environment="development")))["holdout"] == 5


async def test_a_flag_in_a_layer_is_not_archived(shop: Shop) -> None:
    """A flag leaves its layer before it is put away, so that nobody's slots are kept by what is not served."""
    await shop.layer()
    await shop.wrote(owners_of(), {"flags": {"price": 10}})
    told = await shop.refused("flags/price/archive", status=409)
    assert told["detail"] == "'price' is in the layer 'pages' in 'production'"
    await shop.wrote(owners_of(), {"flags": {"price": None}})
    await shop.wrote("flags/price/archive")
    assert "or it is archived" in (await shop.refused(owners_of(), {"flags": {"price": 1}}))["#/flags/price"]
    await shop.wrote("flags/price/restore")
    await shop.wrote(owners_of(), {"flags": {"price": 1}})


async def test_layer_writes_say_what_they_are_based_on(shop: Shop) -> None:
    """Without If-Match: 428; with an old version: 412 and the current ETag."""
    await shop.layer()
    await shop.wrote("layers/pages", {"name": "Pages"})
    assert (await shop.send("PATCH", "layers/pages", json={"name": "x"})).status_code == 428
    for path, patch in (
        ("layers/pages", {"name": "x"}),
        ("layers/pages/archive", None),
        ("layers/pages/restore", None),
    ):
        stale = await shop.write(path, patch, version=1)
        assert (stale.status_code, stale.headers["etag"]) == (412, '"v2"')


@pytest.mark.parametrize("path", ["layers/ghost", "layers/%00", owners_of("ghost"), "layers/ghost/archive"])
async def test_a_layer_that_is_not_there_is_not_found(shop: Shop, path: str) -> None:
    """What names no layer is answered as missing, for reading and for writing."""
    assert path.endswith("archive") or (await shop.send("GET", path)).status_code == 404
    assert (await shop.write(path, {}, version=1)).status_code == 404
