"""Conditions from documents: what they become, and the exact place of what is wrong with one."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flagd.flags.model import ordered_condition, segments_in, wire_condition
from flagd.flags.patch import conditions
from flagd.flags.patch.conditions import MAX_NODES, MAX_PATTERNS, patterns_in
from flagd.flags.patch.fields import Fields
from flagd.flags.patch.references import path_around
from flagd_core.operators import OPERATORS

from .builders import leaf

SEGMENTS = {"beta", "staff"}


def parsed(document: Any) -> Any:
    """The stored form of a condition that is fine."""
    fields = Fields()
    condition = conditions.parse(fields, document, "/if", SEGMENTS)
    fields.done()
    return condition


def refused(document: Any) -> dict[str, str]:
    """What is wrong with a condition, by pointer."""
    fields = Fields()
    conditions.parse(fields, document, "/if", SEGMENTS)
    return {problem.pointer: problem.detail for problem in fields.problems}


TREES = st.recursive(
    st.sampled_from([leaf(), leaf("email", "@x.org", op="ends_with", ignore_case=True), {"segment": "beta"}]),
    lambda inner: st.one_of(
        st.builds(lambda part: {"not": part}, inner),
        st.builds(lambda parts: {"all": parts}, st.lists(inner, min_size=1, max_size=3)),
        st.builds(
            lambda parts: {"any": dict(zip("xyz", parts, strict=False))},
            st.lists(inner, min_size=1, max_size=3),
        ),
    ),
    max_leaves=8,
).filter(lambda tree: not refused(tree))


def test_parts_given_as_an_array_get_ids() -> None:
    """An array of conditions is stored by the ids c1, c2 and so on, which a patch can address."""
    assert parsed({"all": [leaf(), {"any": [{"segment": "beta"}]}]}) == {
        "all": {"c1": leaf(), "c2": {"any": {"c1": {"segment": "beta"}}}}
    }


@given(tree=TREES)
def test_the_stored_form_is_stable(tree: Any) -> None:
    """What was stored can be sent back, and is stored the same."""
    stored = parsed(tree)
    assert parsed(stored) == stored
    assert parsed(ordered_condition(stored)) == stored


@given(tree=TREES)
def test_the_wire_form_means_the_same(tree: Any) -> None:
    """Applications get arrays in place of ids, with the same parts in the order of their ids."""
    stored = parsed(tree)
    assert ordered_condition(parsed(wire_condition(stored))).keys() == stored.keys()
    assert segments_in(parsed(wire_condition(stored))) == segments_in(stored)


def test_ids_given_by_position_keep_their_order() -> None:
    """c10 comes after c9, whatever order the database gives members back in."""
    stored = parsed({"all": [leaf("plan", str(number)) for number in range(1, 13)]})
    shuffled = {"all": dict(sorted(stored["all"].items()))}
    assert list(ordered_condition(shuffled)["all"]) == [f"c{number}" for number in range(1, 13)]
    assert [part["values"] for part in wire_condition(shuffled)["all"]] == [
        [str(number)] for number in range(1, 13)
    ]


@pytest.mark.parametrize(
    ("document", "pointer", "words"),
    [
        ("beta", "/if", "must be a condition (an object), not a string"),
        ({}, "/if", "exactly one of all, any, not, segment, attribute; this has none"),
        ({"all": [leaf()], "any": [leaf()]}, "/if", "this has all and any"),
        ({"all": []}, "/if/all", "at least one condition"),
        ({"any": {}}, "/if/any", "at least one condition"),
        ({"all": "x"}, "/if/all", "an object of conditions by id, or an array, not a string"),
        ({"all": [leaf(), 5]}, "/if/all/1", "must be a condition"),
        ({"any": {"c1": {"not": {}}}}, "/if/any/c1/not", "this has none of them"),
        ({"any": {"c/1": leaf()}}, "/if/any/c~11", "must be letters"),
        ({"all": [leaf()], "op": "in"}, "/if/op", "unknown member; known here: all"),
        ({"segment": "ghost"}, "/if/segment", "there is no segment 'ghost' in this project"),
        ({"segment": 7}, "/if/segment", "must be a string, not a number"),
        ({**leaf(), "value": "x"}, "/if/value", "unknown member"),
        (leaf(""), "/if/attribute", "1 to 256 characters"),
        ({"attribute": 7, "op": "in", "values": ["x"]}, "/if/attribute", "must be a string"),
        ({"attribute": "plan", "values": ["x"]}, "/if/op", "is required; known: equals, in"),
        (leaf(op="is"), "/if/op", "there is no operator 'is'; known: equals, in"),
        (leaf(op=["in"]), "/if/op", "there is no operator"),  # type: ignore[arg-type]
        ({"attribute": "plan", "op": "in"}, "/if/values", "needs at least one value"),
        ({"attribute": "plan", "op": "in", "values": "beta"}, "/if/values", "must be an array, not a string"),
        (
            leaf("plan", "a", {"b": 1}),
            "/if/values/1",
            "must be a string, a number, true or false, not an object",
        ),
        (leaf("plan", "a", None), "/if/values/1", "not null"),
        (leaf("plan", "a\x00"), "/if/values/0", "NUL"),
        (leaf("plan", "\udfff"), "/if/values/0", "valid Unicode"),
        (leaf("plan", "x" * 1025), "/if/values/0", "at most 1024 characters"),
        (leaf("plan", 2**53), "/if/values/0", "2^53 - 1"),
        (leaf("plan", float("inf")), "/if/values/0", "2^53 - 1"),
        (leaf("plan", "a", "", op="contains"), "/if/values/1", "not empty"),
        (leaf("age", 1, 2, op="gt"), "/if/values", "exactly one value"),
        (leaf("age", "old", op="gt"), "/if/values/0", "not a number"),
        (leaf("at", "soon", op="before"), "/if/values/0", "not a date"),
        (leaf("age", 3, op="gt", ignore_case=True), "/if/ignore_case", "no option 'ignore_case'"),
        (leaf(ignore_case="yes"), "/if/ignore_case", "true or false"),
        (leaf(on_missing="no"), "/if/on_missing", "must be match, or left out"),
        (leaf("plan", "x", op="exists"), "/if/values/0", "no values"),
        (leaf("email", "(", op="regex"), "/if/values/0", "not a pattern of RE2: missing )"),
        (leaf("email", "@x", "a(?=b)", op="regex"), "/if/values/1", "not a pattern of RE2"),
        (leaf("email", "@x", r"(a)\1", op="regex"), "/if/values/1", "not a pattern of RE2"),
        (leaf("email", r"\pL{1,50}" * 20, op="regex"), "/if/values/0", "pattern too large"),
        (leaf("email", "x" * 1001, op="regex"), "/if/values/0", "at most 1000 characters"),
        (leaf("email", "a", "", op="regex"), "/if/values/1", "not empty"),
        (leaf("email", 5, op="regex"), "/if/values/0", "must be a text"),
        ({"attribute": "email", "op": "regex"}, "/if/values", "at least one value"),
        (leaf("email", "a", op="regex", ignore_case=True), "/if/ignore_case", "no option 'ignore_case'"),
        (leaf("email", *["a"] * 51, op="regex"), "/if/values", "at most 50 patterns in all"),
        (leaf("now", 1_800_000_000, op="gt"), "/if/op", "by after or before only"),
        (leaf("now", "2027-01-31", op="equals"), "/if/op", "'now' is the present instant"),
        ({"attribute": "now", "op": "exists"}, "/if/op", "by after or before only"),
        (leaf("now", "soon", op="after"), "/if/values/0", "not a date"),
    ],
)
def test_conditions_that_cannot_be(document: Any, pointer: str, words: str) -> None:
    """Every mistake is named by its exact place in what was sent, arrays and ids included."""
    assert words in refused(document)[pointer]


def test_an_unknown_operator_is_answered_with_all_there_are() -> None:
    """Whoever mistypes an operator reads every name there is."""
    assert refused(leaf(op="equal"))["/if/op"].endswith(", ".join(OPERATORS))


def test_depth_and_size_are_bounded() -> None:
    """No rule may be so deep or so large that evaluating it costs without bound."""
    deep: Any = leaf()
    for _ in range(10):
        deep = {"not": deep}
    assert "at most 10 levels" in refused(deep)["/if" + "/not" * 10]
    assert not refused(deep["not"])
    wide = refused({"any": [leaf()] * MAX_NODES})
    assert f"at most {MAX_NODES} parts" in wide[f"/if/any/{MAX_NODES - 1}"]
    assert not refused({"any": [leaf()] * (MAX_NODES - 1)})


@pytest.mark.parametrize(
    "condition",
    [
        leaf("email", r"^[^@]+@example\.(com|org)$", "(?i)^ops-", op="regex"),
        leaf("email", *["a"] * MAX_PATTERNS, op="regex"),
        leaf("now", "2027-01-31T08:00:00+01:00", op="after"),
        leaf("now", "2027-01-31", op="before", on_missing="match"),
        leaf("account.now", 5, op="gt"),
    ],
)
def test_patterns_and_the_present_instant_are_stored_as_sent(condition: dict[str, Any]) -> None:
    """What can be evaluated is kept as it was sent, and is the same to applications."""
    assert parsed(condition) == condition
    assert wire_condition(parsed(condition)) == condition


def test_patterns_are_counted_over_the_whole_condition() -> None:
    """Patterns take long to prepare, so there is an end to them however they are spread, and none beyond is tried."""
    parts = [leaf("email", f"a{number}", op="regex") for number in range(MAX_PATTERNS)]
    inner = {"not": {"all": parts}}
    tree = {"any": [inner, leaf("email", "(", op="regex")]}
    assert refused(tree) == {"/if/any/1/values": f"there must be at most {MAX_PATTERNS} patterns in all"}
    assert patterns_in(parsed(inner)) == MAX_PATTERNS


@pytest.mark.parametrize(
    ("references", "path"),
    [
        ({"a": {"b"}, "b": {"c"}, "c": set()}, None),
        ({"a": {"b", "c"}, "b": {"d"}, "c": {"d"}}, None),
        ({"a": {"a"}}, ("a", "a")),
        ({"a": {"b"}, "b": {"a"}}, ("a", "b", "a")),
        ({"a": {"b", "c"}, "b": {"d"}, "d": {"a"}, "c": {"a"}}, ("a", "c", "a")),
        ({"a": {"b"}, "b": {"c"}, "c": {"b"}}, None),
    ],
)
def test_circles_are_found_with_their_shortest_path(references: Any, path: Any) -> None:
    """A circle through a key is told as the way around it; diamonds and circles elsewhere are none."""
    assert path_around("a", references) == path
