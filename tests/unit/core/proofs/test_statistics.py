"""Shares and independence, with fixed units: these tests always see the same users."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from statistics import NormalDist

import pytest

from flagd_core import load
from flagd_core.bucketing import SLOTS, slot_of
from tests.unit.core.documents import compiled, document, flag, rule, split

USERS = 10_000


def variants(salt: str, *arcs: tuple[int, str], prefix: str = "user-") -> list[str | None]:
    """What each of ten thousand users gets."""
    names = {name: name for _, name in arcs}
    found = compiled(flag(kind="string", variants=names, off_variant=None, default=split(*arcs, salt=salt)))
    return [found.evaluate(f"{prefix}{number}").variant for number in range(USERS)]


def standard_error(share: float) -> float:
    """The standard error of a share among the users."""
    return math.sqrt(share * (1 - share) / USERS)


@pytest.mark.parametrize("percent", [1, 5, 20, 50, 80, 99])
@pytest.mark.parametrize("salt", ["7c9e6679", "a", "checkout"])
def test_a_rollout_reaches_its_share(percent: int, salt: str) -> None:
    """Of ten thousand users the share that gets the variant is within three standard errors of what was asked for."""
    got = Counter(variants(salt, (percent * 1000, "on"), (100_000, "off")))

    assert abs(got["on"] / USERS - percent / 100) < 3 * standard_error(percent / 100)


@pytest.mark.parametrize("prefix", ["", "user-", "0000000", "alice@example.com/"])
def test_variants_are_as_frequent_as_their_weights(prefix: str) -> None:
    """Four variants of a quarter each get a quarter each, for numbers, mail addresses and padded keys."""
    arcs = ((25_000, "a"), (50_000, "b"), (75_000, "c"), (100_000, "d"))
    got = Counter(variants("e4d909c2", *arcs, prefix=prefix))

    assert set(got) == set("abcd")
    for count in got.values():
        assert abs(count / USERS - 0.25) < 3 * standard_error(0.25)


def test_the_share_does_not_depend_on_where_the_arcs_lie() -> None:
    """A share cut into many pieces reaches as many users as one in one piece."""
    pieces = tuple((end, "on" if end % 2_000 else "off") for end in range(1_000, 100_001, 1_000))

    got = Counter(variants("290c290c", *pieces))

    assert abs(got["on"] / USERS - 0.5) < 3 * standard_error(0.5)


@pytest.mark.parametrize(
    ("first", "second"), [("a", "b"), ("salt-1", "salt-2"), ("x", "xx"), ("flag", "flag.")]
)
def test_two_salts_are_independent(first: str, second: str) -> None:
    """Being in one rollout says nothing about being in another: both together have the product of the shares."""
    one = variants(first, (20_000, "on"), (100_000, "off"))
    other = variants(second, (20_000, "on"), (100_000, "off"))

    both = sum(a == b == "on" for a, b in zip(one, other, strict=True))

    assert abs(both / USERS - 0.04) < 3 * standard_error(0.04)


def test_the_same_users_do_not_always_go_first() -> None:
    """Over forty rollouts of five percent no user is in more than chance explains."""
    times = Counter[int]()
    for number in range(40):
        for user, variant in enumerate(variants(f"rollout-{number}", (5_000, "on"), (100_000, "off"))):
            times[user] += variant == "on"

    assert max(times.values()) <= 11
    assert sum(count == 0 for count in times.values()) / USERS == pytest.approx(0.95**40, abs=0.02)


def test_a_share_is_drawn_once_wherever_it_stands() -> None:
    """As default, in a rule, behind a prerequisite, by another attribute: the same split gives everyone the same."""
    half = split((50_000, "on"), (100_000, "off"), salt="7c9e6679")
    by_id = split((50_000, "on"), (100_000, "off"), salt="7c9e6679", unit="account.id")
    thirds = split((25_000, "on"), (50_000, "on"), (100_000, "off"), salt="7c9e6679")
    flags = {
        "default": flag(default=half),
        "cut": flag(default=thirds),
        "rule": flag(rules=[rule({"all": []}, half)]),
        "late": flag(rules=[rule({"any": []}), rule({"all": []}, half, "late")]),
        "child": flag(default=half, prerequisites=[{"flag": "default", "variants": ["on", "off"]}]),
        "target": flag(default=half, targets={"off": ["nobody"]}),
        "attribute": flag(default=by_id),
    }
    rules = load(document(flags))
    shares = Counter[bool]()
    for number in range(2_000):
        unit = f"user-{number}"
        context = {"targetingKey": unit, "account": {"id": unit}}
        (value,) = {rules.evaluate(key, context).value for key in flags}
        shares[value is True] += 1

    assert abs(shares[True] / 2_000 - 0.5) < 3 * math.sqrt(0.25 / 2_000)


def test_one_percent_of_few_users_is_not_always_nobody() -> None:
    """With a hundred users one percent is nobody in about a third of all rollouts, and not in all of them."""
    arcs = ((1_000, "on"), (100_000, "off"))
    nobody = sum("on" not in variants(f"few-{number}", *arcs)[:100] for number in range(60))

    assert 8 <= nobody <= 36


def test_nobody_and_everybody_are_exact() -> None:
    """Zero percent is no user and a hundred percent is every user, without exception."""
    assert set(variants("all", (100_000, "on"))) == {"on"}
    assert set(variants("none", (100_000, "off"))) == {"off"}


UNITS = {
    "numbers": [str(number) for number in range(20_000)],
    "padded numbers": [f"{number:012d}" for number in range(20_000)],
    "mail addresses": [f"user.{number}@example.com" for number in range(20_000)],
    "hexadecimal": [f"{number * 2_654_435_761 % 2**32:08x}-0000-4000-8000" for number in range(20_000)],
    "other scripts": [f"\u7528\u6237{number}" for number in range(20_000)],
}
SALT_PAIRS = [("a", "b"), ("q3Zb9yT0a1U", "q3Zb9yT0a1V"), ("1", "11"), ("layer", "split"), ("x", "x.")]


def chi_square(observed: Sequence[int], expected: Sequence[float]) -> float:
    """How far counts are from what was expected."""
    return sum((seen - due) ** 2 / due for seen, due in zip(observed, expected, strict=True))


def limit(freedom: int, probability: float = 0.0001) -> float:
    """What chi-square exceeds with this probability when nothing but chance is at work (Wilson and Hilferty)."""
    deviation = NormalDist().inv_cdf(1 - probability)
    spread = 2 / (9 * freedom)
    return freedom * (1 - spread + deviation * math.sqrt(spread)) ** 3


def table(units: Sequence[str], first: str, second: str, parts: int = 10) -> list[int]:
    """In which tenths of two rings the units stand, together."""
    width = SLOTS // parts
    counts = Counter((slot_of(first, unit) // width, slot_of(second, unit) // width) for unit in units)
    return [counts[row, column] for row in range(parts) for column in range(parts)]


@pytest.mark.parametrize("kind", UNITS)
@pytest.mark.parametrize("salt", ["q3Zb9yT0a1U", "a", ""])
def test_units_stand_everywhere_alike(kind: str, salt: str) -> None:
    """On a hundred equal parts of the ring stand as many units each as chance explains, whatever they look like."""
    counts = Counter(slot_of(salt, unit) // 1_000 for unit in UNITS[kind])

    observed = [counts[part] for part in range(100)]
    assert chi_square(observed, [len(UNITS[kind]) / 100] * 100) < limit(99)


@pytest.mark.parametrize("kind", ["numbers", "mail addresses"])
@pytest.mark.parametrize(("first", "second"), SALT_PAIRS)
def test_where_a_unit_stands_under_one_salt_says_nothing_about_another(
    kind: str, first: str, second: str
) -> None:
    """Two salts, however alike, are independent: the tenths of their rings have the units of both evenly."""
    observed = table(UNITS[kind], first, second)

    assert chi_square(observed, [len(UNITS[kind]) / 100] * 100) < limit(99)


def test_dependence_would_be_seen() -> None:
    """The measure tells: one salt against itself, and a ring of which every other part gets a tenth too much."""
    units = UNITS["numbers"]

    assert chi_square(table(units, "a", "a"), [len(units) / 100] * 100) > 100 * limit(99)
    assert chi_square([220, 180] * 50, [200] * 100) > limit(99)


def test_those_whom_a_layer_admits_are_split_as_everybody_is() -> None:
    """The part of a layer's ring that is a flag's is independent of the flag's own split."""
    admitted = [unit for unit in UNITS["mail addresses"] if slot_of("layer", unit) < 20_000]
    counts = Counter(slot_of("own", unit) // 5_000 for unit in admitted)

    assert chi_square([counts[part] for part in range(20)], [len(admitted) / 20] * 20) < limit(19)
