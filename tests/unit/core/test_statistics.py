"""Shares and independence, with fixed units: these tests always see the same users."""

from __future__ import annotations

import math
from collections import Counter

import pytest

from tests.unit.core.documents import compiled, flag, split

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


def test_one_percent_of_few_users_is_not_always_nobody() -> None:
    """With a hundred users one percent is nobody in about a third of all rollouts, and not in all of them."""
    arcs = ((1_000, "on"), (100_000, "off"))
    nobody = sum("on" not in variants(f"few-{number}", *arcs)[:100] for number in range(60))

    assert 8 <= nobody <= 36


def test_nobody_and_everybody_are_exact() -> None:
    """Zero percent is no user and a hundred percent is every user, without exception."""
    assert set(variants("all", (100_000, "on"))) == {"on"}
    assert set(variants("none", (100_000, "off"))) == {"off"}
