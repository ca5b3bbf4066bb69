"""Flags from documents: new ones, patched ones, and what no flag can be."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flagd.flags.model import Flag
from flagd.flags.patch import new_flag, patch_flag
from flagd.flags.patch.values import MAX_VALUE_BYTES, canonical
from flagd.flags.rows import flag_of, flag_values

from .builders import NOW, flag, problems_of

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.floats(-1e9, 1e9)
    | st.text("aé小", max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text("abc", max_size=3), inner, max_size=3)
    ),
    max_leaves=10,
)


def created(**document: Any) -> Flag:
    """A flag from a document with a key."""
    return new_flag({"key": "checkout", **document}, "id", "project", NOW)


def refused(**document: Any) -> dict[str, str]:
    """What is wrong with a new flag's document, by pointer."""
    return problems_of(lambda: created(**document))


def with_value(kind: str, value: Any) -> dict[str, Any]:
    """The document of a flag with one variant of this value."""
    return {"kind": kind, "variants": {"only": {"value": value}}}


def test_a_boolean_flag_needs_nothing_but_its_key() -> None:
    """A boolean flag without variants has on and off, in this order, and its key as its name."""
    made = created(kind="boolean")
    assert made.document() == {
        "key": "checkout",
        "name": "checkout",
        "kind": "boolean",
        "variants": {"on": {"value": True, "description": ""}, "off": {"value": False, "description": ""}},
        "variant_order": ["on", "off"],
        "client_visible": False,
        "description": "",
        "tags": [],
        "owner": "",
        "permanent": False,
        "schema": None,
        "version": 1,
        "archived": False,
        "created_at": "2026-11-23T12:00:00Z",
        "updated_at": "2026-11-23T12:00:00Z",
    }


@pytest.mark.parametrize(
    ("kind", "value", "stored"),
    [
        ("boolean", False, False),
        ("string", "grün 小 👩🏽‍🚀\n", "grün 小 👩🏽‍🚀\n"),
        ("string", "", ""),
        ("integer", 2**53 - 1, 2**53 - 1),
        ("integer", 5.0, 5),
        ("float", 5, 5.0),
        ("float", -0.0, 0.0),
        ("float", 1e300, 1e300),
        ("object", {"b": [1, None], "a": {"y": 1, "x": -0.0}}, {"a": {"x": 0.0, "y": 1}, "b": [1, None]}),
    ],
)
def test_values_fit_the_kind(kind: str, value: Any, stored: Any) -> None:
    """A value is kept as its kind has it; integers and floats come out as what they are."""
    (variant,) = created(**with_value(kind, value)).variants
    assert orjson.dumps(variant.value) == orjson.dumps(stored)


@pytest.mark.parametrize(
    ("kind", "value", "place", "words"),
    [
        ("boolean", "true", "", "must be true or false, not a string"),
        ("boolean", 1, "", "must be true or false, not a number"),
        ("string", 5, "", "must be a string, not a number"),
        ("string", None, "", "must have a value"),
        ("string", "a\x00b", "", "NUL"),
        ("string", "\ud800", "", "valid Unicode"),
        ("string", "x" * MAX_VALUE_BYTES, "", "at most 65536 bytes"),
        ("integer", True, "", "must be an integer, not a boolean"),
        ("integer", "5", "", "must be an integer, not a string"),
        ("integer", 5.5, "", "has a fraction"),
        ("integer", 2**53, "", "2^53 - 1"),
        ("integer", float("nan"), "", "2^53 - 1"),
        ("float", True, "", "must be a number, not a boolean"),
        ("float", float("inf"), "", "finite"),
        ("float", 10**400, "", "finite"),
        ("object", [1], "", "must be an object, not an array"),
        ("object", {"a": [{"b/c": 2**60}]}, "/a/0/b~1c", "2^53 - 1"),
        ("object", {"a": "\x00"}, "/a", "NUL"),
        ("object", {"\x00": 1}, "", "NUL"),
    ],
)
def test_values_that_do_not_fit(kind: str, value: Any, place: str, words: str) -> None:
    """A value of another kind is named by its exact place, inside objects too."""
    assert words in refused(**with_value(kind, value))[f"/variants/only/value{place}"]


@given(value=st.dictionaries(st.text("abc", max_size=3), JSON, max_size=3))
def test_objects_survive_storage_in_any_order(value: dict[str, Any]) -> None:
    """An object comes back from the database as it was made, whatever order its members were kept in."""
    made = created(**with_value("object", value))
    row = {**made.document(), **flag_values(made), "id": made.id, "project_id": made.project_id}
    row |= {"version": 1, "created_at": NOW, "updated_at": NOW}
    row["variants"] = orjson.loads(orjson.dumps(row["variants"]))
    row["variants"]["only"]["value"] = dict(reversed(row["variants"]["only"]["value"].items()))
    again = flag_of(row)
    assert orjson.dumps(again.variants[0].value) == orjson.dumps(made.variants[0].value)
    assert canonical(value).keys() == value.keys()


@pytest.mark.parametrize(
    ("document", "pointer", "words"),
    [
        ({}, "/kind", "is required"),
        ({"kind": "bool"}, "/kind", "must be one of boolean, string, integer, float, object"),
        ({"kind": ["boolean"]}, "/kind", "must be one of"),
        ({"kind": "string"}, "/variants", "a string flag needs the values it can take"),
        ({"kind": "string", "variants": {}}, "/variants", "1 to 100 variants, not 0"),
        ({"kind": "string", "variants": []}, "/variants", "must be an object, not an array"),
        ({"kind": "string", "variants": {"a b": {"value": "x"}}}, "/variants/a b", "must be letters"),
        ({"kind": "string", "variants": {"a": "x"}}, "/variants/a", "must be an object, not a string"),
        (
            {"kind": "string", "variants": {"a": {"value": "x", "weight": 1}}},
            "/variants/a/weight",
            "unknown member",
        ),
        ({"kind": "boolean", "variant_order": ["on"]}, "/variant_order", "missing: off"),
        (
            {"kind": "boolean", "variant_order": ["on", "off", "x"]},
            "/variant_order/2",
            "there is no variant 'x'",
        ),
        ({"kind": "boolean", "name": ""}, "/name", "1 to 128 characters"),
        ({"kind": "boolean", "name": "a\nb"}, "/name", "one line"),
        ({"kind": "boolean", "name": 5}, "/name", "must be a string"),
        ({"kind": "boolean", "tags": ["a", "a"]}, "/tags/1", "appears twice"),
        ({"kind": "boolean", "tags": "a"}, "/tags", "must be an array"),
        ({"kind": "boolean", "tags": [1]}, "/tags/0", "must be a string"),
        ({"kind": "boolean", "owner": 0}, "/owner", "must be a string"),
        ({"kind": "boolean", "permanent": "no"}, "/permanent", "must be true or false"),
        ({"kind": "boolean", "client_visible": None}, "/client_visible", "cannot be removed"),
        ({"kind": "boolean", "version": 3}, "/version", "unknown member"),
        ({"kind": "boolean", "enabled": True}, "/enabled", "unknown member"),
    ],
)
def test_flags_that_cannot_be(document: dict[str, Any], pointer: str, words: str) -> None:
    """Whatever is wrong with a new flag is named by its place."""
    assert words in refused(**document)[pointer]


@pytest.mark.parametrize("key", ["", "-a", ".a", "a b", "a/b", "é", "a" * 129, "a\n", None, 5])
def test_keys_that_cannot_be(key: Any) -> None:
    """A key is letters, digits, dots, underscores and hyphens, and begins with a letter or digit."""
    assert problems_of(lambda: new_flag({"key": key, "kind": "boolean"}, "i", "p", NOW)).keys() == {"/key"}
    assert problems_of(lambda: new_flag({"kind": "boolean"}, "i", "p", NOW)) == {"/key": "is required"}


def test_variants_are_added_changed_and_removed_by_name() -> None:
    """A patch names the variants it means; new ones come last, and the order can be given."""
    old = flag("blue", "green")
    changed = patch_flag(
        old, {"variants": {"red": {"value": "#f00"}, "blue": {"description": "calm"}, "green": None}}
    )
    assert changed.document()["variants"] == {
        "blue": {"value": "blue", "description": "calm"},
        "red": {"value": "#f00", "description": ""},
    }
    assert patch_flag(changed, {"variant_order": ["red", "blue"]}).variant_keys == ("red", "blue")


def test_a_document_sent_back_changes_nothing() -> None:
    """The document that was read is a patch without effect, and applying a patch twice is applying it once."""
    old = flag("blue", "green")
    assert patch_flag(old, old.document()) == old
    patch = {"name": "Färg", "variants": {"blue": None, "red": {"value": "r"}}, "tags": ["ui"], "owner": None}
    once = patch_flag(old, patch)
    assert once != old
    assert patch_flag(once, patch) == once


@pytest.mark.parametrize(
    ("patch", "pointer", "words"),
    [
        ({"key": "other"}, "/key", "cannot be changed here"),
        ({"kind": "float"}, "/kind", "cannot be changed here"),
        ({"archived": True}, "/archived", "cannot be changed here"),
        ({"name": None}, "/name", "cannot be removed"),
        ({"variants": None}, "/variants", "cannot be removed"),
        ({"variants": {"blue": None, "green": None}}, "/variants", "1 to 100 variants, not 0"),
        ({"variants": {"blue": {"value": None}}}, "/variants/blue/value", "must have a value"),
        ({"colour": "red"}, "/colour", "unknown member; known here: key, kind, name"),
    ],
)
def test_patches_that_cannot_be(patch: dict[str, Any], pointer: str, words: str) -> None:
    """Whatever is wrong with a patch is named by its place in it."""
    assert words in problems_of(lambda: patch_flag(flag("blue", "green"), patch))[pointer]


def test_very_many_problems_are_not_all_told() -> None:
    """An answer names the first fifty mistakes, however many there are."""
    variants = {f"v{number}": {"value": number} for number in range(90)}
    assert len(refused(kind="string", variants=variants)) == 50
