"""Writing flags, targetings and segments: each write is one statement that says which version it replaces.

Decides nothing: what is handed in was checked, when it was the writer's turn in the project.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from flagd.flags.model import Flag, Segment, Targeting
from flagd.flags.rows import flag_values, segment_values, targeting_values
from flagd.flags.tables import flags, segments, targetings
from flagd.infra.db import WriteTx
from flagd.infra.store import insert_new, save_next


async def insert_flag(tx: WriteTx, flag: Flag) -> bool:
    """Stores a new flag; False when its key is taken in the project."""
    fixed = {"id": flag.id, "project_id": flag.project_id, "key": flag.key, "kind": flag.kind}
    return await insert_new(tx, flags, {**fixed, **_made(flag), **flag_values(flag)})


async def insert_segment(tx: WriteTx, segment: Segment) -> bool:
    """Stores a new segment; False when its key is taken in the project."""
    fixed = {"id": segment.id, "project_id": segment.project_id, "key": segment.key}
    return await insert_new(tx, segments, {**fixed, **_made(segment), **segment_values(segment)})


async def insert_targeting(tx: WriteTx, targeting: Targeting) -> bool:
    """Stores the first state of a targeting; False when there is one already, also by a writer at the same moment."""
    fixed = {
        "id": targeting.id,
        "flag_id": targeting.flag_id,
        "environment_id": targeting.environment_id,
        "version": targeting.version,
        "updated_at": targeting.updated_at,
    }
    return await insert_new(tx, targetings, {**fixed, **targeting_values(targeting)})


async def save_flag(tx: WriteTx, flag: Flag, now: datetime) -> Flag:
    """Stores the new state of the version that `flag` carries. Raises Stale when that is no longer current."""
    return await save_next(tx, flags, flag, flag_values(flag), now)


async def save_segment(tx: WriteTx, segment: Segment, now: datetime) -> Segment:
    """Stores the new state of the version that `segment` carries. Raises Stale when that is no longer current."""
    return await save_next(tx, segments, segment, segment_values(segment), now)


async def save_targeting(tx: WriteTx, targeting: Targeting, now: datetime) -> Targeting:
    """Stores the new state of the version that `targeting` carries. Raises Stale when that is no longer current."""
    return await save_next(tx, targetings, targeting, targeting_values(targeting), now)


def _made(item: Flag | Segment) -> dict[str, Any]:
    return {"version": item.version, "created_at": item.created_at, "updated_at": item.updated_at}
