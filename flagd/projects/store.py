"""Writing projects and environments: each write is one statement that says which version it replaces."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime

from sqlalchemy import func, select

from flagd.errors import NotFound
from flagd.infra.db import WriteTx
from flagd.infra.store import insert_new, save_next
from flagd.projects.model import Environment, Project
from flagd.projects.reads import project_of, refuse_closed
from flagd.projects.tables import environments, projects


async def lock_project(tx: WriteTx, project_id: str) -> Project:
    """Has those who write in one project take turns until the transaction ends; the project as this turn finds it.

    What a write is checked against (whether the project is archived, which environments it reaches, what
    rules refer to) is in other rows than the one it changes; no version on a single row can guard that.
    Taken before anything is read: what was read before it may be out of date. SQLite has one writer at a
    time anyway.
    """
    row = await tx.first(select(projects).where(projects.c.id == project_id).with_for_update(key_share=True))
    if row is None:
        raise NotFound("the project is gone")
    return project_of(row)


async def lock_open_project(tx: WriteTx, project_id: str) -> Project:
    """The same for a change inside the project. Raises Conflict when it is archived."""
    project = await lock_project(tx, project_id)
    refuse_closed(project)
    return project


async def insert_project(tx: WriteTx, project: Project) -> bool:
    """Stores a new project; False when its key is taken, also by a writer at the same moment."""
    return await insert_new(tx, projects, asdict(project))


async def insert_environment(tx: WriteTx, environment: Environment) -> bool:
    """Stores a new environment; False when its key is taken in the project."""
    return await insert_new(tx, environments, asdict(environment))


async def save_project(tx: WriteTx, project: Project, now: datetime) -> Project:
    """Stores the new state of the version that `project` carries. Raises Stale when that is no longer current."""
    fields = {
        "name": project.name,
        "description": project.description,
        "archived_at": project.archived_at,
    }
    return await save_next(tx, projects, project, fields, now)


async def save_environment(tx: WriteTx, environment: Environment, now: datetime) -> Environment:
    """Stores the new state of the version that `environment` carries. Raises Stale when no longer current."""
    fields = {
        "name": environment.name,
        "position": environment.position,
        "client_origins": environment.client_origins,
        "archived_at": environment.archived_at,
    }
    return await save_next(tx, environments, environment, fields, now)


async def last_position(tx: WriteTx, project_id: str) -> int | None:
    """The highest position among a project's environments, None without any."""
    found = await tx.scalar(
        select(func.max(environments.c.position)).where(environments.c.project_id == project_id)
    )
    return None if found is None else int(found)
