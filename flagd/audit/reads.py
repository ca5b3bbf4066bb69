"""Reading the change log, newest first. Writes nothing: entries are appended by `infra.changes` alone."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Select, select

from flagd.audit.model import ChangeQuery, Entry
from flagd.infra.changes import Actor
from flagd.infra.db import ReadTx
from flagd.infra.paging import Page, decode_cursor, forged_cursor, page_of
from flagd.infra.tables import changes, environment_revisions
from flagd.projects.tables import environments, projects


async def recent(tx: ReadTx, query: ChangeQuery) -> Page[Entry]:
    """Entries of the log, newest first: an id made later sorts later."""
    rows = await tx.all(_selected(query))
    revisions = await _revisions(tx, [row["id"] for row in rows])
    entries = [_entry(row, revisions.get(row["id"], {})) for row in rows]
    return page_of(entries, query.limit, lambda last: {"id": last.id})


def _selected(query: ChangeQuery) -> Select[Any]:
    statement = (
        select(changes, projects.c.key.label("project"))
        .select_from(changes.outerjoin(projects, projects.c.id == changes.c.project_id))
        .order_by(changes.c.id.desc())
        .limit(query.limit + 1)
    )
    wanted = {
        "project_id": query.project_id,
        "object_type": query.object_type,
        "object_key": query.object_key,
    }
    for name, value in wanted.items():
        if value is not None:
            statement = statement.where(changes.c[name] == value)
    if query.environment_id is not None:
        touching = select(environment_revisions.c.change_id).where(
            environment_revisions.c.environment_id == query.environment_id
        )
        statement = statement.where(changes.c.id.in_(touching))
    before = _position(query.cursor)
    return statement if before is None else statement.where(changes.c.id < before)


def _position(cursor: str | None) -> str | None:
    position = decode_cursor(cursor, "id")
    if position is None:
        return None
    try:
        return str(UUID(str(position["id"])))
    except ValueError as error:
        raise forged_cursor() from error


async def _revisions(tx: ReadTx, change_ids: Sequence[str]) -> Mapping[str, dict[str, int]]:
    statement = (
        select(environment_revisions.c.change_id, environments.c.key, environment_revisions.c.revision)
        .join(environments, environments.c.id == environment_revisions.c.environment_id)
        .where(environment_revisions.c.change_id.in_(change_ids))
        .order_by(environments.c.position, environments.c.key)
    )
    found: dict[str, dict[str, int]] = defaultdict(dict)
    for row in await tx.all(statement):
        found[row["change_id"]][row["key"]] = row["revision"]
    return found


def _entry(row: Mapping[Any, Any], revisions: Mapping[str, int]) -> Entry:
    return Entry(
        id=row["id"],
        at=row["at"],
        actor=Actor(row["actor_kind"], row["actor_id"], row["actor_name"]),
        action=row["action"],
        object_type=row["object_type"],
        object_id=row["object_id"],
        object_key=row["object_key"],
        project=row["project"],
        revisions=revisions,
        before=row["before"],
        after=row["after"],
        reason=row["reason"],
    )
