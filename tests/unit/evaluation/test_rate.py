"""How often a key may ask: the bucket of each key by itself, on a clock that the tests move."""

from __future__ import annotations

import math
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flagd.evaluation.rate import SAVED_SECONDS, RateLimit


class HandClock:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.seconds = 1_000_000.25

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.seconds, UTC)

    def monotonic(self) -> float:
        return self.seconds


def _let_in(limit: RateLimit, key: str, times: int) -> int:
    return sum(limit.take(key).retry_after == 0 for _ in range(times))


@pytest.mark.parametrize(("per_second", "burst"), [(0.01, 1), (0.1, 1), (1, 10), (2.5, 25), (1000, 10_000)])
def test_ten_seconds_worth_may_come_at_once(per_second: float, burst: int) -> None:
    """A key that was silent has exactly as many requests as ten seconds bring, and at least one."""
    assert _let_in(RateLimit(per_second, HandClock()), "a", burst + 5) == burst


def test_each_key_has_a_bucket_of_its_own() -> None:
    """One key that asks too often takes nothing from another."""
    limit = RateLimit(1, HandClock())
    _let_in(limit, "a", 20)
    assert _let_in(limit, "b", 20) == 10


def test_waiting_as_long_as_told_is_enough() -> None:
    """A refusal names whole seconds, at least one, after which the next request is answered."""
    clock = HandClock()
    limit = RateLimit(0.3, clock)
    _let_in(limit, "a", 3)
    turn = limit.take("a")
    assert turn.retry_after >= 1
    clock.seconds += turn.retry_after
    assert limit.take("a").retry_after == 0


def test_a_refused_request_costs_nothing() -> None:
    """Whoever goes on asking while refused is let in no later than who waited."""
    clock = HandClock()
    limit = RateLimit(1, clock)
    _let_in(limit, "a", 1000)
    clock.seconds += 1
    assert _let_in(limit, "a", 5) == 1


def test_what_is_left_is_told() -> None:
    """Each answer says how many requests are left and when all of them are back."""
    clock = HandClock()
    limit = RateLimit(2, clock)
    assert limit.take("a").headers == {"RateLimit-Policy": '"key";q=20;w=10', "RateLimit": '"key";r=19;t=1'}
    _let_in(limit, "a", 18)
    assert limit.take("a").headers["RateLimit"] == '"key";r=0;t=10'


def test_a_refusal_tells_the_same_of_what_is_left() -> None:
    """Also where none is left, `t` is when all are back; when the next one may come is told apart."""
    clock = HandClock()
    limit = RateLimit(2, clock)
    _let_in(limit, "a", 20)
    refused = limit.take("a")
    assert (refused.retry_after, refused.headers["RateLimit"]) == (1, '"key";r=0;t=10')
    clock.seconds += 0.2
    refused = limit.take("a")
    assert (refused.retry_after, refused.headers["RateLimit"]) == (1, '"key";r=0;t=10')
    clock.seconds += 9.8
    assert limit.take("a").headers["RateLimit"] == '"key";r=19;t=1'


@given(st.floats(0.01, 500), st.lists(st.floats(0, 5), max_size=60))
def test_nobody_gets_more_than_the_rate(per_second: float, pauses: list[float]) -> None:
    """Over any time, however requests are spread over it, no more are answered than the burst and the rate allow."""
    clock = HandClock()
    limit = RateLimit(per_second, clock)
    start, answered = clock.seconds, 0
    for pause in pauses:
        clock.seconds += pause
        answered += _let_in(limit, "a", 4)
        burst = max(1, math.floor(per_second * SAVED_SECONDS))
        assert answered <= burst + (clock.seconds - start) * per_second + 1
