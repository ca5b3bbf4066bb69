"""Segments from documents: new ones, patched ones, and what no segment can be."""

from __future__ import annotations

from typing import Any

import pytest

from flagd.flags.model import Segment
from flagd.flags.patch import new_segment, patch_segment

from .builders import NOW, leaf, problems_of

OTHERS: dict[str, set[str]] = {"staff": set(), "testers": {"staff"}, "loop": {"beta"}}


def created(**document: Any) -> Segment:
    """A segment from a document with a key."""
    return new_segment({"key": "beta", **document}, ("id", "project"), OTHERS, NOW)


def test_a_segment_needs_nothing_but_its_key() -> None:
    """A segment that says nothing is empty, and empty is nobody."""
    made = created()
    assert (made.name, made.included, made.excluded, made.condition) == ("beta", (), (), None)


def test_members_are_patched_one_by_one() -> None:
    """Keys are replaced as a whole, conditions by id, and null empties."""
    old = created(included=["alice"], **{"if": {"any": [leaf(), {"segment": "testers"}]}})
    changed = patch_segment(old, {"included": None, "excluded": ["bob"], "if": {"any": {"c1": None}}}, OTHERS)
    assert (changed.included, changed.excluded) == ((), ("bob",))
    assert changed.condition == {"any": {"c2": {"segment": "testers"}}}
    assert patch_segment(changed, {"if": None}, OTHERS).condition is None


def test_a_document_sent_back_changes_nothing() -> None:
    """The document that was read is a patch without effect."""
    old = created(
        included=["alice", "小明"], description="Zwei\nZeilen", **{"if": {"all": [leaf(), leaf("mail")]}}
    )
    assert patch_segment(old, old.document(), OTHERS) == old


@pytest.mark.parametrize(
    ("document", "pointer", "words"),
    [
        ({"key": "-"}, "/key", "begin with a letter or digit"),
        ({"name": None}, "/name", "cannot be removed"),
        ({"included": "alice"}, "/included", "must be an array"),
        ({"included": ["alice", "alice"]}, "/included/1", "appears twice"),
        ({"excluded": [{"key": "bob"}]}, "/excluded/0", "must be a string, not an object"),
        ({"included": [str(number) for number in range(10_001)]}, "/included", "at most 10000"),
        ({"if": {"segment": "ghost"}}, "/if/segment", "there is no segment 'ghost'"),
        ({"if": {"segment": "beta"}}, "/if", "beta -> beta"),
        ({"if": {"not": {"any": [leaf(), {"segment": "loop"}]}}}, "/if", "beta -> loop -> beta"),
        ({"if": leaf(op="like")}, "/if/op", "there is no operator 'like'"),
        ({"rules": []}, "/rules", "unknown member"),
    ],
)
def test_segments_that_cannot_be(document: dict[str, Any], pointer: str, words: str) -> None:
    """Whatever is wrong is named by its place; a circle is told with its path."""
    assert words in problems_of(lambda: created(**document))[pointer]


def test_the_key_never_changes() -> None:
    """A patch cannot rename a segment, and a missing key is told."""
    assert "cannot be changed" in problems_of(lambda: patch_segment(created(), {"key": "b"}, OTHERS))["/key"]
    assert problems_of(lambda: new_segment({}, ("id", "project"), {}, NOW)) == {"/key": "is required"}
