"""Slows down guessing: token buckets in memory, one for each name that is counted.

Knows neither passwords nor time; it is told the reading of a monotonic clock. Each instance counts for itself.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

MAX_BUCKETS: Final = 10_000
"""Buckets held; beyond that the one that was used longest ago is forgotten."""


@dataclass(slots=True)
class _Bucket:
    tokens: float
    at: float


class Throttle:
    """Allows `burst` attempts at once for one name, then one for each `seconds`."""

    def __init__(self, burst: int, seconds: float) -> None:
        self._burst = burst
        self._seconds = seconds
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()

    def take(self, name: str, at: float) -> int:
        """Counts an attempt and returns 0, or returns the whole seconds until the next one is allowed."""
        bucket = self._filled(name, at)
        if bucket.tokens < 1:
            return math.ceil((1 - bucket.tokens) * self._seconds)
        bucket.tokens -= 1
        return 0

    def give_back(self, name: str, at: float) -> None:
        """Takes back the counting of an attempt that turned out to be right."""
        bucket = self._filled(name, at)
        bucket.tokens = min(bucket.tokens + 1, self._burst)

    def __len__(self) -> int:
        return len(self._buckets)

    def _filled(self, name: str, at: float) -> _Bucket:
        bucket = self._buckets.setdefault(name, _Bucket(self._burst, at))
        self._buckets.move_to_end(name)
        bucket.tokens = min(bucket.tokens + max(at - bucket.at, 0) / self._seconds, self._burst)
        bucket.at = at
        if len(self._buckets) > MAX_BUCKETS:
            self._buckets.popitem(last=False)
        return bucket
