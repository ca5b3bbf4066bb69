"""The patch that serves one variant to a percentage and leaves the rest to the others, in proportion.

Pure. It checks nothing: the patch goes the way of every patch, and what cannot be is refused there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from flagd.flags.model import PERCENT, Document, Targeting, percent
from flagd_core import ring
from flagd_core.bucketing import SLOTS

WHOLE: Final = 100


@dataclass(frozen=True, slots=True)
class Rollout:
    """The percentage of units, 0 to 100 with at most three decimals, to whom a variant is served."""

    variant: str
    percent: float


def rollout_patch(targeting: Targeting, variants: Sequence[str], rollout: Rollout) -> Document:
    """The patch of the targeting's default. The others are those it serves now, else the off variant, else the next."""
    shares = ring.weights_of(targeting.default.arcs)
    if shares.get(rollout.variant, 0) == rollout.percent * PERCENT:
        return {}
    others = {variant: slots for variant, slots in shares.items() if variant != rollout.variant}
    if not others:
        candidates = [key for key in (targeting.off_variant, *variants) if key not in (None, rollout.variant)]
        others = {str(key): 1 for key in candidates[:1]}
    weights: dict[str, float] = dict.fromkeys(shares, 0)
    if 0 <= rollout.percent <= WHOLE:
        left = SLOTS - round(rollout.percent * PERCENT)
        weights |= {variant: percent(slots) for variant, slots in _in_proportion(others, left).items()}
    weights[rollout.variant] = rollout.percent
    return {"default": {"split": {"weights": weights}}}


def _in_proportion(shares: Mapping[str, int], total: int) -> dict[str, int]:
    """`total` slots divided as `shares` are, by largest remainder; ties go by name."""
    whole = sum(shares.values())
    parts = {name: divmod(total * share, whole) for name, share in sorted(shares.items())}
    slots = {name: quotient for name, (quotient, _) in parts.items()}
    by_remainder = sorted(parts, key=lambda name: (-parts[name][1], name))
    for name in by_remainder[: total - sum(slots.values())]:
        slots[name] += 1
    return slots
