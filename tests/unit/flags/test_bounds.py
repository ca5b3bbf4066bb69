"""What a document may cost: room while it is checked, and answers that no application could work out."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from typing import Any

import pytest

from flagd.flags.patch import apply, new_flag, new_segment, patch_segment
from flagd.flags.patch.fields import MAX_DEPTH, MAX_PROBLEMS, MEMBER_NAME_LENGTH, check_depth
from flagd.flags.patch.references import beyond_limits
from flagd_core import links
from flagd_core.model import MAX_CHAIN, MAX_STEPS

from .builders import NOW, around, flag, problems_of, rule, targeting

MEGABYTE = 1_000_000
BOOLEAN = flag()
LONG_NAME = "A" * MEMBER_NAME_LENGTH


def nested(levels: int, inner: Any, name: str = LONG_NAME) -> Any:
    """`inner`, this many levels down."""
    for _ in range(levels):
        inner = {name: inner}
    return inner


def patched(document: Any) -> object:
    """A patch of a targeting."""
    return apply(targeting(BOOLEAN), document, around(BOOLEAN))


def created(value: Any) -> object:
    """A flag of kind object with this value."""
    document = {"key": "a", "kind": "object", "variants": {"x": {"value": value}}}
    return new_flag(document, "id", "project", NOW)


HOSTILE: dict[str, tuple[Callable[[Any], object], Any]] = {
    "endless name": (patched, {"A" * 50_000: [0] * 10_000}),
    "long names": (patched, nested(MAX_DEPTH - 2, [0] * 100_000)),
    "a value": (created, nested(MAX_DEPTH - 6, {"list": [2**60] * 100_000})),
    "conditions": (
        patched,
        {"rules": {"r": {"if": nested(1, {f"!{n}": {} for n in range(50_000)}, "any")}}},
    ),
    "problems": (patched, {f"{n}": n for n in range(100_000)}),
    "rules": (patched, {"rules": {f"!{n}": 1 for n in range(100_000)}}),
    "variants": (patched, {"targets": {f"!{n}": 1 for n in range(100_000)}}),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_checking_a_document_takes_room_like_the_document(name: str) -> None:
    """However names, items and problems multiply, a refusal takes no more than a few times the body's size."""
    check, document = HOSTILE[name]
    tracemalloc.start()
    try:
        assert problems_of(lambda: check(document))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 20 * MEGABYTE


def test_a_value_that_is_fine_takes_room_like_itself() -> None:
    """Nothing is spelled out about what is fine: ten thousand items deep below long names are just kept."""
    value = nested(MAX_DEPTH - 6, [0] * 10_000)
    tracemalloc.start()
    try:
        created(value)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 5 * MEGABYTE


def test_the_first_item_too_deep_is_named() -> None:
    """The pointer leads to the one that is too deep, and 64 levels are not too deep."""
    check_depth(nested(MAX_DEPTH - 1, "leaf", "a"))
    assert problems_of(lambda: check_depth({"b": 1, "a/b": [0, nested(MAX_DEPTH, 1, "~")]})) == {
        "/a~1b/1" + "/~0" * (MAX_DEPTH - 2): f"nested more than {MAX_DEPTH} levels deep"
    }


def test_a_name_has_an_end() -> None:
    """A member's name has a length limit; the problem is at the object that has the member."""
    check_depth({"a": [{LONG_NAME: 1}]})
    (pointer, words), *_ = problems_of(lambda: check_depth({"a": [{LONG_NAME + "A": 1}]})).items()
    assert pointer == "/a/0"
    assert f"at most {MEMBER_NAME_LENGTH} characters" in words
    assert len(words) < MEMBER_NAME_LENGTH


def test_problems_are_told_up_to_a_number() -> None:
    """Of very many problems, the first are told."""
    assert len(problems_of(lambda: patched({f"m{n}": n for n in range(1000)}))) == MAX_PROBLEMS


# --- references that applications cannot follow ------------------------------------------------------------


def chain(length: int) -> dict[str, set[str]]:
    """k1 refers to k2, k2 to k3 and so on: this many references, one after another."""
    return {f"k{n}": {f"k{n + 1}"} for n in range(1, length + 1)}


def ladder(rungs: int) -> dict[str, set[str]]:
    """Each rung refers to both of the next: steps double from rung to rung, while the chain stays short."""
    return {
        f"{side}{n}": {f"a{n + 1}", f"b{n + 1}"} if n < rungs else set()
        for n in range(1, rungs + 1)
        for side in "ab"
    }


def test_the_limits_are_those_of_the_applications() -> None:
    """What is accepted, the core follows; what is refused, the core would answer ERROR for."""
    longest = chain(MAX_CHAIN)
    last = {"first": {"k1"}}
    assert not links.problems(longest, {*longest, f"k{MAX_CHAIN + 1}"}, "segment")
    assert beyond_limits(chain(MAX_CHAIN - 1), "first", last["first"], "segment") is None
    assert "first" in links.problems(longest | last, {*longest, f"k{MAX_CHAIN + 1}"}, "segment")
    refusal = beyond_limits(longest, "first", last["first"], "segment")
    assert refusal is not None
    assert f"longer than {MAX_CHAIN}: first -> k1 -> k2" in refusal


def test_whoever_is_above_counts_too() -> None:
    """Lengthening a chain in its middle is refused for the item at its top, and the whole way is told."""
    references = chain(8) | {"z1": {f"z{MAX_CHAIN - 7}"}, **{f"z{n}": {f"z{n + 1}"} for n in range(1, 9)}}
    refusal = beyond_limits(references, "k9", {"z1"}, "prerequisite")
    assert refusal is not None
    assert "k1 -> k2" in refusal
    assert "k9 -> z1 -> z2" in refusal


def test_steps_are_counted() -> None:
    """References that fan out are refused when following them would take more than the core's steps."""
    rungs = next(n for n in range(1, 20) if 2 ** (n + 1) - 2 > MAX_STEPS)
    assert beyond_limits(ladder(rungs - 1), "top", {"a1"}, "prerequisite") is None
    refusal = beyond_limits(ladder(rungs), "top", {"a1", "b1"}, "prerequisite")
    assert refusal is not None
    assert f"more than {MAX_STEPS} steps: top" in refusal


def test_taking_references_away_is_always_fine() -> None:
    """What was stored under other limits can be made smaller, step by step."""
    references = chain(3 * MAX_CHAIN) | {"k1": {"k2", "other"}}
    assert beyond_limits(references, "k1", {"k2"}, "segment") is None


def test_a_prerequisite_beyond_the_limits_is_refused() -> None:
    """A patch that makes a chain of flags too long is told the chain."""
    facts: dict[str, Any] = {"flags": {"k1": ("on",)}, "requirements": chain(MAX_CHAIN)}
    refusal = problems_of(
        lambda: apply(targeting(BOOLEAN), {"prerequisites": {"k1": ["on"]}}, around(BOOLEAN, **facts))
    )
    assert "checkout -> k1 -> k2" in refusal["/prerequisites"]
    facts["requirements"] = chain(MAX_CHAIN - 1)
    apply(targeting(BOOLEAN), {"prerequisites": {"k1": ["on"]}}, around(BOOLEAN, **facts))


def test_a_segment_beyond_the_limits_is_refused() -> None:
    """A segment that makes a chain of segments too long is told the chain, new or changed."""
    leads_on = {"if": {"segment": "k1"}}
    fine = chain(MAX_CHAIN - 1) | {f"k{MAX_CHAIN}": set()}
    segment = new_segment({"key": "beta", **leads_on}, ("id", "project"), fine, NOW)
    too_long = chain(MAX_CHAIN) | {f"k{MAX_CHAIN + 1}": set()}
    refusal = problems_of(lambda: new_segment({"key": "beta", **leads_on}, ("id", "project"), too_long, NOW))
    assert "beta -> k1 -> k2" in refusal["/if"]
    more = {"if": {"any": [{"segment": "k1"}, {"segment": "k2"}]}}
    assert "/if" in problems_of(lambda: patch_segment(segment, more, {**too_long, "beta": {"k3"}}))


def test_a_segment_named_again_and_again_counts_as_often() -> None:
    """A condition that repeats a segment costs applications as often, and is refused for it."""
    references = {"inner": (), "middle": ("inner",) * 400}

    assert beyond_limits(references, "outer", ["middle"] * 2, "segment") is None
    refusal = beyond_limits(references, "outer", ["middle"] * 3, "segment")

    assert refusal is not None
    assert f"more than {MAX_STEPS} steps" in refusal


def test_rules_ask_a_bounded_number_of_segments() -> None:
    """A targeting whose rules would have applications evaluate segments without end is refused at its rules."""
    segments = {"inner": (), "middle": ("inner",) * 400}
    crowd = {"any": [{"segment": "middle"}] * 3}

    fine = targeting(BOOLEAN, {"rules": {"r1": rule({"segment": "middle"})}}, segments=segments)
    refusal = problems_of(
        lambda: apply(fine, {"rules": {"r2": rule(crowd)}}, around(BOOLEAN, segments=segments))
    )

    assert refusal == {
        "/rules": f"the rules lead to 1604 evaluations of segments, and at most {MAX_STEPS} are made"
    }
