"""Layers and their allocations as immutable values, and their documents.

A layer is one hash ring for several flags. In each environment an allocation says who owns which of its slots:
a flag, the holdout (a stretch that no flag may own), or nobody. The arcs are the truth; shares follow from them.
Pure: no database, no framework, no clock. A value here is valid: `patch` checks what comes from outside.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from flagd.flags.model import ALGORITHM, Document, instant, percent
from flagd_core import ring
from flagd_core.bucketing import SLOTS

HOLDOUT: Final = "(holdout)"
FREE: Final = "(free)"
"""Who owns the slots that no flag owns. No flag can be called like that: keys begin with a letter or a digit."""


@dataclass(frozen=True, slots=True)
class Layer:
    """What a layer is in all environments of its project: whom it places on its ring, and how."""

    id: str
    project_id: str
    key: str
    name: str
    description: str
    unit: str
    salt: str
    version: int
    created_at: datetime
    updated_at: datetime
    archived_at: datetime | None

    @property
    def archived(self) -> bool:
        """Whether it is put away: readable, closed to changes, without flags but in archived environments."""
        return self.archived_at is not None

    def document(self) -> Document:
        """The layer as the API shows it."""
        return {
            "key": self.key,
            "name": self.name,
            "description": self.description,
            "unit": self.unit,
            "salt": self.salt,
            "version": self.version,
            "archived": self.archived,
            "created_at": instant(self.created_at),
            "updated_at": instant(self.updated_at),
        }


@dataclass(frozen=True, slots=True)
class Allocation:
    """Who owns the slots of one layer in one environment.

    A member is a flag that the layer limits there; it may own nothing, and then admits nobody. `edits` counts
    for every flag that ever was a member how often what it owns was changed, so that its version can only rise.
    """

    id: str
    layer_id: str
    environment_id: str
    members: tuple[str, ...]
    arcs: ring.Arcs
    edits: Mapping[str, int]
    version: int
    updated_at: datetime

    def slots(self) -> dict[str, int]:
        """How many slots each member owns, by key."""
        owned = ring.weights_of(self.arcs)
        return {key: owned.get(key, 0) for key in self.members}

    @property
    def holdout(self) -> int:
        """How many slots no flag may own."""
        return ring.weights_of(self.arcs).get(HOLDOUT, 0)

    def stretches(self, owner: str) -> Iterator[tuple[int, int]]:
        """Where on the ring the owner's slots are: first slot and the one behind the last, ascending."""
        start = 0
        for end, name in self.arcs:
            if name == owner:
                yield start, end
            start = end

    def document(self, layer: str, environment: str) -> Document:
        """The allocation as the API shows it, under the keys of its layer and its environment."""
        owned = ring.weights_of(self.arcs)
        return {
            "layer": layer,
            "environment": environment,
            "flags": {key: percent(slots) for key, slots in self.slots().items()},
            "holdout": percent(self.holdout),
            "free": percent(owned.get(FREE, 0)),
            "arcs": [[end, owner] for end, owner in self.arcs],
            "version": self.version,
            "updated_at": instant(self.updated_at),
        }


def blank_allocation(layer: Layer, environment_id: str, new_id: str) -> Allocation:
    """The allocation where nobody has said anything yet: all of it is free. `new_id` is its id once it is stored."""
    return Allocation(
        id=new_id,
        layer_id=layer.id,
        environment_id=environment_id,
        members=(),
        arcs=((SLOTS, FREE),),
        edits={},
        version=1,
        updated_at=layer.created_at,
    )


@dataclass(frozen=True, slots=True)
class LayerState:
    """A layer and its allocation in one environment."""

    layer: Layer
    allocation: Allocation

    def wire(self, flag: str) -> dict[str, Any]:
        """What applications are told of the layer for one of its members: who is admitted to the flag."""
        return {
            "key": self.layer.key,
            "salt": self.layer.salt,
            "unit": self.layer.unit,
            "algorithm": ALGORITHM,
            "slots": [[start, end] for start, end in self.allocation.stretches(flag)],
        }


@dataclass(frozen=True, slots=True)
class Home:
    """Where a flag is a member: the keys of the layer and of the environment, and whether that is archived."""

    layer: str
    environment: str
    archived: bool = False

    def in_words(self) -> str:
        """For a sentence that says why not."""
        return f"the layer {self.layer!r} in {self.environment!r}"
