"""What may be done to projects and environments, by anyone: the API, the pages, the first start.

Each write takes its turn in the project and reads again what it changes, compares the caller's version,
stores one row and appends to the change log, in the transaction it is handed. It knows nothing of HTTP and
of permissions.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime
from typing import Literal

from flagd.errors import Conflict, Invalid, Problem, Stale
from flagd.infra import changes
from flagd.infra.changes import Actor, Change
from flagd.infra.db import ReadTx, WriteTx
from flagd.infra.ids import new_id
from flagd.projects import reads, store
from flagd.projects.model import (
    Environment,
    EnvironmentPatch,
    NewEnvironment,
    NewProject,
    Project,
    ProjectPatch,
)

Action = Literal["create", "update", "archive", "restore"]

RefuseReopening = Callable[[ReadTx, Environment], Awaitable[None]]
"""Raises Conflict where an archived environment cannot come back for what is kept of it above this package."""


async def create_project(tx: WriteTx, actor: Actor, new: NewProject, now: datetime) -> Project:
    """Creates a project without environments. Raises Invalid, and Conflict when the key was ever used."""
    project = Project(
        id=new_id(),
        key=new.key,
        name=new.name,
        description=new.description,
        version=1,
        created_at=now,
        updated_at=now,
        archived_at=None,
    )
    _refuse_broken(project)
    if not await store.insert_project(tx, project):
        raise _taken(f"there is already a project {new.key!r}")
    await _log_project(tx, actor, "create", (None, project), now)
    return project


async def patch_project(
    tx: WriteTx, actor: Actor, project: Project, patch: ProjectPatch, expected_version: int, now: datetime
) -> Project:
    """Changes some fields. Without a difference nothing is written and the version stays."""
    project = await _turn(tx, project, expected_version)
    _refuse_archived(project)
    wanted = patch.apply(project)
    if wanted == project:
        return project
    _refuse_broken(wanted)
    saved = await store.save_project(tx, wanted, now)
    await _log_project(tx, actor, "update", (project, saved), now)
    return saved


async def archive_project(
    tx: WriteTx, actor: Actor, project: Project, expected_version: int, now: datetime
) -> Project:
    """Puts a project away: closed to changes, while its applications go on being answered as before."""
    project = await _turn(tx, project, expected_version)
    if project.archived:
        return project
    saved = await store.save_project(tx, replace(project, archived_at=now), now)
    await _log_project(tx, actor, "archive", (project, saved), now)
    return saved


async def restore_project(
    tx: WriteTx, actor: Actor, project: Project, expected_version: int, now: datetime
) -> Project:
    """Opens an archived project again."""
    project = await _turn(tx, project, expected_version)
    if not project.archived:
        return project
    saved = await store.save_project(tx, replace(project, archived_at=None), now)
    await _log_project(tx, actor, "restore", (project, saved), now)
    return saved


async def create_environment(
    tx: WriteTx, actor: Actor, project: Project, new: NewEnvironment, now: datetime
) -> Environment:
    """Creates an environment at revision 1. Raises Invalid, and Conflict when the key was ever used here.

    Flags that exist in the project are off in it until someone turns them on.
    """
    project = await store.lock_open_project(tx, project.id)
    environment = Environment(
        id=new_id(),
        project_id=project.id,
        key=new.key,
        name=new.name,
        position=await _next_position(tx, project) if new.position is None else new.position,
        revision=0,
        version=1,
        created_at=now,
        updated_at=now,
        archived_at=None,
        client_origins=new.client_origins,
    )
    _refuse_broken(environment)
    if not await store.insert_environment(tx, environment):
        raise _taken(f"there is already an environment {new.key!r} in the project {project.key!r}")
    return await _log_environment(tx, actor, "create", (None, environment), now)


async def patch_environment(
    tx: WriteTx,
    actor: Actor,
    environment: Environment,
    patch: EnvironmentPatch,
    expected_version: int,
    now: datetime,
) -> Environment:
    """Changes some fields. Without a difference nothing is written and the version stays."""
    environment = await _turn_inside(tx, environment, expected_version)
    _refuse_archived(environment)
    wanted = patch.apply(environment)
    if wanted == environment:
        return environment
    _refuse_broken(wanted)
    saved = await store.save_environment(tx, wanted, now)
    return await _log_environment(tx, actor, "update", (environment, saved), now)


async def archive_environment(
    tx: WriteTx, actor: Actor, environment: Environment, expected_version: int, now: datetime
) -> Environment:
    """Puts an environment away: closed to changes, while its applications go on being answered as before."""
    environment = await _turn_inside(tx, environment, expected_version)
    if environment.archived:
        return environment
    saved = await store.save_environment(tx, replace(environment, archived_at=now), now)
    return await _log_environment(tx, actor, "archive", (environment, saved), now)


async def restore_environment(
    tx: WriteTx,
    actor: Actor,
    environment: Environment,
    expected_version: int,
    now: datetime,
    refuse: RefuseReopening,
) -> Environment:
    """Opens an archived environment again. Raises what `refuse` does where it can not come back as it was."""
    environment = await _turn_inside(tx, environment, expected_version)
    if not environment.archived:
        return environment
    await refuse(tx, environment)
    saved = await store.save_environment(tx, replace(environment, archived_at=None), now)
    return await _log_environment(tx, actor, "restore", (environment, saved), now)


async def _turn(tx: WriteTx, project: Project, expected_version: int) -> Project:
    current = await store.lock_project(tx, project.id)
    _refuse_stale(current, expected_version)
    return current


async def _turn_inside(tx: WriteTx, environment: Environment, expected_version: int) -> Environment:
    project = await store.lock_open_project(tx, environment.project_id)
    current = await reads.find_environment(tx, project, environment.key)
    _refuse_stale(current, expected_version)
    return current


async def _next_position(tx: WriteTx, project: Project) -> int:
    last = await store.last_position(tx, project.id)
    return 0 if last is None else last + 1


def _refuse_broken(item: Project | Environment) -> None:
    problems = item.problems()
    if problems:
        raise Invalid(*problems)


def _refuse_stale(item: Project | Environment, expected_version: int) -> None:
    if item.version != expected_version:
        detail = (
            f"{item.key!r} is at version {item.version}, the change is based on version {expected_version}"
        )
        raise Stale(detail, item.version)


def _refuse_archived(item: Project | Environment) -> None:
    if item.archived:
        raise Conflict(f"{item.key!r} is archived; restore it before changing it")


def _taken(detail: str) -> Conflict:
    return Conflict(detail, (Problem("/key", detail),))


async def _log_project(
    tx: WriteTx, actor: Actor, action: Action, states: tuple[Project | None, Project], now: datetime
) -> None:
    before, after = states
    change = Change(
        object_type="project",
        object_id=after.id,
        object_key=after.key,
        action=action,
        project_id=after.id,
        environment_ids=(),  # nothing of a project but its key reaches an application
        before=None if before is None else before.document(),
        after=after.document(),
    )
    await changes.append(tx, actor, change, now)


async def _log_environment(
    tx: WriteTx, actor: Actor, action: Action, states: tuple[Environment | None, Environment], now: datetime
) -> Environment:
    before, after = states
    change = Change(
        object_type="environment",
        object_id=after.id,
        object_key=after.key,
        action=action,
        project_id=after.project_id,
        # A revision even where no answer changes: an environment's log is the log of its revisions.
        environment_ids=(after.id,),
        before=None if before is None else before.document(),
        after=after.document(),
    )
    revisions = await changes.append(tx, actor, change, now)
    return replace(after, revision=revisions[after.id])
