"""How often each flag answered with each variant: exact, without a lock where evaluations happen.

A counter is an `itertools.count`, whose next value the interpreter hands out to one thread at a time; so is the one of
free-threaded builds from Python 3.14 on. Reading a counter costs it a step, which the reader keeps account of.

A counter is forgotten when no answer counts on it any more: flags come and go, and their counters would add up. Answers
outlive the snapshot they belong to, in the middle of an evaluation in another thread, so it is not the flags in force
that decide but the references to the counter. It goes in two steps, each when counts are taken:
first it is retired, which is to say that nobody can be given it any more, but what it counts is still taken;
then, when nobody holds it, nobody ever will again: what it has counted by then is all there is.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from itertools import count
from typing import Final, NamedTuple

Key = tuple[str, "str | None"]
Counts = dict[Key, int]
"""Evaluations by flag and variant; None: the flag had no value."""


Counters = dict[Key, Iterator[int]]


class _Retired(NamedTuple):
    """A counter that nobody is given any more, in a mapping of its own, and how many of its steps were taken away."""

    key: Key
    counters: Counters
    taken: int


class Exposures:
    """The counters of one client; they outlive the snapshots whose answers count on them."""

    def __init__(self) -> None:
        # A counter is in one mapping and nowhere else of ours: any further reference is that of an answer.
        self._counters: Counters = {}
        self._taken: dict[Key, int] = {}
        self._retired: list[_Retired] = []
        self._lock = threading.Lock()

    def counter(self, flag: str, variant: str | None) -> Iterator[int]:
        """What counts one more answer of a flag with a variant at each step."""
        # setdefault is atomic: two threads that compile the same flag get the same counter.
        return self._counters.setdefault((flag, variant), count(1))

    def take(self) -> Counts:
        """What was counted since the last time, without zeros. Each evaluation is in exactly one answer."""
        counts: Counts = {}
        with self._lock:
            self._take_retired(counts)
            for key in list(self._counters):
                self._taken[key] = _take(self._counters, key, self._taken.get(key, 0), counts)
                if _unused(self._counters, key):
                    self._retire(key)
        return counts

    def after_fork_in_child(self) -> None:
        """Forget what the parent counted: it is the parent's to report."""
        self._lock = threading.Lock()
        # A thread of the parent may have been in the middle of _retire.
        for key, counters, _ in self._retired:
            if self._counters.get(key) is counters[key]:
                self._taken.pop(key, None)
                del self._counters[key]
        self.take()

    def _take_retired(self, counts: Counts) -> None:
        kept = []
        for key, counters, taken in self._retired:
            # Asked before the counter is read: where nobody has it, nobody can use it after that.
            unused = _unused(counters, key)
            reached = _take(counters, key, taken, counts)
            if not unused:
                kept.append(_Retired(key, counters, reached))
        self._retired = kept

    def _retire(self, key: Key) -> None:
        self._retired.append(_Retired(key, {key: self._counters[key]}, self._taken[key]))
        del self._taken[key]
        del self._counters[key]


def _take(counters: Counters, key: Key, taken: int, counts: Counts) -> int:
    """Add to `counts` what came after `taken`; returns how far the counter is now."""
    reached = next(counters[key])
    fresh = reached - 1 - taken
    if fresh:
        counts[key] = counts.get(key, 0) + fresh
    return reached


def _unused(counters: Counters, key: Key) -> bool:
    """Whether nobody has this counter but the mapping."""
    return _references(counters, key) <= _ALONE


def _references(counters: Counters, key: Key) -> int:
    return sys.getrefcount(counters[key])


_ALONE: Final = _references({("", None): count()}, ("", None))
