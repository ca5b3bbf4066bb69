"""When the next poll is: interval, back-off, Retry-After."""

from __future__ import annotations

import pytest

from flagd_sdk.polling.pacing import Pace, backoff, regular, retry_after
from flagd_sdk.polling.protocol import Answer, State, Step, decide

NOW = 1_763_800_000.0


def pace(chance: float = 0.0, interval: float = 10.0) -> Pace:
    return Pace(interval, chance, NOW)


@pytest.mark.parametrize(("chance", "expected"), [(0.0, 10.0), (0.5, 9.5), (0.999999, 9.0)])
def test_jitter_only_shortens_the_interval(chance: float, expected: float) -> None:
    """A regular poll comes after the interval or up to a tenth earlier, never later."""
    assert regular(pace(chance)) == pytest.approx(expected, abs=1e-4)


def test_backoff_with_data_starts_at_the_interval_and_doubles_to_a_minute() -> None:
    """With flags in force there is no hurry: 10, 20, 40, 60, 60 seconds."""
    assert [backoff(pace(), n, True, None) for n in (1, 2, 3, 4, 5)] == [10, 20, 40, 60, 60]


def test_backoff_without_data_starts_at_a_second() -> None:
    """With nothing to answer from the first retries come quickly: 1, 2, 4 ... 60 seconds."""
    assert [backoff(pace(), n, False, None) for n in (1, 2, 3, 7, 8, 2000)] == [1, 2, 4, 60, 60, 60]


def test_backoff_never_exceeds_a_longer_interval() -> None:
    """Someone who polls every five minutes still does so when it fails."""
    assert [backoff(pace(interval=300), n, True, None) for n in (1, 2, 9)] == [300, 300, 300]


def test_backoff_jitter_takes_away_up_to_half() -> None:
    """Instances that failed together do not come back together."""
    assert backoff(pace(0.999999), 2, True, None) == pytest.approx(10.0, abs=1e-3)


@pytest.mark.parametrize("chance", [0.0, 0.3, 0.99])
def test_retry_after_is_never_undercut(chance: float) -> None:
    """However the dice fall, the client comes back no sooner than it was asked to."""
    assert 120.0 <= backoff(pace(chance), 1, True, 120.0) <= 132.0


def test_a_short_retry_after_does_not_shorten_the_backoff() -> None:
    """Retry-After: 0 from a failing server does not make the client hammer it."""
    assert backoff(pace(), 3, True, 0.0) == 40.0


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, None),
        ({"retry-after": "120"}, 120.0),
        ({"retry-after": " 7 "}, 7.0),
        ({"retry-after": "0"}, 0.0),
        ({"retry-after": "999999999999999999999"}, 3600.0),
        ({"retry-after": "-5"}, None),
        ({"retry-after": "1.5"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "²"}, None),
        ({"retry-after": "Sat, 22 Nov 2025 08:27:40 GMT"}, 60.0),
        ({"retry-after": "Sat, 22 Nov 2025 08:00:00 GMT"}, 0.0),
        ({"retry-after": "Sun, 22 Nov 2026 08:00:00 GMT"}, 3600.0),
        ({"retry-after": "Sat, 32 Nov 2025 08:00:00 GMT"}, None),
        ({"retry-after": "Sat, 22 Nov 2025 08:27:40 GMT", "date": "nonsense"}, 60.0),
        ({"retry-after": "Thu, 01 Jan 1970 00:01:30 GMT", "date": "Thu, 01 Jan 1970 00:00:00 GMT"}, 90.0),
    ],
)
def test_retry_after_is_seconds_or_a_date(headers: dict[str, str], expected: float | None) -> None:
    """Both forms of RFC 9110 are read, at most an hour; a date counts from the server's clock; nonsense is nothing."""
    assert retry_after(headers, NOW) == expected


def _failed(headers: dict[str, str], status: int = 429) -> Step:
    return decide(State(), None, Answer(status, headers), pace())


@pytest.mark.parametrize("status", [429, 503, 500])
def test_retry_after_counts_on_any_failure(status: int) -> None:
    """429 and 503 carry it by the book, and others are believed too."""
    assert _failed({"retry-after": "30"}, status).wait == 30.0


def test_failures_in_a_row_lengthen_the_delay_and_success_resets_it() -> None:
    """The back-off counts failures in a row, whatever their kinds."""
    first = _failed({})
    second = decide(first.state, None, Answer(500, {}), pace())
    assert (first.wait, second.wait) == (1.0, 2.0)
