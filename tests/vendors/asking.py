"""What a vendor is asked: a split as the core has it, and the vendor's own answer for a unit of the same split."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

Arcs = tuple[tuple[int, str], ...]


def everybody(_unit: str) -> bool:
    """Every unit there is."""
    return True


@dataclass(frozen=True)
class Split:
    """One split, told twice."""

    algorithm: str
    what: str
    """What is special about it; unique for its algorithm."""
    salt: str
    arcs: Arcs
    ask: Callable[[str], str]
    """The variant that the vendor's code gives to a unit."""
    concerns: Callable[[str], bool] = everybody
    """Which units the vendor can be asked for."""
    also: tuple[str, ...] = ()
    """Units for which something special happens in the vendor's code."""


def ring(arcs: Iterable[tuple[int, str]]) -> Arcs:
    """Arcs without those of no width, which a ring does not have."""
    kept: list[tuple[int, str]] = []
    reached = 0
    for end, variant in arcs:
        if end > reached:
            kept.append((end, variant))
            reached = end
    return tuple(kept)


def ends(widths: Iterable[int]) -> list[int]:
    """Where arcs of these widths end."""
    found, reached = [], 0
    for width in widths:
        reached += width
        found.append(reached)
    return found


def positions_below(size: int, is_below: Callable[[int], bool]) -> int:
    """How many of the positions 0 to size - 1 a vendor counts as below a limit, by the vendor's own comparison."""
    return sum(is_below(position) for position in range(size))
