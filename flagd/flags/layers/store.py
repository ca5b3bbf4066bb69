"""Writing layers and allocations: each write is one statement that says which version it replaces.

Decides nothing: what is handed in was checked, when it was the writer's turn in the project.
"""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Any

from flagd.flags.layers.model import Allocation, Layer
from flagd.flags.layers.tables import allocations, layers
from flagd.infra.db import WriteTx
from flagd.infra.store import insert_new, save_next


async def insert_layer(tx: WriteTx, layer: Layer) -> bool:
    """Stores a new layer; False when its key is taken in the project."""
    return await insert_new(tx, layers, asdict(layer))


async def insert_allocation(tx: WriteTx, allocation: Allocation) -> bool:
    """Stores the first state of an allocation; False when there is one already, also by a writer at the same moment."""
    fixed = {
        "id": allocation.id,
        "layer_id": allocation.layer_id,
        "environment_id": allocation.environment_id,
        "version": allocation.version,
        "updated_at": allocation.updated_at,
    }
    return await insert_new(tx, allocations, {**fixed, **_allocation_values(allocation)})


async def save_layer(tx: WriteTx, layer: Layer, now: datetime) -> Layer:
    """Stores the new state of the version that `layer` carries. Raises Stale when that is no longer current."""
    values = {
        "name": layer.name,
        "description": layer.description,
        "unit": layer.unit,
        "salt": layer.salt,
        "archived_at": layer.archived_at,
    }
    return await save_next(tx, layers, layer, values, now)


async def save_allocation(tx: WriteTx, allocation: Allocation, now: datetime) -> Allocation:
    """Stores the new state of the version that `allocation` carries. Raises Stale when that is no longer current."""
    return await save_next(tx, allocations, allocation, _allocation_values(allocation), now)


def _allocation_values(allocation: Allocation) -> dict[str, Any]:
    return {
        "members": list(allocation.members),
        "arcs": [[end, owner] for end, owner in allocation.arcs],
        "edits": dict(allocation.edits),
    }
