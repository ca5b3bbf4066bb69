"""Layers from documents: what they get by default, what is kept, and what is refused."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import BaseModel

from flagd.errors import Invalid
from flagd.flags.layers.model import Layer, blank_allocation
from flagd.flags.layers.patch import Surroundings, new_layer, patch_layer, reallocate
from flagd.flags.layers.schemas import AllocationPatch, LayerCreate, LayerPatch

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


def made(**document: Any) -> Layer:
    """A new layer, called shop unless it is said otherwise; its random salt would be `random`."""
    return new_layer({"key": "shop", **document}, ("id", "id-of-project"), "random", NOW)


def test_a_layer_needs_nothing_but_a_key() -> None:
    """The name is the key, units are targeting keys, and the salt is random."""
    layer = made()
    assert (layer.name, layer.unit, layer.salt, layer.version) == ("shop", "targetingKey", "random", 1)


def test_a_layer_can_be_brought_along() -> None:
    """A salt and a unit that are given are kept, so that a layer made elsewhere places everybody as it did there."""
    layer = made(name="Shop", description="Two\nlines", unit="organization.id", salt="old")
    assert (layer.name, layer.description, layer.unit, layer.salt) == (
        "Shop",
        "Two\nlines",
        "organization.id",
        "old",
    )


def test_a_patch_changes_what_it_names() -> None:
    """Members left out stay; null gives back the default, and for the salt a new one."""
    layer = made(name="Shop", description="old", unit="device", salt="old")
    assert patch_layer(layer, {"name": "New"}, "fresh").document() == layer.document() | {"name": "New"}
    reset = patch_layer(layer, {"description": None, "unit": None, "salt": None}, "fresh")
    assert (reset.description, reset.unit, reset.salt) == ("", "targetingKey", "fresh")


def test_a_document_sent_back_changes_nothing() -> None:
    """What was read can be sent as a patch."""
    layer = made(description="x")
    assert patch_layer(layer, layer.document(), "fresh") == layer


@pytest.mark.parametrize(
    ("document", "pointer", "words"),
    [
        ({"key": "a b"}, "/key", "must be letters, digits"),
        ({"key": 7}, "/key", "must be a string, not a number"),
        ({"key": "(free)"}, "/key", "must be letters, digits"),
        ({"name": ""}, "/name", "must have 1 to 128 characters"),
        ({"name": None}, "/name", "cannot be removed"),
        ({"description": "\0"}, "/description", "control characters"),
        ({"unit": ""}, "/unit", "must have 1 to 256 characters"),
        ({"unit": "a\nb"}, "/unit", "control characters"),
        ({"unit": ["a"]}, "/unit", "must be a string, not an array"),
        ({"salt": ""}, "/salt", "must have 1 to 128 characters"),
        ({"salt": "s" * 129}, "/salt", "must have 1 to 128 characters"),
        ({"salt": 7}, "/salt", "must be a string, not a number"),
        ({"flags": {}}, "/flags", "unknown member; known here: key, name"),
        ({"version": 1}, "/version", "unknown member"),
    ],
)
def test_what_cannot_be_is_refused_at_its_place(document: Any, pointer: str, words: str) -> None:
    """Each mistake is told where it stands."""
    with pytest.raises(Invalid) as refused:
        made(**document)
    assert words in {problem.pointer: problem.detail for problem in refused.value.problems}[pointer]


def test_key_and_times_cannot_be_patched() -> None:
    """What never changes, or changes by itself, is refused by name."""
    with pytest.raises(Invalid) as refused:
        patch_layer(made(), {"key": "other", "version": 2, "archived": True}, "fresh")
    assert {problem.pointer for problem in refused.value.problems} == {"/key", "/version", "/archived"}


def test_a_layer_has_a_key() -> None:
    """A layer without a key is refused with all else that is wrong."""
    with pytest.raises(Invalid) as refused:
        new_layer({"name": ""}, ("id", "id-of-project"), "random", NOW)
    assert {problem.pointer for problem in refused.value.problems} == {"/key", "/name"}


def takes(shape: type[BaseModel], document: dict[str, Any]) -> bool:
    """Whether the service takes the document for what the shape is documented to be."""
    try:
        if shape is LayerCreate:
            new_layer(document, ("id", "id-of-project"), "random", NOW)
        elif shape is LayerPatch:
            patch_layer(made(), document, "fresh")
        else:
            reallocate(
                blank_allocation(made(), "id-of-live", "id"), document, Surroundings("shop", "live", 1)
            )
    except Invalid:
        return False
    return True


@pytest.mark.parametrize("shape", [LayerCreate, LayerPatch, AllocationPatch])
def test_null_is_documented_where_it_is_taken(shape: type[BaseModel]) -> None:
    """For every member, the document says that it may be null exactly where a null is not refused."""
    required = {"key": "shop"} if shape is LayerCreate else {}
    assert takes(shape, required)
    described = shape.model_json_schema()["properties"]
    allowed = {name for name, member in described.items() if {"type": "null"} in member.get("anyOf", ())}
    taken = {name for name in described if takes(shape, required | {name: None})}
    assert taken == allowed
    assert taken
