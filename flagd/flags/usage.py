"""Where variants, segments and flags are used, in words: what keeps them from being removed or archived.

Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from flagd.flags.model import Fixed, Serve, Split, Targeting, segments_in
from flagd_core import ring

SHOWN = 5
"""How many uses are named; the rest are counted."""


def uses_of_variant(targeting: Targeting, variant: str) -> Iterator[str]:
    """The places of a targeting that name the variant."""
    if targeting.off_variant == variant:
        yield "off variant"
    if _serves(targeting.default, variant):
        yield "default"
    for rule in targeting.rules:
        if _serves(rule.serve, variant):
            yield f"rule {rule.id!r}"
    if variant in targeting.targets:
        yield "targets"


def uses_of_segment(targeting: Targeting, segment: str) -> Iterator[str]:
    """The places of a targeting that name the segment."""
    for rule in targeting.rules:
        if segment in segments_in(rule.condition):
            yield f"rule {rule.id!r}"


def segments_of(targetings: Iterable[Targeting]) -> frozenset[str]:
    """Every segment that a rule names."""
    return frozenset(key for targeting in targetings for key in segments_asked(targeting))


def segments_asked(targeting: Targeting) -> list[str]:
    """The segments that the rules name, each as often as they do."""
    return [key for rule in targeting.rules for key in segments_in(rule.condition)]


def in_words(uses: list[str]) -> str:
    """The uses in one sentence's worth of words."""
    more = len(uses) - SHOWN
    return ", ".join(uses[:SHOWN]) + (f" and {more} more" if more > 0 else "")


def _serves(serve: Serve, variant: str) -> bool:
    match serve:
        case Fixed(only):
            return only == variant
        case Split(arcs=arcs):
            return variant in ring.weights_of(arcs)
