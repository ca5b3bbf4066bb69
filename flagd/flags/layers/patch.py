"""Layers and allocations from documents: a new one, and an old one under a merge patch.

Pure. Random text for a salt, and what an allocation may refer to, are handed in.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final

from flagd.flags.layers.model import FREE, HOLDOUT, Allocation, Home, Layer
from flagd.flags.model import DEFAULT_UNIT, Document, percent
from flagd.flags.patch.fields import Fields, at, check_depth, in_words
from flagd.flags.patch.serve import SALT_LENGTH, UNIT_LENGTH
from flagd_core import ring
from flagd_core.bucketing import SLOTS

MAX_MEMBERS: Final = 100
"""Flags that one layer can have in one environment."""

_FIXED: Final = ("key",)
_WRITABLE: Final = ("name", "description", "unit", "salt")
_KEPT: Final = ("version", "archived", "created_at", "updated_at")

_SHARED_OUT: Final = ("flags", "holdout", "compact")
_DERIVED: Final = ("layer", "environment", "free", "arcs", "version", "updated_at", "revision")


def new_layer(document: Document, blank_id: tuple[str, str], salt: str, now: datetime) -> Layer:
    """A layer from the document it is created from; `blank_id` is its id and its project's."""
    check_depth(document)
    fields = Fields()
    fields.object(document, "", (*_FIXED, *_WRITABLE))
    key = ""
    if "key" in document:
        key = fields.key(document["key"], "/key")
    else:
        fields.refuse("/key", "is required")
    layer_id, project_id = blank_id
    blank = Layer(
        id=layer_id,
        project_id=project_id,
        key=key,
        name=key,
        description="",
        unit=DEFAULT_UNIT,
        salt=salt,
        version=1,
        created_at=now,
        updated_at=now,
        archived_at=None,
    )
    layer = _written(fields, blank, document, salt)
    fields.done()
    return layer


def patch_layer(layer: Layer, patch: Document, salt: str) -> Layer:
    """The layer under the patch, its version unchanged; equal to the old one when the patch changes nothing.

    `salt` is random text, taken where the patch asks for a new one.
    """
    check_depth(patch)
    fields = Fields()
    fields.object(patch, "", (*_FIXED, *_WRITABLE, *_KEPT))
    fields.unchanged(patch, layer.document(), (*_FIXED, *_KEPT))
    changed = _written(fields, layer, patch, salt)
    fields.done()
    return changed


def _written(fields: Fields, layer: Layer, patch: Document, salt: str) -> Layer:
    fields.not_null(patch, ("name",))
    values: dict[str, Any] = {}
    if "name" in patch:
        values["name"] = fields.name(patch["name"], "/name")
    if "description" in patch:
        values["description"] = fields.description(patch["description"], "/description")
    for name, longest, without in (("unit", UNIT_LENGTH, DEFAULT_UNIT), ("salt", SALT_LENGTH, salt)):
        if name in patch:
            given = without if patch[name] is None else patch[name]
            values[name] = fields.text(given, at("", name), longest, shortest=1)
    return replace(layer, **values)


# --- allocations -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What an allocation stands in: the keys it is shown under, and the flags that it may name.

    `flags` are those of the flags named that exist and are not archived; `homes` says for every flag that
    belongs to another layer where it is.
    """

    layer: str
    environment: str
    revision: int
    flags: Collection[str] = ()
    homes: Mapping[str, Home] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Reallocated:
    """The allocation after a patch, its version unchanged, and the percent of units whose owner is another one."""

    allocation: Allocation
    moved: int | float


def reallocate(old: Allocation, patch: Document, around: Surroundings) -> Reallocated:
    """The old allocation under the patch. Raises Invalid with every problem and its place in the patch.

    What is free gives and takes before anything else: nobody's slots change but of those whose share does.
    """
    check_depth(patch)
    fields = Fields()
    fields.object(patch, "", (*_SHARED_OUT, *_DERIVED))
    current = old.document(around.layer, around.environment) | {"revision": around.revision}
    fields.unchanged(patch, current, _DERIVED)
    compacts = patch.get("compact") is not None
    new = _compacted(fields, old, patch) if compacts else _shared_out(fields, old, patch, around)
    fields.done()
    return Reallocated(_counted(old, new), percent(ring.moved(old.arcs, new.arcs)))


def _shared_out(fields: Fields, old: Allocation, patch: Document, around: Surroundings) -> Allocation:
    shares = old.slots()
    if "flags" in patch:
        shares = _members(fields, shares, patch["flags"], around)
    holdout = old.holdout
    if "holdout" in patch:
        holdout = 0 if patch["holdout"] is None else fields.share(patch["holdout"], "/holdout")
    total = sum(shares.values()) + holdout
    if total > SLOTS:
        place = "/flags" if "flags" in patch else "/holdout"
        fields.refuse(place, f"flags and holdout must sum to at most 100 percent, not {percent(total)}")
    if fields.problems:
        return old
    weights = {**shares, HOLDOUT: holdout, FREE: SLOTS - total}
    try:
        arcs = ring.reweigh(old.arcs, weights)
    except ring.TooManyArcs:
        fields.refuse(
            "/flags" if "flags" in patch else "/holdout",
            f"this would cut the layer into more than {ring.MAX_ARCS} arcs:"
            ' join them first with {"compact": true}, which moves units',
        )
        return old
    return replace(old, members=tuple(sorted(shares)), arcs=arcs)


def _members(fields: Fields, old: Mapping[str, int], given: Any, around: Surroundings) -> dict[str, int]:
    """The slots of each member; a flag that is removed is limited by the layer no more."""
    named = {} if given is None else fields.object(given, "/flags")
    kept = {} if given is None else {key: slots for key, slots in old.items() if key not in named}
    wanted = {key: share for key, share in named.items() if share is not None}
    if len(kept) + len(wanted) > MAX_MEMBERS:
        fields.refuse("/flags", f"must be at most {MAX_MEMBERS} flags, not {len(kept) + len(wanted)}")
        return kept
    for key in wanted:
        pointer = at("/flags", key)
        if key not in around.flags:
            fields.refuse(pointer, f"there is no flag {key!r} in this project, or it is archived")
        elif key in around.homes:
            fields.refuse(
                pointer, f"{key!r} is in {around.homes[key].in_words()}; a flag is in one layer only"
            )
    return kept | {key: fields.share(share, at("/flags", key)) for key, share in wanted.items()}


def _compacted(fields: Fields, old: Allocation, patch: Document) -> Allocation:
    if patch["compact"] is not True:
        fields.refuse("/compact", f"must be true or left out, not {in_words(patch['compact'])}")
    elif "flags" in patch or "holdout" in patch:
        fields.refuse("/compact", "moves units, so it comes alone: without flags and holdout")
    return replace(old, arcs=ring.compact(old.arcs))


def _counted(old: Allocation, new: Allocation) -> Allocation:
    """The new allocation, with one edit more for each flag that it admits others to than the old one."""
    edits = dict(old.edits)
    for key in {*old.members, *new.members}:
        stays = (key in old.members) == (key in new.members)
        if not stays or list(old.stretches(key)) != list(new.stretches(key)):
            edits[key] = edits.get(key, 0) + 1
    return replace(new, edits=edits)
