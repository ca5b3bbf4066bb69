"""The ring of a split: who owns which slots, and how to change shares while moving as few units as possible.

Pure functions over immutable arcs: this module must never touch a hash, a flag or a context.

Arcs cover the ring from slot 0 to SLOTS in order; each is (end slot, exclusive; variant) and begins where the
one before it ends. `reweigh` moves exactly the arithmetic minimum: the sum of what the gaining variants gain.
A unit only ever moves from a variant that loses to one that gains, hence widening a rollout keeps everyone
who was in it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from heapq import heapify, heappop, heappush
from typing import Final

from flagd_core.bucketing import SLOTS

Arcs = tuple[tuple[int, str], ...]

MAX_ARCS: Final = 1_000


class RingError(ValueError):
    """Weights or arcs that are no ring; the message says what is wrong with them."""


class TooManyArcs(RingError):
    """An edit would leave more than MAX_ARCS arcs. `compact` joins them, at the price of moving units."""


def divide(weights: Mapping[str, int]) -> Arcs:
    """A fresh ring, one arc per variant with a weight, by name. Weights are in slots and add up to SLOTS."""
    _check_weights(weights)
    return _arcs((variant, weight) for variant, weight in sorted(weights.items()))


def weights_of(arcs: Arcs) -> dict[str, int]:
    """How many slots each variant owns, by name."""
    owned: dict[str, int] = {}
    for variant, size in _runs(arcs):
        owned[variant] = owned.get(variant, 0) + size
    return dict(sorted(owned.items()))


def moved(old: Arcs, new: Arcs) -> int:
    """How many slots belong to another variant in `new` than in `old`."""
    _check_arcs(old)
    _check_arcs(new)
    count = start = i = j = 0
    while start < SLOTS:
        end = min(old[i][0], new[j][0])
        if old[i][1] != new[j][1]:
            count += end - start
        i += old[i][0] == end
        j += new[j][0] == end
        start = end
    return count


def compact(arcs: Arcs) -> Arcs:
    """One arc per variant, weights as before, each near where most of its slots were. Moves units: see `moved`."""
    weight: dict[str, int] = {}
    moment: dict[str, int] = {}
    start = 0
    for variant, size in _runs(arcs):
        weight[variant] = weight.get(variant, 0) + size
        moment[variant] = moment.get(variant, 0) + size * (2 * start + size)
        start += size
    # The centre of gravity, as an exact fraction: a float could order two of them differently on another
    # machine.
    order = sorted(weight, key=lambda variant: (Fraction(moment[variant], weight[variant]), variant))
    return _arcs((variant, weight[variant]) for variant in order)


def reweigh(arcs: Arcs, weights: Mapping[str, int]) -> Arcs:
    """The ring with new weights (slots, adding up to SLOTS) that moves exactly the sum of the gains.

    A variant that `weights` does not name loses everything. The result does not depend on the order of
    `weights`, applying the same weights again changes nothing, and at most one new cut is made per variant
    that gains or loses. Raises RingError for weights that are no ring, TooManyArcs when the result would be
    longer than MAX_ARCS and than before.
    """
    _check_weights(weights)
    owned = weights_of(arcs)
    names = sorted(owned.keys() | weights.keys())
    change = {name: weights.get(name, 0) - owned.get(name, 0) for name in names}
    transfer = _Transfer(
        runs=[_Run(variant, size) for variant, size in _runs(arcs)],
        give={name: -by for name, by in change.items() if by < 0},
        take={name: by for name, by in change.items() if by > 0},
    )
    result = _arcs((run.variant, run.size) for run in transfer.carry_out())
    if len(result) > max(MAX_ARCS, len(arcs)):
        raise TooManyArcs(
            f"this would cut the split into {len(result)} arcs, more than {MAX_ARCS}: compact the split first"
        )
    return result


@dataclass
class _Run:
    """A stretch of the ring with one owner."""

    variant: str
    size: int


class _Transfer:
    """Hands slots from the variants that lose to the variants that gain, leaving as few runs as it can.

    Each step takes the cheapest kind of move there is: a whole run next to its new owner (the ring gets fewer
    runs), a boundary that shifts (as many), a whole run elsewhere (as many), a cut (one more). Only a shift
    and a cut put a boundary where none was, and each of them completes a variant that gives or one that
    takes: that bounds the cuts.
    """

    def __init__(self, runs: list[_Run], give: dict[str, int], take: dict[str, int]) -> None:
        self._runs = runs
        self._give = give
        self._take = take

    def carry_out(self) -> list[_Run]:
        while any(self._take.values()):
            self._runs = list(_joined(self._runs))
            if not (self._hand_over_neighbours() or self._shift_boundary() or self._hand_over_one()):
                self._cut()
        return self._runs

    def _hand_over_neighbours(self) -> bool:
        """Hand whole runs to a neighbour, the smallest first: so the most runs disappear for the slots there are."""
        found = False
        waiting = [(self._runs[index].size, index) for index in self._giving()]
        heapify(waiting)
        while waiting:
            _, index = heappop(waiting)
            run = self._runs[index]
            takers = [name for name in self._neighbours(index) if self._take.get(name, 0) >= run.size]
            if takers and self._give.get(run.variant, 0) >= run.size:
                self._hand_over(run, takers[0])
                found = True
                # Beside the new owner's run, the neighbours may now be handed over too.
                for side in (index - 1, index + 1):
                    if 0 <= side < len(self._runs):
                        heappush(waiting, (self._runs[side].size, side))
        return found

    def _shift_boundary(self) -> bool:
        """Move one boundary between a run that gives and a neighbour that takes."""
        for index in self._giving():
            for side in (index - 1, index + 1):
                if 0 <= side < len(self._runs) and self._take.get(self._runs[side].variant, 0):
                    self._runs[side].size += self._part_of(self._runs[index], self._runs[side].variant)
                    return True
        return False

    def _hand_over_one(self) -> bool:
        """Hand over the largest whole run that some variant can take."""
        for index in sorted(self._giving(), key=lambda index: (-self._runs[index].size, index)):
            run = self._runs[index]
            for name, room in self._take.items():
                if run.size <= min(room, self._give[run.variant]):
                    self._hand_over(run, name)
                    return True
        return False

    def _cut(self) -> None:
        """Give the end of the largest run to the first variant that takes."""
        index = max(self._giving(), key=lambda index: (self._runs[index].size, -index))
        name = next(name for name, room in self._take.items() if room)
        self._runs.insert(index + 1, _Run(name, self._part_of(self._runs[index], name)))

    def _giving(self) -> list[int]:
        return [index for index, run in enumerate(self._runs) if self._give.get(run.variant, 0) and run.size]

    def _neighbours(self, index: int) -> list[str]:
        return [self._runs[side].variant for side in (index - 1, index + 1) if 0 <= side < len(self._runs)]

    def _hand_over(self, run: _Run, name: str) -> None:
        self._give[run.variant] -= run.size
        self._take[name] -= run.size
        run.variant = name

    def _part_of(self, run: _Run, name: str) -> int:
        """Take off `run` as much as it has, its variant gives and `name` takes."""
        size = min(run.size, self._give[run.variant], self._take[name])
        self._give[run.variant] -= size
        self._take[name] -= size
        run.size -= size
        return size


def _joined(runs: Iterable[_Run]) -> Iterator[_Run]:
    """The same ring without empty runs and with neighbours of one variant joined."""
    last: _Run | None = None
    for run in runs:
        if last is not None and run.variant == last.variant:
            last.size += run.size
        elif run.size:
            if last is not None:
                yield last
            last = run
    if last is not None:
        yield last


def _runs(arcs: Arcs) -> Iterator[tuple[str, int]]:
    _check_arcs(arcs)
    start = 0
    for end, variant in arcs:
        yield variant, end - start
        start = end


def _arcs(runs: Iterable[tuple[str, int]]) -> Arcs:
    ends: list[tuple[int, str]] = []
    end = 0
    for run in _joined(_Run(variant, size) for variant, size in runs):
        end += run.size
        ends.append((end, run.variant))
    return tuple(ends)


def _check_arcs(arcs: Arcs) -> None:
    last = 0
    for end, _variant in arcs:
        if end <= last:
            raise RingError(f"arcs must end further and further on the ring, but {end} follows {last}")
        last = end
    if last != SLOTS:
        raise RingError(f"arcs must end at slot {SLOTS}, not at {last}")


def _check_weights(weights: Mapping[str, int]) -> None:
    for variant, weight in weights.items():
        if type(weight) is not int or weight < 0:
            raise RingError(f"the weight of {variant!r} must be a number of slots, not {weight!r}")
    total = sum(weights.values())
    if total != SLOTS:
        raise RingError(f"weights must add up to {SLOTS} slots, not {total}")
