"""Writing flags, targetings and segments: each write is one statement that says which version it replaces.

Decides nothing: what is handed in was checked. Reads only what a write needs under its lock.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any, Final, TypeVar

from sqlalchemy import Table, select, update
from sqlalchemy.dialects import postgresql, sqlite

from flagd.errors import NotFound, Stale
from flagd.flags.model import Flag, Segment, Targeting
from flagd.flags.rows import flag_values, segment_values, targeting_values
from flagd.flags.tables import flags, segments, targetings
from flagd.infra.db import WriteTx
from flagd.projects.tables import projects

Versioned = TypeVar("Versioned", Flag, Segment, Targeting)

_INSERT: Final[dict[str, Any]] = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}


async def lock_project(tx: WriteTx, project_id: str) -> None:
    """Has writers of one project's configuration take turns, until the transaction ends.

    What a write was checked against (variants that rules serve, segments they name, prerequisites) is in
    other rows than the one it changes; no version on a single row can guard that. Taken before anything
    is read. SQLite has one writer at a time anyway.
    """
    await tx.scalar(select(projects.c.id).where(projects.c.id == project_id).with_for_update(key_share=True))


async def insert_flag(tx: WriteTx, flag: Flag) -> bool:
    """Stores a new flag; False when its key is taken in the project."""
    fixed = {"id": flag.id, "project_id": flag.project_id, "key": flag.key, "kind": flag.kind}
    return await _insert(tx, flags, {**fixed, **_made(flag), **flag_values(flag)})


async def insert_segment(tx: WriteTx, segment: Segment) -> bool:
    """Stores a new segment; False when its key is taken in the project."""
    fixed = {"id": segment.id, "project_id": segment.project_id, "key": segment.key}
    return await _insert(tx, segments, {**fixed, **_made(segment), **segment_values(segment)})


async def insert_targeting(tx: WriteTx, targeting: Targeting) -> bool:
    """Stores the first state of a targeting; False when there is one already, also by a writer at the same moment."""
    fixed = {
        "id": targeting.id,
        "flag_id": targeting.flag_id,
        "environment_id": targeting.environment_id,
        "version": targeting.version,
        "updated_at": targeting.updated_at,
    }
    return await _insert(tx, targetings, {**fixed, **targeting_values(targeting)})


async def save_flag(tx: WriteTx, flag: Flag, now: datetime) -> Flag:
    """Stores the new state of the version that `flag` carries. Raises Stale when that is no longer current."""
    return await _save(tx, flags, flag, flag_values(flag), now)


async def save_segment(tx: WriteTx, segment: Segment, now: datetime) -> Segment:
    """Stores the new state of the version that `segment` carries. Raises Stale when that is no longer current."""
    return await _save(tx, segments, segment, segment_values(segment), now)


async def save_targeting(tx: WriteTx, targeting: Targeting, now: datetime) -> Targeting:
    """Stores the new state of the version that `targeting` carries. Raises Stale when that is no longer current."""
    return await _save(tx, targetings, targeting, targeting_values(targeting), now)


def _made(item: Flag | Segment) -> dict[str, Any]:
    return {"version": item.version, "created_at": item.created_at, "updated_at": item.updated_at}


async def _insert(tx: WriteTx, table: Table, values: dict[str, Any]) -> bool:
    # A conflict must not be an error here: in PostgreSQL an error would end the transaction.
    statement = _INSERT[tx.dialect](table).values(**values).on_conflict_do_nothing().returning(table.c.id)
    return await tx.scalar(statement) is not None


async def _save(
    tx: WriteTx, table: Table, item: Versioned, values: dict[str, Any], now: datetime
) -> Versioned:
    saved = replace(item, version=item.version + 1, updated_at=now)
    written = await tx.run(
        update(table)
        .where(table.c.id == item.id, table.c.version == item.version)
        .values(**values, version=saved.version, updated_at=now)
    )
    if written == 0:
        raise await _overtaken(tx, table, item.id)
    return saved


async def _overtaken(tx: WriteTx, table: Table, id_: str) -> Stale | NotFound:
    current = await tx.scalar(select(table.c.version).where(table.c.id == id_))
    if current is None:
        return NotFound("what was to be changed is gone")
    return Stale("someone else changed it first; look at the current version and decide again", int(current))
