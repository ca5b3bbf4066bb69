"""When to poll next: regular interval, back-off, Retry-After. Pure: time and chance come in as numbers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

POLL_JITTER = 0.1
BACKOFF_JITTER = 0.5
FIRST_RETRY = 1.0
MAX_BACKOFF = 60.0
MAX_RETRY_AFTER = 3600.0
_MAX_DOUBLINGS = 16


class Pace(NamedTuple):
    """The poll interval in seconds, a random number in [0, 1), and the time in seconds since the epoch."""

    interval: float
    chance: float
    now: float


def regular(pace: Pace) -> float:
    """The delay after a poll that went well: the interval, or up to 10 % less, so that instances drift apart."""
    return pace.interval * (1.0 - POLL_JITTER * pace.chance)


def backoff(pace: Pace, failures: int, has_data: bool, asked: float | None) -> float:
    """The delay after `failures` polls in a row went wrong; never sooner than the server asked for.

    A client with nothing to answer from begins with about a second, one that has data with the interval. Both double up
    to a minute, or to the interval if that is longer. The jitter takes away up to half.
    """
    first = pace.interval if has_data else min(pace.interval, FIRST_RETRY)
    longest = max(pace.interval, MAX_BACKOFF)
    full = min(first * 2.0 ** min(failures - 1, _MAX_DOUBLINGS), longest)
    delay = full * (1.0 - BACKOFF_JITTER * pace.chance)
    if asked is None:
        return delay
    return max(delay, asked * (1.0 + POLL_JITTER * pace.chance))


def retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """The seconds a Retry-After header asks for, from 0 to an hour; None when there is none that can be read.

    It is a number of seconds or an HTTP-date (RFC 9110, 10.2.3). A date is measured against the response's own Date
    where it has one, so that a wrong clock on either side does not matter.
    """
    value = headers.get("retry-after", "").strip()
    if value.isascii() and value.isdigit():
        return min(float(value[:9]), MAX_RETRY_AFTER)
    moment = _http_date(value)
    if moment is None:
        return None
    origin = _http_date(headers.get("date", ""))
    return min(max(0.0, moment - (now if origin is None else origin)), MAX_RETRY_AFTER)


def _http_date(text: str) -> float | None:
    # Imported here because it is slow to import and httpx, loaded before any answer can exist, has loaded it already.
    from email.utils import parsedate_to_datetime

    try:
        return parsedate_to_datetime(text).timestamp()
    except (TypeError, ValueError, IndexError, OverflowError):
        return None
