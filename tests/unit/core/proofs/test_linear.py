"""The work of an answer grows with what is asked, and with nothing else. Counted, not timed.

Counted are calls, of Python functions and of built-in ones: a loop over characters or keys makes some for each of
them. Work inside one call of the standard library (a search in a text, a look-up in a set) or of RE2 is linear by its
contract.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from itertools import count
from typing import Any

import pytest

from flagd_core import Host, load
from flagd_core.conditions import ConditionCompiler
from flagd_core.model import MAX_STEPS
from flagd_core.operators import OPERATORS
from flagd_core.segments import membership
from tests.unit.core.documents import ON, compiled, document, flag, leaf, requiring, rule, segment, split

SIZE = 200


def calls(work: Callable[[], object]) -> int:
    """How many calls the work makes."""
    made = 0

    def note(_frame: object, event: str, _argument: object) -> None:
        nonlocal made
        made += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        work()
    finally:
        sys.setprofile(before)
    return made


def growth(work: Callable[[int], Callable[[], object]]) -> list[int]:
    """The calls of the work at n, 2n and 4n; what `work` does to prepare is not counted."""
    return [calls(work(size)) for size in (SIZE, 2 * SIZE, 4 * SIZE)]


def assert_linear(counted: list[int]) -> None:
    """Twice as much costs twice as many calls and not more, but for what every answer costs."""
    once, twice, four_times = counted
    assert once >= SIZE, "what is counted grows with the size"
    assert twice <= 2 * once + 20
    assert four_times <= 4 * once + 20


def assert_constant(counted: list[int]) -> None:
    """The size makes no difference."""
    assert max(counted) <= min(counted) + 2
    assert max(counted) < SIZE


def asked(definition: Mapping[str, Any], context: Any, **segments: Any) -> Callable[[], object]:
    """The evaluation of a flag that was evaluated before, for a context it has not seen."""
    found = compiled(definition, **segments)
    found.evaluate({"targetingKey": "someone else", "a": "another", "list": ["another"]})
    return lambda: found.evaluate(context)


def test_rules() -> None:
    """Work is linear in the rules that are tried."""

    def work(size: int) -> Callable[[], object]:
        rules = [rule(leaf("a", "starts_with", f"{number}."), ON, str(number)) for number in range(size)]
        return asked(flag(rules=rules), {"a": "x"})

    assert_linear(growth(work))


@pytest.mark.parametrize("group", ["all", "any"])
def test_conditions(group: str) -> None:
    """Work is linear in the parts of a condition."""

    def work(size: int) -> Callable[[], object]:
        parts = [leaf("a", "gt" if group == "any" else "lt", number) for number in range(5, size + 5)]
        return asked(flag(rules=[rule({group: parts})]), {"a": 1.5})

    assert_linear(growth(work))


def test_an_attribute_that_is_a_list() -> None:
    """Work is linear in the elements of a list."""

    def work(size: int) -> Callable[[], object]:
        return asked(flag(rules=[rule(leaf("list", "contains", "y"))]), {"list": ["x"] * size})

    assert_linear(growth(work))


class Counting(Mapping[str, object]):
    """A context that counts what is read of it."""

    def __init__(self, attributes: dict[str, object]) -> None:
        self._attributes = attributes
        self.reads = 0

    def __getitem__(self, name: str) -> object:
        self.reads += 1
        return self._attributes[name]

    def __iter__(self) -> Iterator[str]:
        self.reads += len(self._attributes)
        return iter(self._attributes)

    def __len__(self) -> int:
        return len(self._attributes)


@pytest.mark.parametrize("size", [SIZE, 4 * SIZE])
def test_the_size_of_the_context(size: int) -> None:
    """Of a context only what is asked about is read, however large it is."""
    rules = [rule(leaf("a", "in", "y"), rule_id="1"), rule(leaf("b.c", "exists"), rule_id="2")]
    context = Counting({f"attribute-{number}": number for number in range(size)})

    compiled(flag(rules=rules, default=split((100_000, "on")))).evaluate(context)

    assert context.reads <= 5


def test_the_size_of_the_context_of_a_timed_flag() -> None:
    """A flag that asks for `now` reads each attribute once more, and only once, whatever requires it."""
    chain = {"0": flag(default=ON, rules=[rule(leaf("now", "after", "2027-01-01"))])}
    chain |= {
        str(number): flag(default=ON, prerequisites=requiring(str(number - 1))) for number in range(1, 10)
    }
    rules = load(document(chain), host=Host(clock=lambda: 0.0))
    context = Counting({f"attribute-{number}": number for number in range(SIZE)})

    rules.evaluate("9", context)

    assert SIZE <= context.reads <= 2 * SIZE + 5


def test_the_clock_is_read_once() -> None:
    """One instant holds for a whole evaluation, however many rules, segments and prerequisites ask for it."""
    since = rule(leaf("now", "after", "2027-01-01"))
    flags = {"0": flag(default=ON, rules=[since]), "1": flag(default=ON, rules=[since])}
    flags["2"] = flag(rules=[since, rule({"segment": "s"}, rule_id="s")], prerequisites=requiring("0", "1"))
    segments = {"s": segment(**{"if": leaf("now", "before", "2020-01-01")})}
    ticks = count()
    rules = load(document(flags, segments), host=Host(clock=lambda: float(next(ticks))))

    rules.evaluate("2", "alice")

    assert next(ticks) == 1


LONG_TEXTS = [
    (leaf("a", "equals", "y"), "x"),
    (leaf("a", "in", "Y", "z", ignore_case=True), "X"),
    (leaf("a", "in", 5), "7"),
    (leaf("a", "contains", "xy"), "x"),
    (leaf("a", "ends_with", "xy", ignore_case=True), "x"),
    (leaf("a", "gt", 1), "1"),
    (leaf("a", "semver_gt", "1"), "1"),
    (leaf("a", "before", "2027-01-01"), "1"),
    (leaf("a", "cidr", "10.0.0.0/8"), "1"),
    (leaf("a", "regex", "^(a|aa)+$"), "a"),
    (leaf("a", "regex", "(x+x+)+y"), "x"),
]


@pytest.mark.parametrize(("condition", "letter"), LONG_TEXTS, ids=lambda each: str(each)[:70])
def test_the_length_of_an_attribute(condition: dict[str, Any], letter: str) -> None:
    """No operator does anything for each character itself, and too long a text is not parsed at all."""

    def work(size: int) -> Callable[[], object]:
        return asked(flag(rules=[rule(condition)]), {"a": letter * (100 * size)})

    assert_constant(growth(work))


@pytest.mark.parametrize("pattern", ["^(a+)+$", "^(a|aa)+$", "(a*)*b", "^(([a-z])+.)+[A-Z]([a-z])+$"])
def test_patterns_end(pattern: str) -> None:
    """Patterns that take a backtracking engine longer than the universe has been there end at a million characters."""
    assert OPERATORS["regex"].build([pattern], False)("a" * 1_000_000 + "!") is False


class Compared(str):
    """A key that counts how often it is compared with another one."""

    __slots__ = ()
    __hash__ = str.__hash__
    comparisons = 0

    def __eq__(self, other: object) -> bool:
        Compared.comparisons += 1
        return str.__eq__(self, other)


def compared(look_up: Callable[[], object]) -> int:
    """How many keys a look-up compares."""
    Compared.comparisons = 0
    look_up()
    return Compared.comparisons


def keys(size: int) -> list[str]:
    """So many keys that count."""
    return [Compared(f"user-{number}") for number in range(size)]


@pytest.mark.parametrize("key", ["user-1", "user-199", "nobody"])
@pytest.mark.parametrize("size", [SIZE, 4 * SIZE])
def test_membership_of_a_segment(key: str, size: int) -> None:
    """Finding a key in a segment compares it with one other key at most, however many there are."""
    test = membership({"included": keys(size), "excluded": keys(1)}, ConditionCompiler({}))

    assert compared(lambda: test({"targetingKey": key})) <= 1
    assert test({"targetingKey": key}) is (key != "nobody")


@pytest.mark.parametrize("operator", ["in", "overlaps"])
@pytest.mark.parametrize("size", [SIZE, 4 * SIZE])
def test_membership_of_a_list_of_values(operator: str, size: int) -> None:
    """Finding a text among the values of an operator compares it with one of them at most."""
    test = OPERATORS[operator].build(keys(size), False)

    assert compared(lambda: test(["user-150"])) <= 1
    assert (test(["user-150"]), test(["nobody"])) == (True, False)


def test_counting_comparisons_would_see_a_search() -> None:
    """The measure tells: looking through a list compares with all that is before."""
    assert compared(lambda: "user-150" in keys(SIZE)) == 151


def test_individual_targets_and_segments() -> None:
    """Neither the number of targets nor that of a segment's keys makes a difference to an answer."""

    def work(size: int) -> Callable[[], object]:
        people = [f"user-{number}" for number in range(size)]
        members = segment(included=people, excluded=[f"not-{name}" for name in people])
        shape = flag(targets={"on": [f"target-{name}" for name in people]}, rules=[rule({"segment": "s"})])
        return asked(shape, {"targetingKey": "user-150"}, s=members)

    assert_constant(growth(work))


def test_ranges_of_addresses() -> None:
    """However many ranges of the same length there are, an address is looked up once."""

    def work(size: int) -> Callable[[], object]:
        ranges = [f"10.{number // 250}.{number % 250}.0/24" for number in range(size)]
        return asked(flag(rules=[rule(leaf("a", "cidr", *ranges))]), {"a": f"11.0.0.{size // 10}"})

    assert_constant(growth(work))


def test_arcs_and_slots() -> None:
    """A split of many arcs, and a layer of many ranges, cost what those of few cost."""

    def work(size: int) -> Callable[[], object]:
        width = 100_000 // size
        arcs = [
            (end, "on" if number % 2 else "off") for number, end in enumerate(range(width, 100_001, width))
        ]
        ranges = [[start, start + 1] for start in range(0, 100_000, width)]
        part = {"key": "l", "salt": "l", "unit": "targetingKey", "algorithm": "murmur3", "slots": ranges}
        return asked(flag(default=split(*arcs), layer=part), {"targetingKey": "user-1"})

    assert_constant(growth(work))


def test_prerequisites_have_a_limit() -> None:
    """However flags require each other, an answer asks no more of them than the limit of steps allows."""
    flags = {"0": flag(rules=[rule(leaf("a", "equals", "x"))])}
    for level in range(1, 16):
        flags[str(level)] = flag(default=ON, prerequisites=requiring(*[str(level - 1)] * 2))
    rules = load(document(flags))
    for key in flags:
        context = Counting({"a": "x"})
        rules.evaluate(key, context)
        assert context.reads <= MAX_STEPS
    assert rules.evaluate("8", {"a": "x"}).value is True


def test_loading() -> None:
    """Reading a snapshot is linear in its flags, with segments and prerequisites, and so is reading the next one."""

    def made(size: int) -> dict[str, Any]:
        flags = {"parent": flag(default=ON)}
        flags |= {
            f"f{number}": flag(rules=[rule({"segment": f"s{number}"})], prerequisites=requiring("parent"))
            for number in range(size)
        }
        return document(flags, {f"s{number}": segment(included=["x"]) for number in range(size)})

    def first(size: int) -> Callable[[], object]:
        raw = made(size)
        return lambda: load(raw)

    def next_one(size: int) -> Callable[[], object]:
        before, raw = load(made(size)), made(size)
        raw["flags"]["parent"]["version"] = 2
        return lambda: load(raw, before)

    assert_linear(growth(first))
    assert_linear(growth(next_one))
