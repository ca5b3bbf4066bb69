"""Reading projects and environments. Writes nothing; knows nothing of who asks."""

from __future__ import annotations

from typing import Any

from sqlalchemy import RowMapping, select, tuple_

from flagd.errors import Conflict, NotFound
from flagd.infra.db import ReadTx
from flagd.infra.paging import Page, decode_cursor, forged_cursor, page_of
from flagd.projects.model import MAX_POSITION, Environment, Project, key_problems
from flagd.projects.tables import environments, projects


async def find_project(tx: ReadTx, key: str) -> Project:
    """The project with this key, archived or not. Raises NotFound."""
    # A text that can be no key is not sent: PostgreSQL refuses some of them (NUL) with an error.
    row = None if key_problems(key, "") else await tx.first(select(projects).where(projects.c.key == key))
    if row is None:
        raise NotFound(f"there is no project {key!r}")
    return project_of(row)


async def open_project(tx: ReadTx, key: str) -> Project:
    """The project with this key, for a change in it. Raises NotFound, and Conflict when it is archived."""
    project = await find_project(tx, key)
    refuse_closed(project)
    return project


def refuse_closed(project: Project) -> None:
    """Raises Conflict for a project that is closed to changes inside it."""
    if project.archived:
        raise Conflict(f"the project {project.key!r} is archived; restore it before changing anything in it")


async def find_environment(tx: ReadTx, project: Project, key: str) -> Environment:
    """The project's environment with this key, archived or not. Raises NotFound."""
    statement = select(environments).where(environments.c.project_id == project.id, environments.c.key == key)
    row = None if key_problems(key, "") else await tx.first(statement)
    if row is None:
        raise NotFound(f"there is no environment {key!r} in the project {project.key!r}")
    return environment_of(row)


async def open_environment(tx: ReadTx, project: Project, key: str) -> Environment:
    """The project's environment with this key, for a change in it. Raises NotFound, and Conflict when archived."""
    environment = await find_environment(tx, project, key)
    if environment.archived:
        raise Conflict(f"the environment {key!r} is archived; restore it before changing anything in it")
    return environment


async def environments_of(tx: ReadTx, project: Project, *, archived: bool = True) -> list[Environment]:
    """Every environment of a project in the order people see them; `archived` includes those put away."""
    statement = (
        select(environments)
        .where(environments.c.project_id == project.id)
        .order_by(environments.c.position, environments.c.key)
    )
    if not archived:
        statement = statement.where(environments.c.archived_at.is_(None))
    return [environment_of(row) for row in await tx.all(statement)]


async def list_projects(
    tx: ReadTx, *, limit: int, cursor: str | None, archived: bool, only: str | None = None
) -> Page[Project]:
    """Projects in the order of their keys; `only` narrows the list to the project with this id."""
    place = decode_cursor(cursor, "key")
    statement = select(projects).order_by(projects.c.key).limit(limit + 1)
    if place is not None:
        statement = statement.where(projects.c.key > _key_at(place))
    if not archived:
        statement = statement.where(projects.c.archived_at.is_(None))
    if only is not None:
        statement = statement.where(projects.c.id == only)
    rows = [project_of(row) for row in await tx.all(statement)]
    return page_of(rows, limit, lambda last: {"key": last.key})


async def list_environments(
    tx: ReadTx, project: Project, *, limit: int, cursor: str | None, archived: bool
) -> Page[Environment]:
    """Environments of a project in the order of their positions, then keys."""
    place = decode_cursor(cursor, "position", "key")
    order = (environments.c.position, environments.c.key)
    statement = select(environments).where(environments.c.project_id == project.id).order_by(*order)
    if place is not None:
        statement = statement.where(tuple_(*order) > tuple_(_position_at(place), _key_at(place)))
    if not archived:
        statement = statement.where(environments.c.archived_at.is_(None))
    rows = [environment_of(row) for row in await tx.all(statement.limit(limit + 1))]
    return page_of(rows, limit, lambda last: {"position": last.position, "key": last.key})


def _key_at(place: dict[str, Any]) -> str:
    key = place["key"]
    if not isinstance(key, str) or key_problems(key, ""):
        raise forged_cursor()
    return key


def _position_at(place: dict[str, Any]) -> int:
    position = place["position"]
    if not isinstance(position, int) or not 0 <= position <= MAX_POSITION:
        raise forged_cursor()
    return position


def project_of(row: RowMapping) -> Project:
    """A project from its row."""
    return Project(**row)


def environment_of(row: RowMapping | dict[str, Any]) -> Environment:
    """An environment from its row."""
    fields: dict[str, Any] = {**row}
    return Environment(**fields | {"client_origins": tuple(fields["client_origins"])})
