"""What the core is lent: a clock for flags that ask for `now`, and counters."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from itertools import count
from typing import Any

from flagd_core import ErrorCode, Host, load
from tests.unit.core.documents import OFF, ON, document, flag, leaf, rule

NOON = 1_800_000_000.0
BEFORE, AFTER = "2027-01-15T07:59:59Z", "2027-01-15T08:00:01Z"


def timed(instant: str) -> dict[str, Any]:
    """A flag that is on from an instant."""
    return flag(default=OFF, rules=[rule(leaf("now", "after", instant), ON, "since")])


def test_a_flag_that_asks_for_now_gets_the_clock_s() -> None:
    """Rules on `now` compare with the host's clock, through segments and prerequisites too."""
    flags = {
        "past": timed(BEFORE),
        "future": timed(AFTER),
        "by-segment": flag(rules=[rule({"segment": "nested"}, ON, "r")]),
        "by-parent": flag(default=ON, prerequisites=[{"flag": "past", "variants": ["on"]}]),
    }
    segments = {
        "since": {"included": [], "excluded": [], "if": leaf("now", "after", BEFORE)},
        "nested": {"included": [], "excluded": [], "if": {"segment": "since"}},
    }

    rules = load(document(flags, segments), host=Host(clock=lambda: NOON))

    assert {key: rules.evaluate(key, "alice").value for key in flags} == {
        "past": True,
        "future": False,
        "by-segment": True,
        "by-parent": True,
    }
    assert all(flag.asks_now for flag in rules.flags.values())


def test_now_of_the_context_comes_first() -> None:
    """A context with a `now` of its own is asked about that instant: what would happen next week."""
    rules = load(document({"future": timed(AFTER)}), host=Host(clock=lambda: NOON))

    assert rules.evaluate("future", {"now": "2028-01-01"}).value is True
    assert rules.evaluate("future", {"now": None}).value is False


def test_the_caller_s_context_is_left_alone() -> None:
    """The instant is not written into the context that the caller handed in."""
    context: dict[str, object] = {"targetingKey": "alice"}
    rules = load(document({"past": timed(BEFORE)}), host=Host(clock=lambda: NOON))

    assert rules.evaluate("past", context).value is True
    assert context == {"targetingKey": "alice"}


def test_without_a_clock_now_is_missing() -> None:
    """A host that lends no clock leaves `now` to the context: missing, a rule on it does not match."""
    assert load(document({"past": timed(BEFORE)})).evaluate("past", "alice").value is False


def test_the_clock_is_read_for_flags_that_ask_only() -> None:
    """A flag that does not ask for `now` never reads the clock."""
    reads: list[float] = []

    def clock() -> float:
        reads.append(NOON)
        return NOON

    rules = load(document({"timed": timed(BEFORE), "plain": flag(default=ON)}), host=Host(clock=clock))
    rules.evaluate("plain", "alice")
    assert reads == []

    rules.evaluate("timed", "alice")
    assert reads == [NOON]
    assert not rules.flags["plain"].asks_now


def test_an_odd_context_of_a_timed_flag_is_an_error_answer() -> None:
    """A context that is none answers INVALID_CONTEXT, as for any other flag."""
    rules = load(document({"timed": timed(BEFORE)}), host=Host(clock=lambda: NOON))

    assert rules.evaluate("timed", 7).error_code is ErrorCode.INVALID_CONTEXT  # type: ignore[arg-type]


def test_each_answer_has_the_counter_of_its_flag_and_variant() -> None:
    """What an answer is counted on belongs to its flag and variant, the same for all of the flag's rules."""
    counters: dict[tuple[str, str | None], Iterator[int]] = defaultdict(count)

    targeted = flag(
        default=OFF, rules=[rule(leaf("a", "equals", 1), ON, "a"), rule(leaf("b", "equals", 1), ON, "b")]
    )
    off = flag(enabled=False, off_variant=None)
    rules = load(
        document({"targeted": targeted, "off": off}),
        host=Host(counter=lambda key, variant: counters[key, variant]),
    )

    for context in ({"a": 1}, {"b": 1}, {}):
        next(rules.evaluate("targeted", context).uses)
    next(rules.evaluate("off").uses)

    assert {key: next(uses) for key, uses in counters.items() if key[1] or key[0] == "off"} == {
        ("targeted", "on"): 2,
        ("targeted", "off"): 1,
        ("off", None): 1,
    }


def test_a_ruleset_of_another_host_is_not_taken_over() -> None:
    """Flags compiled for one host are never used by another: its counters and its clock are its own."""
    first = load(document({"past": timed(BEFORE)}), host=Host(clock=lambda: NOON))
    second = load(document({"past": timed(BEFORE)}), first, Host(clock=lambda: 0.0))

    assert first.evaluate("past", "alice").value is True
    assert second.evaluate("past", "alice").value is False


class Uncopied(Mapping[str, object]):
    """A mapping that can be asked and not be copied."""

    def __getitem__(self, name: str) -> object:
        raise KeyError(name)

    def __iter__(self) -> Iterator[str]:
        raise OSError("not now")

    def __len__(self) -> int:
        return 1


def test_a_context_that_cannot_be_read_is_an_error_also_where_now_is_asked_for() -> None:
    """A flag that asks for `now` does not fall back to an answer without it."""
    rules = load(document({"timed": timed(BEFORE)}), host=Host(clock=lambda: NOON))

    assert rules.evaluate("timed", Uncopied()).error_code is ErrorCode.INVALID_CONTEXT


def test_flags_that_cannot_be_evaluated_count_too() -> None:
    """An answer of a broken flag is counted like any other that has no value."""
    counters: dict[tuple[str, str | None], Iterator[int]] = defaultdict(count)
    host = Host(counter=lambda key, variant: counters[key, variant])
    rules = load(document({"odd": flag(schedule="weekly")}), host=host)

    next(rules.evaluate("odd").uses)

    assert next(counters["odd", None]) == 1
