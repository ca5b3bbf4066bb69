"""How often one API key may ask: a token bucket for each, in the memory of this process.

One number a key and no lock, for it stands in a hot path. It knows nothing of HTTP but the fields of the IETF's
draft-ietf-httpapi-ratelimit-headers, in which it says what is left.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from flagd.infra.clock import Clock

SAVED_SECONDS: Final = 10
"""A key that was silent for so long may ask for all of it at once: a page that asks for many flags is no flood."""


@dataclass(frozen=True, slots=True)
class Turn:
    """Whether a request may be answered (`retry_after` is 0) or is to be repeated after so many whole seconds.

    Of the headers, `r` is how many requests are left, and `t` in how many seconds all of them are back.
    """

    retry_after: int
    headers: dict[str, str]


class RateLimit:
    """Lets each key ask `per_second` times a second. It is asked of valid keys alone, so there is an end to them."""

    def __init__(self, per_second: float, clock: Clock) -> None:
        self._clock = clock
        self._interval = 1 / per_second
        self._burst = max(1, math.floor(per_second * SAVED_SECONDS))
        self._policy = f'"key";q={self._burst};w={math.ceil(self._burst * self._interval)}'
        self._full_at: dict[str, float] = {}

    def take(self, key_id: str) -> Turn:
        """Takes one request out of the key's bucket, if there is one left."""
        now = self._clock.monotonic()
        before = max(self._full_at.get(key_id, now), now)
        full_at = before + self._interval
        owed = full_at - self._burst * self._interval - now
        if owed > self._interval / 2:  # half a request of tolerance: seconds are added up in floating point
            return self._turn(math.ceil(owed), 0, before - now)
        self._full_at[key_id] = full_at
        return self._turn(0, round(-owed / self._interval), full_at - now)

    def _turn(self, retry_after: int, left: int, until_full: float) -> Turn:
        told = f'"key";r={left};t={math.ceil(until_full)}'
        return Turn(retry_after, {"RateLimit-Policy": self._policy, "RateLimit": told})
