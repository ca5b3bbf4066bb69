"""From rows to what applications receive. Pure: the same rows give the same bytes in every process.

Nothing here decides who gets what; that is written in the rows and read by the evaluation core.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from flagd.flags.layers.model import LayerState
from flagd.flags.model import Flag, Segment, Targeting, wire_condition
from flagd.snapshots.model import Part, Place, Revision, Snapshot, part


@dataclass(frozen=True, slots=True)
class Rows:
    """Live flags with their targeting, and live segments; `gone` are those that were asked for and are no more.

    `layers` are at least those of the environment that any of the flags is or was in.
    """

    flags: Iterable[tuple[Flag, Targeting]]
    segments: Iterable[Segment]
    layers: Iterable[LayerState] = ()
    gone_flags: frozenset[str] = frozenset()
    gone_segments: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Limit:
    """What layers mean for one flag: how often they changed for it, and the one that limits it, as it is sent."""

    edits: int = 0
    layer: Mapping[str, Any] | None = None


NO_LIMIT: Final = Limit()


def assemble(place: Place, revision: Revision, rows: Rows, held: Snapshot | None) -> Snapshot:
    """The snapshot at `revision`: what is in `rows`, the rest as it was in `held` (None: `rows` is everything)."""
    limits = limits_of(rows.layers)
    flags = {
        flag.key: part(wire_flag(flag, targeting, limits.get(flag.key, NO_LIMIT)))
        for flag, targeting in rows.flags
    }
    segments = {segment.key: part(wire_segment(segment)) for segment in rows.segments}
    if held is None:
        return Snapshot(place, revision, flags, segments)
    return Snapshot(
        place,
        revision,
        _updated(held.flags, flags, rows.gone_flags),
        _updated(held.segments, segments, rows.gone_segments),
        # Only a ruleset that was asked for is worth taking over; building one here would cost those who never ask.
        held.__dict__.get("ruleset", held.previous),
    )


def limits_of(layers: Iterable[LayerState]) -> dict[str, Limit]:
    """What the layers of an environment mean for each flag that is or was in one of them."""
    limits: dict[str, Limit] = {}
    for state in layers:
        for key, edits in state.allocation.edits.items():
            # A flag may have been in several layers; it is in one at the most.
            before = limits.get(key, NO_LIMIT)
            limits[key] = Limit(before.edits + edits, before.layer)
        for key in state.allocation.members:
            limits[key] = Limit(limits[key].edits, state.wire(key))
    return limits


def wire_flag(flag: Flag, targeting: Targeting, limit: Limit) -> dict[str, Any]:
    """A flag as applications receive it. Each part of its version counts edits, so that their sum only rises."""
    wire = {
        "kind": flag.kind,
        "version": flag.version + targeting.version + limit.edits,
        "client_visible": flag.client_visible,
        "enabled": targeting.enabled,
        "variants": {variant.key: variant.value for variant in flag.variants},
        "off_variant": targeting.off_variant,
        "default": targeting.default.stored(),
        "targets": {variant: list(keys) for variant, keys in targeting.targets.items()},
        "rules": [
            {"id": rule.id, "if": wire_condition(rule.condition), "serve": rule.serve.stored()}
            for rule in targeting.rules
        ],
        "prerequisites": [
            {"flag": key, "variants": list(targeting.prerequisites[key])}
            for key in sorted(targeting.prerequisites)
        ],
        "metadata": {},
    }
    return wire if limit.layer is None else {**wire, "layer": limit.layer}


def wire_segment(segment: Segment) -> dict[str, Any]:
    """A segment as applications receive it."""
    return {
        "included": list(segment.included),
        "excluded": list(segment.excluded),
        "if": None if segment.condition is None else wire_condition(segment.condition),
    }


def _updated(held: Mapping[str, Part], fresh: dict[str, Part], gone: frozenset[str]) -> dict[str, Part]:
    return {key: value for key, value in held.items() if key not in gone} | fresh
