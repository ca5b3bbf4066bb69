"""Compares a vendor's answers with the core's, and picks the units whose answers are worth writing down.

The core is asked as an application asks it: through a snapshot. It must never know how a vendor is asked.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from flagd_core import CompiledFlag
from flagd_core.algorithms import ALGORITHMS
from tests.unit.core import documents
from tests.vendors.asking import Arcs, Split
from tests.vendors.units import counted, units

_BOUNDS: Final = 8
_NOT_ASCII: Final = 3
_SHORT: Final = 40


@dataclass(frozen=True)
class Compared:
    """What a comparison found."""

    asked: int
    wrong: list[str]
    """A sentence for each answer of the vendor that is not the core's."""
    worth_keeping: dict[str, str]
    """The answers of the vendor that a wrong hash or a wrong bound would most likely get wrong."""


def compared(split: Split) -> Compared:
    """Ask the vendor and the core for everybody."""
    everybody = [unit for unit in units() if split.concerns(unit)]
    special = [*_beside_bounds(split), *split.also, *_not_ascii(everybody)]
    answers = {unit: split.ask(unit) for unit in [*everybody, *special]}
    core = _core(split)
    about = f"{split.algorithm}, {split.what}"
    wrong = []
    for unit, expected in answers.items():
        found = core.evaluate(unit).variant
        if found != expected:
            wrong.append(f"{about}: {unit!r} has {expected}, the core says {found}")
    if len(split.arcs) > 1 and len(set(answers.values())) == 1:
        wrong.append(f"{about}: everybody has the same, so nothing was compared")
    return Compared(len(answers), wrong, {unit: answers[unit] for unit in sorted(special)})


def _core(split: Split) -> CompiledFlag:
    """A flag whose default is the split."""
    names = {variant: variant for _, variant in split.arcs}
    served = documents.split(*split.arcs, salt=split.salt, algorithm=split.algorithm)
    return documents.compiled(documents.flag(kind="string", variants=names, off_variant=None, default=served))


def _beside_bounds(split: Split) -> Iterator[str]:
    """Units on both sides of the bounds, next to them: on a small ring, on the very positions beside them."""
    algorithm, bounds = ALGORITHMS[split.algorithm], _bounds(split.algorithm, split.arcs)
    last = split.arcs[-1][0]
    placed = sorted((algorithm.position(split.salt, unit, last), unit) for unit in counted())
    for at in [1, len(placed) - 1, *(bisect_left(placed, (bound, "")) for bound in bounds)]:
        yield placed[max(at - 1, 0)][1]
        yield placed[min(at, len(placed) - 1)][1]


def _bounds(algorithm: str, arcs: Arcs) -> list[float]:
    """The first and the last bounds between arcs."""
    bounds = ALGORITHMS[algorithm].bounds([end for end, _ in arcs])[:-1]
    return bounds if len(bounds) <= _BOUNDS else bounds[: _BOUNDS // 2] + bounds[-_BOUNDS // 2 :]


def _not_ascii(everybody: list[str]) -> list[str]:
    found = [unit for unit in everybody if not unit.isascii() and len(unit) <= _SHORT]
    return found[:: max(len(found) // _NOT_ASCII, 1)][:_NOT_ASCII]
