"""Evaluating flags: nothing raises, nothing is changed, nobody waits. What they answer is in the golden vectors."""

from __future__ import annotations

import copy
import threading
from collections.abc import Iterator, Mapping
from enum import Enum
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flagd_core import NO_VALUE, CompiledFlag, DecodeError, Detail, ErrorCode, Reason, Ruleset, load
from flagd_core.model import MAX_CHAIN
from tests.unit.core.documents import (
    ON,
    answer,
    compiled,
    document,
    flag,
    leaf,
    requiring,
    rule,
    segment,
    split,
)

HALF = ((50_000, "on"), (100_000, "off"))


def everything() -> Ruleset:
    """A ruleset that reads a context in every way there is."""
    leaves = [
        leaf("a", "equals", "x"),
        leaf("a", "equals", 1),
        leaf("a", "in", "x", ignore_case=True),
        leaf("a", "contains", "x"),
        leaf("a", "starts_with", "x"),
        leaf("a", "ends_with", "x", ignore_case=True),
        leaf("a", "gt", 1),
        leaf("a.b", "exists"),
        leaf("a", "semver_gt", "1"),
        leaf("a", "before", "2027-01-01"),
        leaf("a", "cidr", "10.0.0.0/8"),
        leaf("a", "overlaps", "x"),
        leaf("targetingKey", "equals", "x"),
        {"not": {"segment": "s"}},
    ]
    flags = {f"rule-{number}": flag(rules=[rule(each)]) for number, each in enumerate(leaves)}
    flags |= {f"not-{number}": flag(rules=[rule({"not": each})]) for number, each in enumerate(leaves)}
    flags |= {
        "static": flag(default=ON),
        "off": flag(enabled=False),
        "targets": flag(targets={"on": ["x"]}),
        "split": flag(default=split(*HALF)),
        "thirds": flag(default=split((33_333, "on"), (66_666, "off"), (100_000, "on"))),
        "by-a": flag(default=split(*HALF, unit="a")),
        "by-path": flag(default=split(*HALF, unit="a.b")),
        "rule-split": flag(rules=[rule(leaf("a", "exists"), split(*HALF))]),
        "child": flag(prerequisites=requiring("split", "targets")),
        "broken": flag(later=True),
    }
    return load(
        document(flags, {"s": segment(included=["x"], excluded=["y"], **{"if": leaf("a.b.c", "lt", 5)})})
    )


RULES = everything()


def assert_answers(context: Any) -> None:
    """Every flag answers, with a value or an error and never half of both."""
    for compiled_flag in RULES.flags.values():
        detail = compiled_flag.evaluate(context)
        assert isinstance(detail, Detail)
        assert (detail.error_code is not None) == (detail.reason is Reason.ERROR)
        assert (detail.value is NO_VALUE) == (detail.variant is None)


SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.text(st.characters(categories=["Cs", "L"]), max_size=3)
    | st.binary(max_size=3)
    | st.datetimes()
    | st.complex_numbers()
    | st.sampled_from(["x", "1.0", "10.1.2.3", "2026-01-01", 10**400, "9" * 5000])
)
VALUES = st.recursive(
    SCALARS,
    lambda each: (
        st.lists(each, max_size=3)
        | st.tuples(each)
        | st.dictionaries(st.sampled_from(["b", "c", "a"]) | st.text(max_size=2), each, max_size=3)
        | st.builds(object)
    ),
    max_leaves=8,
)
CONTEXTS = SCALARS | st.dictionaries(st.sampled_from(["a", "targetingKey", "a.b", "z"]), VALUES) | VALUES


@given(context=CONTEXTS)
@settings(max_examples=300)
def test_no_context_makes_an_evaluation_raise(context: Any) -> None:
    """Whatever is passed as a context, every flag answers."""
    assert_answers(context)


class Raising(Mapping[str, Any]):
    """A mapping that fails whenever it is read."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    def __getitem__(self, name: str) -> Any:
        raise self._error

    def __iter__(self) -> Iterator[str]:
        raise self._error

    def __len__(self) -> int:
        raise self._error


class RaisingText(str):
    """A text that fails at everything."""

    __slots__ = ()

    def __hash__(self) -> int:
        raise RuntimeError("no hash")

    def __eq__(self, other: object) -> bool:
        raise RuntimeError("no equality")

    def casefold(self) -> str:
        raise RuntimeError("no folding")


class Lying:
    """An object that claims to be a dict."""

    @property
    def __class__(self) -> Any:
        return dict

    @__class__.setter
    def __class__(self, value: Any) -> None:
        raise TypeError


def self_containing() -> dict[str, Any]:
    """A context that contains itself, in a list too."""
    context: dict[str, Any] = {"targetingKey": "x"}
    endless: list[Any] = ["x"]
    endless.append(endless)
    return context | {"a": endless, "b": context}


def bottomless(levels: int) -> dict[str, Any]:
    """Dicts in dicts."""
    inner: dict[str, Any] = {}
    for _ in range(levels):
        inner = {"a": inner, "b": inner}
    return inner


@pytest.mark.parametrize(
    "context",
    [
        pytest.param(Raising(ValueError("no")), id="raises ValueError"),
        pytest.param(Raising(RecursionError()), id="raises RecursionError"),
        pytest.param(Raising(MemoryError()), id="raises MemoryError"),
        pytest.param(Raising(UnicodeEncodeError("utf-8", "x", 0, 1, "no")), id="raises UnicodeEncodeError"),
        pytest.param({"a": Raising(OSError()), "targetingKey": "x"}, id="an attribute raises"),
        pytest.param({"a": RaisingText("x"), "targetingKey": RaisingText("x")}, id="texts raise"),
        pytest.param(RaisingText("x"), id="a text that raises"),
        pytest.param(Lying(), id="lies about its class"),
        pytest.param({"a": Lying(), "targetingKey": Lying()}, id="attributes lie about their class"),
        pytest.param(self_containing(), id="contains itself"),
        pytest.param(bottomless(100_000), id="bottomless"),
        pytest.param({"a": ["x"] * 50_000, "targetingKey": "x" * 1_000_000}, id="huge"),
        pytest.param({f"k{number}": number for number in range(100_000)}, id="a hundred thousand attributes"),
        pytest.param("x\ud800", id="lone surrogate"),
        pytest.param({"targetingKey": "\udfff", "a": "\ud800"}, id="lone surrogates"),
        pytest.param({1: 2, None: 3}, id="other keys than texts"),
        pytest.param(dict, id="a class"),
    ],
)
def test_no_strange_context_makes_an_evaluation_raise(context: Any) -> None:
    """Contexts that raise, lie, contain themselves or have no end get an answer from every flag."""
    assert_answers(context)


def test_a_context_that_raises_is_named() -> None:
    """Reading a context that raises is an error answer, for that flag only."""
    detail = RULES.evaluate("split", Raising(ValueError("secret")))

    assert (detail.error_code, detail.error_message) == (
        ErrorCode.INVALID_CONTEXT,
        "the context is neither text nor a mapping, or reading it failed",
    )
    assert RULES.evaluate("static", Raising(ValueError("secret"))).value is True


def test_a_nearly_full_stack_is_no_reason_to_raise() -> None:
    """Evaluated from deep inside a recursion, a flag whose own calls find no room answers with an error."""
    deep = flag(
        rules=[rule({"all": [{"any": [leaf("a.b", "in", "x"), leaf("z", "exists")]}, leaf("a", "exists")]})]
    )
    found = compiled(deep)
    found.evaluate({"a": {"b": "x"}})

    reasons: list[Reason] = []

    def descend() -> None:
        reasons.append(found.evaluate({"a": {"b": "x"}}).reason)
        descend()

    with pytest.raises(RecursionError):
        descend()

    assert set(reasons) == {Reason.TARGETING_MATCH, Reason.ERROR}
    assert reasons[-1] is Reason.ERROR


def test_the_context_is_never_changed() -> None:
    """Evaluating leaves the caller's mapping, at every depth, as it was."""
    context = {"targetingKey": 5, "a": {"b": ["x", {"c": 1}]}, "list": [1, 2]}
    original = copy.deepcopy(context)

    for compiled_flag in RULES.flags.values():
        compiled_flag.evaluate(context)

    assert context == original


class Growing(dict[str, Any]):
    """Adds whatever it is asked for, as a defaultdict does."""

    def __missing__(self, name: str) -> Any:
        self[name] = "x"
        return "x"


def test_reading_a_mapping_adds_nothing_to_it() -> None:
    """A mapping with defaults is asked in a way that adds nothing."""
    context = Growing()

    assert_answers(context)

    assert not context


class Plan(str, Enum):
    """An enumeration, as callers use them for attributes."""

    PRO = "pro"


@pytest.mark.parametrize(
    "context",
    [MappingProxyType({"plan": "pro"}), Growing(plan="pro"), {"plan": Plan.PRO}, {"plan": ("pro",)}],
)
def test_any_mapping_is_a_context(context: Mapping[str, object]) -> None:
    """Other mappings than dict are read as dicts are, and subclasses of str as str is."""
    assert answer(flag(rules=[rule(leaf("plan", "in", "pro"))]), context).value is True


@pytest.mark.parametrize("unit", ["alice", Plan.PRO, "ünïcode"])
def test_a_text_is_a_targeting_key(unit: str) -> None:
    """A text context, also an enumeration's, is the same as a mapping with that targeting key."""
    found = compiled(flag(default=split((20_000, "on"), (60_000, "off"), (100_000, "on"))))

    plain = str.__str__(unit)
    assert found.evaluate(unit) is found.evaluate({"targetingKey": unit}) is found.evaluate(plain)


def test_answers_are_made_once() -> None:
    """The same answer is the same object, so an evaluation allocates none."""
    for key in ("static", "off", "split", "targets"):
        assert RULES.evaluate(key, "x") is RULES.evaluate(key, {"targetingKey": "x"})


def test_unknown_flags_are_told_from_flags_that_are_off() -> None:
    """No such flag is an error; a flag that is off is not."""
    assert RULES.evaluate("nowhere").error_code is ErrorCode.FLAG_NOT_FOUND
    assert RULES.evaluate("off").error_code is None
    unhashable: Any = ["off"]
    assert RULES.evaluate(unhashable).error_code is ErrorCode.FLAG_NOT_FOUND


def test_one_bad_flag_fails_alone() -> None:
    """Evaluating all flags in a row, one that cannot be evaluated does not keep the others from answering."""
    codes = {key: RULES.evaluate(key, {"targetingKey": "x", "a": "x"}).error_code for key in RULES.flags}

    assert {key for key, code in codes.items() if code is not None} == {"broken", "by-path"}


def test_the_longest_chain_of_prerequisites_answers() -> None:
    """A chain as long as allowed is followed; above it flags answer ERROR, and what requires those is off."""
    flags = {"0": flag(default=ON)}
    flags |= {
        str(number): flag(default=ON, prerequisites=requiring(str(number - 1))) for number in range(1, 40)
    }
    rules = load(document(flags))

    assert all(rules.evaluate(str(number)).value is True for number in range(MAX_CHAIN + 1))
    assert rules.evaluate(str(MAX_CHAIN + 1)).error_code is ErrorCode.PARSE_ERROR
    assert rules.evaluate(str(MAX_CHAIN + 2)).value is False


def test_many_diamonds_do_not_hang() -> None:
    """Layers of flags that each require both of the layer below answer at once, if only with an error."""
    flags = {"0a": flag(default=ON), "0b": flag(default=ON)}
    for level in range(1, 16):
        for side in "ab":
            flags[f"{level}{side}"] = flag(
                default=ON, prerequisites=requiring(f"{level - 1}a", f"{level - 1}b")
            )
    rules = load(document(flags))

    assert rules.evaluate("8a").value is True
    assert {rules.evaluate(key).reason for key in rules.flags} >= {
        Reason.STATIC,
        Reason.DEFAULT,
        Reason.ERROR,
    }


def test_first_uses_at_the_same_time_agree() -> None:
    """Threads that use a flag first, all at once, compile it more than once at worst and answer the same."""
    flags = {
        f"f{number}": flag(rules=[rule({"segment": "s"})], default=split(*HALF)) for number in range(200)
    }
    rules = load(document(flags, {"s": segment(included=["x"])}))
    start = threading.Barrier(4)
    answers: list[list[tuple[object, object]]] = []

    def ask() -> None:
        start.wait()
        answers.append(
            [(rules.evaluate(key, "x").variant, rules.evaluate(key, "y").variant) for key in flags]
        )

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(answers) == 4
    assert all(each == answers[0] for each in answers)


def test_other_attributes_are_not_invented() -> None:
    """A flag that has not been used has no attribute but its own."""
    fresh: Any = CompiledFlag("f", document({"f": flag()})["flags"]["f"], RULES.flags["static"].checked)

    assert not hasattr(fresh, "value")
    assert not hasattr(RULES.segments["s"], "members")
    assert copy.copy(fresh).evaluate(None).value is False


@pytest.mark.parametrize("key", ["\ud800", "a\udfff"])
def test_a_key_that_is_no_unicode_is_no_key(key: str) -> None:
    """It is no target and in no list, whoever wrote it there: for segments it is missing, as for splits."""
    targeted = flag(targets={"on": [key, "alice"]})
    listed = segment(included=[key, "alice"])
    excluding = segment(excluded=["z", key], **{"if": leaf("a", "exists")})
    in_segment = flag(rules=[rule({"segment": "s"}, ON)])

    assert answer(targeted, key).value is False
    assert answer(targeted, "alice").value is True
    assert answer(in_segment, {"targetingKey": key}, s=listed).value is False
    assert answer(in_segment, {"targetingKey": key, "a": 1}, s=excluding) == answer(
        in_segment, {"a": 1}, s=excluding
    )


class Getter:
    """Has what a mapping is asked for, and is none: a queue, a client of some cache."""

    def get(self, name: str) -> str:
        raise AssertionError(f"asked for {name}")


def test_what_merely_has_a_get_is_no_context() -> None:
    """An object that is neither text nor a mapping is never asked, whatever methods it has."""
    for definition in (flag(targets={"on": ["a"]}), flag(rules=[rule(leaf("a", "exists"), ON)])):
        assert answer(definition, Getter()).error_code is ErrorCode.INVALID_CONTEXT


def test_a_flag_with_a_broken_reference_keeps_its_metadata() -> None:
    """What was checked is given out, though the flag cannot be evaluated; of what was not, only the version."""
    orphan = flag(version=2, metadata={"owner": "shop"}, prerequisites=requiring("gone"))
    odd = flag(version=3, metadata={"owner": "shop"}, schedule="weekly")

    assert answer(orphan).metadata == {"version": 2, "owner": "shop"}
    assert answer(odd).metadata == {"version": 3}


@pytest.mark.parametrize("infinite", [float("inf"), float("-inf")])
def test_nothing_infinite_is_given_out_or_compared(infinite: float) -> None:
    """Metadata and values of rules are what JSON can carry; an attribute beyond that is no number."""
    with pytest.raises(DecodeError):
        load(document({"f": flag(metadata={"limit": infinite})}))
    with pytest.raises(DecodeError):
        load(document({"f": flag(rules=[rule(leaf("a", "lt", infinite), ON)])}))
    above = flag(rules=[rule(leaf("a", "gt", 5), ON)])
    assert [answer(above, {"a": each}).value for each in (6, 6.5, "6", infinite, "1e999")] == [
        True,
        True,
        True,
        False,
        False,
    ]


def test_an_integral_float_is_the_instant_that_the_integer_is() -> None:
    """Milliseconds are the same instant however the number was written, to the last one."""
    late = flag(rules=[rule(leaf("at", "after", "2026-05-31T23:59:59.999Z"), ON)])

    for milliseconds in (1_780_271_999_999, 1_780_271_999_999.0):
        assert answer(late, {"at": milliseconds}).value is False
    for milliseconds in (1_780_272_000_000, 1_780_272_000_000.0):
        assert answer(late, {"at": milliseconds}).value is True
