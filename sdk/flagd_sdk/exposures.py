"""How often each flag answered with each variant: exact, without a lock where evaluations happen.

A counter is an `itertools.count`, whose next value the interpreter hands out to one thread at a time; so is the one of
free-threaded builds from Python 3.14 on. Reading a counter costs it a step, which the reader keeps account of.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from itertools import count

Counts = dict[tuple[str, "str | None"], int]
"""Evaluations by flag and variant; None: no value, the caller got the default."""


class _Tally:
    """One counter, and how much of it was taken away."""

    __slots__ = ("_taken", "uses")

    def __init__(self) -> None:
        self.uses: Iterator[int] = count(1)
        self._taken = 0

    def take(self) -> int:
        """What was counted since the last time."""
        value = next(self.uses)
        fresh = value - 1 - self._taken
        self._taken = value
        return fresh


class Exposures:
    """The counters of one client; they outlive the snapshots whose answers count on them."""

    def __init__(self) -> None:
        self._tallies: dict[tuple[str, str | None], _Tally] = {}
        self._lock = threading.Lock()

    def counter(self, flag: str, variant: str | None) -> Iterator[int]:
        """What counts one more answer of a flag with a variant at each step."""
        # setdefault is atomic: two threads that compile the same flag get the same counter.
        return self._tallies.setdefault((flag, variant), _Tally()).uses

    def take(self) -> Counts:
        """What was counted since the last time, without zeros. Each evaluation is in exactly one answer."""
        with self._lock:
            taken = {key: tally.take() for key, tally in list(self._tallies.items())}
        return {key: counted for key, counted in taken.items() if counted}

    def after_fork_in_child(self) -> None:
        """Forget what the parent counted: it is the parent's to report."""
        self._lock = threading.Lock()
        self.take()
