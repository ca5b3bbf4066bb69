"""Nothing that is passed as a context makes an evaluation raise, whatever the flag is."""

from __future__ import annotations

import copy
import logging
from itertools import count
from typing import Any, cast

import pytest
from hypothesis import HealthCheck, given, settings

from flagd_core import NO_VALUE, DecodeError, Detail, Host, Reason, Ruleset, load
from flagd_core.explain import explain, sentences
from flagd_sdk import FlagReader
from tests.unit.core.documents import ON, document, flag, leaf, requiring, rule, segment, split
from tests.unit.core.proofs.strange import CONTEXTS, HOSTILE, bottomless, documents

NOON = 1_800_000_000.0
REMOVED = object()
REPLACEMENTS = [
    REMOVED,
    None,
    True,
    0,
    -1,
    7,
    1.5,
    "",
    "x",
    "\ud800",
    [],
    ["x"],
    [None],
    {},
    {"x": None},
    {"all": []},
]


class Held(FlagReader):
    """The read API of the SDK over a ruleset, without anything that polls."""

    def __init__(self, rules: Ruleset) -> None:
        super().__init__()
        self._flags = rules.flags
        self._has_data = True


def loaded(made: dict[str, Any]) -> Ruleset:
    """The ruleset as a client has it: with a clock, and counting."""
    return load(made, None, Host(lambda: NOON, lambda _flag, _variant: count()))


def assert_sound(detail: Detail) -> None:
    """An answer has a value or a reason why not, and never half of both."""
    assert isinstance(detail, Detail)
    assert (detail.error_code is not None) == (detail.reason is Reason.ERROR)
    assert (detail.value is NO_VALUE) == (detail.variant is None)
    assert (detail.error_message is None) == (detail.error_code is None)


def assert_answers(rules: Ruleset, context: Any) -> None:
    """Every flag, every getter and every explanation answers."""
    reader = Held(rules)
    for key in rules.flags:
        assert_sound(rules.evaluate(key, context))
        assert reader.is_enabled(key, context) in (True, False)
        assert reader.get_string(key, context, default="mine") == "mine"
        assert reader.get_int(key, context, default=5) == 5
        assert reader.get_float(key, context, default=5.5) == 5.5
        assert reader.get_object(key, context, default=[]) == []
        assert isinstance(reader.evaluate(key, context, default="mine"), Detail)
        sentences(explain(rules, key, context))
    for detail in reader.evaluate_all(context).values():
        assert_sound(detail)


@pytest.fixture(autouse=True)
def _quiet(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL, "flagd_sdk")


@given(made=documents(), context=CONTEXTS)
@settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_no_flag_and_no_context_make_an_evaluation_raise(made: dict[str, Any], context: Any) -> None:
    """Rules, segments, prerequisites, splits, layers, patterns and times, each with any context, give an answer."""
    assert_answers(loaded(made), context)


@given(made=documents())
@settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_no_hostile_value_makes_an_evaluation_raise(made: dict[str, Any]) -> None:
    """Values that raise at every use, lie about their class or have no end: as the context, and as each attribute."""
    rules = loaded(made)
    for value in HOSTILE:
        assert_answers(rules, value)
        assert_answers(rules, {"targetingKey": value, "a": value, "plan": value, "now": value})
        assert_answers(rules, {"targetingKey": "x", "a": {"b": value}, "plan": [value, "x"]})


@given(made=documents())
@settings(max_examples=25, deadline=None)
def test_no_flag_changes_the_context(made: dict[str, Any]) -> None:
    """Whatever the flag is, the caller's context is afterwards what it was, the attribute `now` included."""
    rules = loaded(made)
    context = {"targetingKey": 7, "a": {"b": ["x", {"c": 1}]}, "plan": ["x"]}
    original = copy.deepcopy(context)

    for key in rules.flags:
        rules.evaluate(key, context)
        explain(rules, key, context)

    assert context == original


@given(made=documents())
@settings(max_examples=10, deadline=None)
def test_depth_does_not_matter(made: dict[str, Any]) -> None:
    """A context of ten thousand levels is answered like any other."""
    assert_answers(loaded(made), bottomless(10_000))


def rich_document() -> dict[str, Any]:
    """A document in which each member that there is occurs."""
    half = split((50_000, "on"), (100_000, "off"), unit="account.id")
    everything = flag(
        default=half,
        targets={"on": ["alice"]},
        rules=[
            rule(
                {"not": {"all": [{"segment": "outer"}, leaf("plan", "in", "pro", ignore_case=True)]}}, ON, "a"
            ),
            rule({"any": [leaf("now", "after", "2027-01-01", on_missing="match")]}, half, "b"),
            rule(leaf("a", "regex", "x"), ON, "c"),
        ],
        prerequisites=[{"flag": "parent", "variants": ["on"]}],
        layer={
            "key": "l",
            "salt": "l",
            "unit": "plan",
            "algorithm": "murmur3",
            "slots": [[0, 9], [20, 90_000]],
        },
        metadata={"owner": "shop"},
    )
    inner = segment(included=["x"], excluded=["y"], **{"if": leaf("a", "gt", 5)})
    outer = segment(**{"if": {"segment": "inner"}})
    return document(
        {
            "everything": everything,
            "parent": flag(default=ON),
            "child": flag(prerequisites=requiring("everything")),
        },
        {"inner": inner, "outer": outer},
    )


def places(value: Any, way: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Where something stands in a document."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [found for name, each in items for found in [(*way, name), *places(each, (*way, name))]]


def changed(way: tuple[Any, ...], replacement: object) -> dict[str, Any]:
    """The rich document with something else at a place, or nothing."""
    made: Any = copy.deepcopy(rich_document())
    holder = made
    for step in way[:-1]:
        holder = holder[step]
    if replacement is REMOVED:
        del holder[way[-1]]
    else:
        holder[way[-1]] = replacement
    return cast("dict[str, Any]", made)


@pytest.mark.parametrize("way", places(rich_document()), ids=lambda way: "/".join(map(str, way)))
def test_what_is_accepted_can_be_evaluated(way: tuple[Any, ...]) -> None:
    """With anything in it replaced or removed, a document is either refused or answers whatever is asked."""
    for replacement in REPLACEMENTS:
        try:
            rules = loaded(changed(way, replacement))
        except DecodeError:
            continue
        for context in ("x", {"a": "x", "plan": 7, "account": {"id": 7}, "targetingKey": "y"}):
            for key in rules.flags:
                assert_sound(rules.evaluate(key, context))
                sentences(explain(rules, key, context))
