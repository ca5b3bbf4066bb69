"""Slowing down guesses, on a clock that the test moves."""

from __future__ import annotations

from flagd.access.people.throttle import MAX_BUCKETS, Throttle


def test_a_burst_passes_and_then_one_for_each_interval() -> None:
    """So many attempts pass at once, the next is told how long to wait, and after that long it passes."""
    throttle = Throttle(burst=3, seconds=20)
    assert [throttle.take("ada", 0.0) for _ in range(3)] == [0, 0, 0]
    assert throttle.take("ada", 0.0) == 20
    assert throttle.take("ada", 12.5) == 8
    assert throttle.take("ada", 20.0) == 0
    assert throttle.take("ada", 20.0) == 20


def test_names_are_counted_apart() -> None:
    """What one name used up is not missing for another."""
    throttle = Throttle(burst=1, seconds=20)
    assert throttle.take("ada", 0.0) == 0
    assert throttle.take("bob", 0.0) == 0
    assert throttle.take("ada", 0.0) == 20


def test_a_right_attempt_costs_nothing() -> None:
    """What is given back can be used again, and never adds up to more than the burst."""
    throttle = Throttle(burst=2, seconds=20)
    for _ in range(10):
        assert throttle.take("ada", 0.0) == 0
        throttle.give_back("ada", 0.0)
    throttle.give_back("ada", 0.0)
    assert [throttle.take("ada", 0.0) for _ in range(3)] == [0, 0, 20]


def test_a_refused_attempt_does_not_make_the_wait_longer() -> None:
    """Knocking during the wait does not move its end."""
    throttle = Throttle(burst=1, seconds=10)
    throttle.take("ada", 0.0)
    assert [throttle.take("ada", at) for at in (1.0, 5.0, 9.0)] == [9, 5, 1]
    assert throttle.take("ada", 10.0) == 0


def test_memory_is_bounded_under_many_names() -> None:
    """However many names are tried, so many buckets are held, and the latest are among them."""
    throttle = Throttle(burst=1, seconds=1000)
    for number in range(MAX_BUCKETS + 100):
        throttle.take(f"name {number}", 0.0)
    assert len(throttle) == MAX_BUCKETS
    assert throttle.take(f"name {MAX_BUCKETS + 99}", 0.0) == 1000
