"""The JSON Schema of a flag through the API, on both databases."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from pydantic import TypeAdapter

from flagd.flags.schemas import FlagList, FlagView

from .shop import Shop

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"timeout": {"type": "number", "maximum": 10.5}, "note": {"default": None}},
    "required": ["timeout"],
}
LIMITS: dict[str, Any] = {
    "key": "limits",
    "kind": "object",
    "variants": {"short": {"value": {"timeout": 1}}, "long": {"value": {"timeout": 10}}},
}


async def test_a_schema_is_kept_as_it_was_sent(shop: Shop) -> None:
    """A flag's schema is in its document and in lists; a flag without one says null."""
    made = await shop.made("flags", LIMITS | {"schema": SCHEMA})
    await shop.flag()
    assert made["schema"] == SCHEMA
    assert await shop.get("flags/limits") == made
    listed = await shop.get("flags")
    assert [flag["schema"] for flag in listed["items"]] == [None, SCHEMA]
    TypeAdapter(FlagView).validate_python(made)
    TypeAdapter(FlagList).validate_python(listed)
    assert (await shop.write("flags/limits", made)).headers["etag"] == '"v1"'


async def test_a_schema_is_set_replaced_and_removed(shop: Shop) -> None:
    """A patch replaces the schema whole and null removes it; the log has it before and after."""
    await shop.made("flags", LIMITS)
    other = {"properties": {"timeout": {"minimum": 1}}, "default": None}
    steps: list[Any] = [None, SCHEMA, other, None]
    for version, (before, after) in enumerate(pairwise(steps), 2):
        changed = await shop.wrote("flags/limits", {"schema": after})
        assert (changed["schema"], changed["version"]) == (after, version)
        entry = (await shop.get("/api/v1/changes?limit=1"))["items"][0]
        assert (entry["before"]["schema"], entry["after"]["schema"]) == (before, after)


@pytest.mark.parametrize(
    ("patch", "pointer", "words"),
    [
        ({"variants": {"short": {"value": {}}}}, "#/variants/short/value", "'timeout' is a required"),
        ({"variants": {"new": {"value": {"timeout": "1"}}}}, "#/variants/new/value/timeout", "'number'"),
        ({"schema": {"maxProperties": 0}}, "#/variants/long/value", "more than 0 properties"),
        ({"schema": {"properties": {"timeout": {"type": "str"}}}}, "#/schema/properties/timeout/type", "no JSON"),
        ({"schema": {"$ref": "http://127.0.0.1/x"}}, "#/schema/$ref", "a part of this schema"),
        ({"schema": "text"}, "#/schema", "not a string"),
    ],
)  # fmt: skip
async def test_what_breaks_a_schema_leaves_no_trace(shop: Shop, patch: Any, pointer: str, words: str) -> None:
    """A value that its flag's schema does not allow is refused by its place, and so is a schema that is none."""
    await shop.made("flags", LIMITS | {"schema": SCHEMA})
    told = (await shop.refused("flags/limits", patch))[pointer]
    assert words in told.replace('"', "'")


async def test_a_new_flag_satisfies_its_schema(shop: Shop) -> None:
    """A flag is not created with a value that its own schema refuses: also not with the on and off of a boolean."""
    before = await shop.state()
    for document, pointer in (
        (LIMITS | {"schema": {"maxProperties": 0}}, "#/variants/long/value"),
        ({"key": "a", "kind": "boolean", "schema": {"const": True}}, "#/variants/off/value"),
    ):
        response = await shop.send("POST", "flags", json=document)
        assert response.status_code == 422
        assert pointer in shop.problems(response)
    assert await shop.state() == before
