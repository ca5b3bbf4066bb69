"""JSON merge patch: RFC 7396, and the places where flags merge by meaning."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flagd.flags.patch.merge import VARIANTS, merge, merge_condition, merge_serve

SCALARS = st.none() | st.booleans() | st.integers() | st.text(max_size=3)
NAMES = st.sampled_from(["a", "b", "c"])
DOCUMENTS = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=12,
)


@pytest.mark.parametrize(
    ("old", "patch", "merged"),
    [
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
        ({"a": "b"}, {"a": None}, {}),
        ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
        (["a", "b"], ["c", "d"], ["c", "d"]),
        ({"a": "b"}, ["c"], ["c"]),
        ({"a": "foo"}, None, None),
        ({"a": "foo"}, "bar", "bar"),
        ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
        ([1, 2], {"a": "b", "c": None}, {"a": "b"}),
        ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
    ],
)
def test_examples_of_the_rfc(old: Any, patch: Any, merged: Any) -> None:
    """Every example in appendix A of RFC 7396 merges as it says there."""
    assert merge(old, patch) == merged


@given(old=DOCUMENTS, patch=DOCUMENTS)
def test_merging_twice_is_merging_once(old: Any, patch: Any) -> None:
    """A patch that was applied changes nothing when it is applied again."""
    once = merge(old, patch)
    assert merge(once, patch) == once


@given(old=DOCUMENTS)
def test_an_empty_patch_changes_nothing(old: Any) -> None:
    """The empty object leaves an object as it is."""
    assert merge(old, {}) == (old if isinstance(old, dict) else {})


@given(old=DOCUMENTS, patch=DOCUMENTS)
def test_neither_side_is_changed(old: Any, patch: Any) -> None:
    """Merging makes a new document and leaves both it was given alone."""
    before = repr((old, patch))
    merge(old, patch)
    assert repr((old, patch)) == before


def test_a_variants_value_is_replaced_whole() -> None:
    """A null inside a variant's value is data, and members of the old value do not survive in the new one."""
    old = {"dark": {"value": {"bg": "#000", "fg": "#fff"}, "description": "night"}}
    merged = merge(old, {"dark": {"value": {"bg": None}}}, VARIANTS)
    assert merged == {"dark": {"value": {"bg": None}, "description": "night"}}


def test_naming_a_variant_replaces_a_split() -> None:
    """A serve that is patched with a variant keeps nothing of its split."""
    assert merge_serve({"split": {"salt": "s", "weights": {"on": 100}}}, {"variant": "on"}) == {
        "variant": "on"
    }


def test_naming_a_split_merges_into_the_split_that_is_there() -> None:
    """Salt and unit stay when only weights are given, and weights merge by variant."""
    old = {"split": {"salt": "s", "unit": "org", "weights": {"a": 40, "b": 30, "c": 30}}}
    merged = merge_serve(old, {"split": {"weights": {"a": 70, "c": None}}})
    assert merged == {"split": {"salt": "s", "unit": "org", "weights": {"a": 70, "b": 30}}}


def test_naming_a_split_replaces_a_variant() -> None:
    """A serve of one variant becomes a split when it is patched with one."""
    assert merge_serve({"variant": "on"}, {"split": {"weights": {"on": 100}}}) == {
        "split": {"weights": {"on": 100}}
    }


@pytest.mark.parametrize(
    ("old", "patch", "merged"),
    [
        ({"all": {"c1": {"op": "in"}}}, {"any": {"x": {"op": "gt"}}}, {"any": {"x": {"op": "gt"}}}),
        (
            {"all": {"c1": {"op": "in"}}},
            {"all": {"c1": None, "c2": {"op": "gt"}}},
            {"all": {"c2": {"op": "gt"}}},
        ),
        ({"all": {"c1": {"op": "in"}, "c2": {}}}, {"all": [{"op": "gt"}]}, {"all": [{"op": "gt"}]}),
        ({"all": {"c1": {"op": "in"}}}, {"attribute": "a", "op": "in"}, {"attribute": "a", "op": "in"}),
        (
            {"attribute": "a", "op": "in", "values": [1]},
            {"values": [2]},
            {"attribute": "a", "op": "in", "values": [2]},
        ),
        ({"attribute": "a", "op": "in"}, {"segment": "beta"}, {"segment": "beta"}),
        ({"not": {"segment": "a"}}, {"not": {"segment": "b"}}, {"not": {"segment": "b"}}),
        ({"not": {"segment": "a"}}, {"not": {"attribute": "b"}}, {"not": {"attribute": "b"}}),
    ],
)
def test_a_condition_of_another_form_replaces(old: Any, patch: Any, merged: Any) -> None:
    """A patch of the same form merges by id and by member, one of another form replaces the condition."""
    assert merge_condition(old, patch) == merged
