"""Serves from documents: one variant, or a split given by weights whose arcs move as little as they can.

Pure. The salt for a split that has none yet is handed in.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import Any, Final

from flagd.flags.model import ALGORITHM, DEFAULT_UNIT, Fixed, Serve, Split, percent
from flagd.flags.patch.fields import Fields, at, in_words, same
from flagd_core import ring
from flagd_core.bucketing import SLOTS

SALT_LENGTH: Final = 128
UNIT_LENGTH: Final = 256

_SPLIT_MEMBERS: Final = ("unit", "weights", "salt", "algorithm", "arcs")


class Salts:
    """Salts for the new splits of one patch, different from each other and made from one random text."""

    def __init__(self, seed: str) -> None:
        self._seed = seed
        self._given = 0

    def next(self) -> str:
        """A salt not given before."""
        self._given += 1
        return self._seed if self._given == 1 else f"{self._seed}-{self._given}"


class ServeParser:
    """Reads the serves of one document of a flag with these variants."""

    def __init__(self, fields: Fields, variants: Collection[str], salts: Salts) -> None:
        self._fields = fields
        self._variants = variants
        self._salts = salts

    def serve(self, document: Any, pointer: str, old: Serve | None) -> Serve:
        """The serve that a merged document says; `old` is what it was merged into."""
        members = self._fields.object(document, pointer, ("variant", "split"))
        if not isinstance(document, dict):
            return Fixed("")
        if len(members) != 1:
            self._fields.refuse(pointer, 'must have exactly one of "variant" and "split"')
            return Fixed("")
        if "variant" in members:
            return Fixed(self.variant(members["variant"], at(pointer, "variant")))
        return self._split(members["split"], at(pointer, "split"), old if isinstance(old, Split) else None)

    def variant(self, key: Any, pointer: str) -> str:
        """The name of a variant that the flag has."""
        if not isinstance(key, str):
            self._fields.refuse(pointer, f"must be the name of a variant, not {in_words(key)}")
            return ""
        if key not in self._variants:
            self._fields.refuse(pointer, f"there is no variant {key!r}; known: {', '.join(self._variants)}")
        return key

    def _split(self, document: Any, pointer: str, old: Split | None) -> Serve:
        if isinstance(document, dict) and "compact" in document:
            return self._compacted(document, pointer, old)
        fields = self._fields
        members = fields.object(document, pointer, _SPLIT_MEMBERS)
        unit = fields.text(members.get("unit", DEFAULT_UNIT), at(pointer, "unit"), UNIT_LENGTH, shortest=1)
        if members.get("algorithm", ALGORITHM) != ALGORITHM:
            fields.refuse(at(pointer, "algorithm"), f"must be {ALGORITHM!r}, the only one there is")
        self._check_arcs(members, pointer, old)
        weights = self._weights(members.get("weights"), at(pointer, "weights"))
        if "salt" in members:
            salt = fields.text(members["salt"], at(pointer, "salt"), SALT_LENGTH, shortest=1)
        else:
            salt = self._salts.next()
        return Split(salt, unit, self._arcs(weights, at(pointer, "weights"), old))

    def _compacted(self, document: dict[str, Any], pointer: str, old: Split | None) -> Serve:
        place = at(pointer, "compact")
        if document["compact"] is not True:
            self._fields.refuse(place, f"must be true or left out, not {in_words(document['compact'])}")
        elif len(document) > 1:
            self._fields.refuse(place, "moves units, so it comes alone: nothing else in the same split")
        elif old is None:
            self._fields.refuse(place, "there is no split here to compact")
        else:
            return replace(old, arcs=ring.compact(old.arcs))
        return Fixed("")

    def _check_arcs(self, members: dict[str, Any], pointer: str, old: Split | None) -> None:
        current = None if old is None else old.document()["split"]["arcs"]
        if "arcs" in members and not same(members["arcs"], current):
            self._fields.refuse(
                at(pointer, "arcs"), "cannot be written: they follow from the weights; leave them out"
            )

    def _weights(self, document: Any, pointer: str) -> dict[str, int]:
        """The weights in slots; none when there was a problem with them."""
        if document is None:
            self._fields.refuse(pointer, "is required: the share of each variant in percent")
            return {}
        members = self._fields.object(document, pointer)
        problems_before = len(self._fields.problems)
        shares = {
            self.variant(key, at(pointer, key)): self._fields.share(value, at(pointer, key))
            for key, value in members.items()
        }
        total = sum(shares.values())
        if len(self._fields.problems) > problems_before or not isinstance(document, dict):
            return {}
        if total != SLOTS:
            detail = f"weights add up to {percent(total)} %, not 100: name every variant whose share changes"
            self._fields.refuse(pointer, detail)
            return {}
        return {key: slots for key, slots in shares.items() if slots}

    def _arcs(self, weights: dict[str, int], pointer: str, old: Split | None) -> ring.Arcs:
        if not weights:
            return ((SLOTS, ""),)  # there was a problem with the weights
        if old is None:
            return ring.divide(weights)
        if weights == ring.weights_of(old.arcs):
            return old.arcs
        try:
            return ring.reweigh(old.arcs, weights)
        except ring.TooManyArcs as error:
            self._fields.refuse(
                pointer, f'{error}, with {{"compact": true}} for the split, which moves units'
            )
            return old.arcs
