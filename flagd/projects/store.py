"""Writing projects and environments: each write is one statement that says which version it replaces."""

from __future__ import annotations

from dataclasses import asdict, replace
from datetime import datetime
from typing import Any, Final, TypeVar

from sqlalchemy import Table, func, select, update
from sqlalchemy.dialects import postgresql, sqlite

from flagd.errors import NotFound, Stale
from flagd.infra.db import WriteTx
from flagd.projects.model import Environment, Project
from flagd.projects.tables import environments, projects

Versioned = TypeVar("Versioned", Project, Environment)

_INSERT: Final[dict[str, Any]] = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}


async def insert_project(tx: WriteTx, project: Project) -> bool:
    """Stores a new project; False when its key is taken, also by a writer at the same moment."""
    return await _insert(tx, projects, asdict(project))


async def insert_environment(tx: WriteTx, environment: Environment) -> bool:
    """Stores a new environment; False when its key is taken in the project."""
    return await _insert(tx, environments, asdict(environment))


async def save_project(tx: WriteTx, project: Project, now: datetime) -> Project:
    """Stores the new state of the version that `project` carries. Raises Stale when that is no longer current."""
    return await _save(tx, projects, project, {"name": project.name, "description": project.description}, now)


async def save_environment(tx: WriteTx, environment: Environment, now: datetime) -> Environment:
    """Stores the new state of the version that `environment` carries. Raises Stale when no longer current."""
    fields = {"name": environment.name, "position": environment.position}
    return await _save(tx, environments, environment, fields, now)


async def last_position(tx: WriteTx, project_id: str) -> int | None:
    """The highest position among a project's environments, None without any."""
    found = await tx.scalar(
        select(func.max(environments.c.position)).where(environments.c.project_id == project_id)
    )
    return None if found is None else int(found)


async def _insert(tx: WriteTx, table: Table, values: dict[str, Any]) -> bool:
    # A conflict must not be an error here: in PostgreSQL an error would end the transaction.
    statement = _INSERT[tx.dialect](table).values(**values).on_conflict_do_nothing().returning(table.c.id)
    return await tx.scalar(statement) is not None


async def _save(
    tx: WriteTx, table: Table, item: Versioned, fields: dict[str, Any], now: datetime
) -> Versioned:
    saved = replace(item, version=item.version + 1, updated_at=now)
    written = await tx.run(
        update(table)
        .where(table.c.id == item.id, table.c.version == item.version)
        .values(**fields, archived_at=item.archived_at, version=saved.version, updated_at=now)
    )
    if written == 0:
        raise await _stale(tx, table, item)
    return saved


async def _stale(tx: WriteTx, table: Table, item: Project | Environment) -> Stale | NotFound:
    current = await tx.scalar(select(table.c.version).where(table.c.id == item.id))
    if current is None:
        return NotFound(f"{item.key!r} is gone")
    return Stale(f"{item.key!r} was changed by someone else", int(current))
