"""The change log: audit trail, revision counter and outbox in one append-only table.

Every write of every capability appends here, in its own transaction. Nothing is ever told about a
change except by this log: whoever needs to know reads it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import column, insert, table, update

from flagd.errors import NotFound
from flagd.infra import tables
from flagd.infra.db import WriteTx
from flagd.infra.ids import new_id

ObjectType = Literal[
    "project",
    "environment",
    "flag",
    "targeting",
    "segment",
    "layer",
    "layer_allocation",
    "api_key",
    "user",
]
Action = Literal["create", "update", "archive", "restore", "revoke"]
Document = Mapping[str, Any]

# The counter is a column of the environment's row, which `projects` owns; only the counter is touched here.
_environments = table("environments", column("id", tables.id_type()), column("revision"))


@dataclass(frozen=True, slots=True)
class Actor:
    """Who writes: a person, an API key, or the service itself."""

    kind: Literal["user", "key", "system"]
    id: str
    name: str


@dataclass(frozen=True, slots=True)
class Change:
    """One write: what it touched, and the object before and after it (None where there is none)."""

    object_type: ObjectType
    object_id: str
    object_key: str
    action: Action
    project_id: str | None
    environment_ids: tuple[str, ...]
    before: Document | None
    after: Document | None
    reason: str = ""


async def append(tx: WriteTx, actor: Actor, change: Change, now: datetime) -> dict[str, int]:
    """Logs the change and gives each environment it touches its next revision.

    Returns the new revision by environment id. The counter is taken under the environment row's lock, in
    the order of ids (so that two writers never wait for each other), which makes revisions of one
    environment become visible strictly in order.
    """
    change_id = new_id()
    await tx.run(
        insert(tables.changes).values(
            id=change_id,
            at=now,
            actor_kind=actor.kind,
            actor_id=actor.id,
            actor_name=actor.name,
            action=change.action,
            object_type=change.object_type,
            object_id=change.object_id,
            object_key=change.object_key,
            project_id=change.project_id,
            before=change.before,
            after=change.after,
            reason=change.reason,
        )
    )
    revisions: dict[str, int] = {}
    for environment_id in sorted(change.environment_ids):
        revisions[environment_id] = await _next_revision(tx, environment_id, change_id)
    return revisions


async def begin_lineage(tx: WriteTx) -> str:
    """Gives the installation a new lineage, whose revisions applications take whatever they held before."""
    lineage = new_id()
    await tx.run(update(tables.installation).values(lineage=lineage))
    return lineage


async def _next_revision(tx: WriteTx, environment_id: str, change_id: str) -> int:
    row = await tx.first(
        update(_environments)
        .where(_environments.c.id == environment_id)
        .values(revision=_environments.c.revision + 1)
        .returning(_environments.c.revision)
    )
    if row is None:
        raise NotFound("the environment is gone")
    revision = int(row["revision"])
    await tx.run(
        insert(tables.environment_revisions).values(
            environment_id=environment_id, revision=revision, change_id=change_id
        )
    )
    tx.announce()
    return revision
