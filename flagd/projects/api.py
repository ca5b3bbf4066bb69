"""Projects and environments over HTTP. Holds no rule: it translates, and the service decides."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Final, Generic, Protocol, TypeVar, cast

from fastapi import APIRouter, Depends, Query, Request, Response, status

from flagd.infra.changes import Actor
from flagd.infra.db import WriteTx
from flagd.infra.http import ExpectedVersion, NowDep, ReadTxDep, StrictRoute, WriteTxDep, etag
from flagd.infra.paging import DEFAULT_LIMIT, Cursor, Limit
from flagd.projects import reads, service
from flagd.projects.guard import Caller, Permission
from flagd.projects.model import Environment, Project
from flagd.projects.schemas import (
    EnvironmentChange,
    EnvironmentCreate,
    EnvironmentList,
    EnvironmentView,
    ProjectChange,
    ProjectCreate,
    ProjectList,
    ProjectView,
)

projects: Final = APIRouter(prefix="/projects", tags=["projects"], route_class=StrictRoute)
environments: Final = APIRouter(
    prefix="/projects/{project}/environments", tags=["environments"], route_class=StrictRoute
)

ListsProjects = Annotated[Caller, Depends(Permission("project.read", narrowed=True))]
ReadsProject = Annotated[Caller, Depends(Permission("project.read"))]
WritesProject = Annotated[Caller, Depends(Permission("project.write"))]
ReadsEnvironment = Annotated[Caller, Depends(Permission("environment.read"))]
WritesEnvironment = Annotated[Caller, Depends(Permission("environment.write"))]
Archived = Annotated[bool, Query(description="Whether to include what is archived.")]

Item = TypeVar("Item", Project, Environment)


@dataclass(frozen=True, slots=True)
class Edit(Generic[Item]):
    """A change asked for: by whom, of which object, based on which version, in which transaction."""

    tx: WriteTx
    actor: Actor
    item: Item
    expected_version: int
    now: datetime


async def project_edit(
    caller: WritesProject, expected: ExpectedVersion, tx: WriteTxDep, now: NowDep, project: str
) -> Edit[Project]:
    """The change of the project that the path names."""
    return Edit(tx, caller.actor, await reads.find_project(tx, project), expected, now)


async def environment_edit(
    caller: WritesEnvironment,
    expected: ExpectedVersion,
    tx: WriteTxDep,
    now: NowDep,
    project: str,
    environment: str,
) -> Edit[Environment]:
    """The change of the environment that the path names; its project must be open to changes."""
    found = await reads.find_environment(tx, await reads.open_project(tx, project), environment)
    return Edit(tx, caller.actor, found, expected, now)


@dataclass(frozen=True, slots=True)
class NewEnvironmentPlace:
    """Where an environment is to be made, by whom, and in which transaction."""

    tx: WriteTx
    actor: Actor
    project: Project
    now: datetime


async def new_environment_place(
    caller: WritesEnvironment, tx: WriteTxDep, now: NowDep, project: str
) -> NewEnvironmentPlace:
    """The project that the path names, which must be open to changes."""
    return NewEnvironmentPlace(tx, caller.actor, await reads.open_project(tx, project), now)


class Resources(Protocol):
    """What these routes need of the application."""

    @property
    def refuse_reopening(self) -> service.RefuseReopening:
        """What has a say before an environment comes back."""
        ...


async def reopening(request: Request) -> service.RefuseReopening:
    """What has a say before an environment comes back."""
    return cast(Resources, request.app.state.resources).refuse_reopening


ProjectEdit = Annotated[Edit[Project], Depends(project_edit)]
EnvironmentEdit = Annotated[Edit[Environment], Depends(environment_edit)]
Reopening = Annotated[service.RefuseReopening, Depends(reopening)]
Place = Annotated[NewEnvironmentPlace, Depends(new_environment_place)]


@projects.get("", summary="List projects")
async def list_projects(
    caller: ListsProjects,
    tx: ReadTxDep,
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
    archived: Archived = False,
) -> ProjectList:
    """Projects in the order of their keys."""
    page = await reads.list_projects(
        tx, limit=limit, cursor=cursor, archived=archived, only=caller.project_id
    )
    return ProjectList(items=[ProjectView.of(item) for item in page.items], next_cursor=page.next_cursor)


@projects.post("", status_code=status.HTTP_201_CREATED, summary="Create a project")
async def create_project(
    caller: WritesProject,
    tx: WriteTxDep,
    now: NowDep,
    body: ProjectCreate,
    request: Request,
    response: Response,
) -> ProjectView:
    """A new project, without environments. 409 when the key is or was in use."""
    project = await service.create_project(tx, caller.actor, body.to_model(), now)
    response.headers["Location"] = f"{request.url.path}/{project.key}"
    return _shown_project(project, response)


@projects.get("/{project}", summary="Read a project")
async def read_project(_: ReadsProject, tx: ReadTxDep, project: str, response: Response) -> ProjectView:
    """One project, archived or not."""
    return _shown_project(await reads.find_project(tx, project), response)


@projects.patch("/{project}", summary="Change a project")
async def patch_project(edit: ProjectEdit, body: ProjectChange, response: Response) -> ProjectView:
    """A JSON merge patch. One that changes nothing answers with the same version."""
    patch = body.to_model()
    saved = await service.patch_project(
        edit.tx, edit.actor, edit.item, patch, edit.expected_version, edit.now
    )
    return _shown_project(saved, response)


@projects.post("/{project}/archive", summary="Archive a project")
async def archive_project(edit: ProjectEdit, response: Response) -> ProjectView:
    """Closes the project to changes. Its applications go on being answered as before."""
    saved = await service.archive_project(edit.tx, edit.actor, edit.item, edit.expected_version, edit.now)
    return _shown_project(saved, response)


@projects.post("/{project}/restore", summary="Restore a project")
async def restore_project(edit: ProjectEdit, response: Response) -> ProjectView:
    """Opens an archived project again."""
    saved = await service.restore_project(edit.tx, edit.actor, edit.item, edit.expected_version, edit.now)
    return _shown_project(saved, response)


@environments.get("", summary="List environments")
async def list_environments(
    _: ReadsEnvironment,
    tx: ReadTxDep,
    project: str,
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
    archived: Archived = False,
) -> EnvironmentList:
    """The project's environments in the order of their positions, then keys."""
    found = await reads.find_project(tx, project)
    page = await reads.list_environments(tx, found, limit=limit, cursor=cursor, archived=archived)
    items = [EnvironmentView.of(item) for item in page.items]
    return EnvironmentList(items=items, next_cursor=page.next_cursor)


@environments.post("", status_code=status.HTTP_201_CREATED, summary="Create an environment")
async def create_environment(
    place: Place, body: EnvironmentCreate, request: Request, response: Response
) -> EnvironmentView:
    """A new environment, in which every flag of the project is off. 409 when the key is or was in use."""
    new = body.to_model()
    environment = await service.create_environment(place.tx, place.actor, place.project, new, place.now)
    response.headers["Location"] = f"{request.url.path}/{environment.key}"
    return _shown_environment(environment, response)


@environments.get("/{environment}", summary="Read an environment")
async def read_environment(
    _: ReadsEnvironment, tx: ReadTxDep, project: str, environment: str, response: Response
) -> EnvironmentView:
    """One environment, archived or not."""
    found = await reads.find_environment(tx, await reads.find_project(tx, project), environment)
    return _shown_environment(found, response)


@environments.patch("/{environment}", summary="Change an environment")
async def patch_environment(
    edit: EnvironmentEdit, body: EnvironmentChange, response: Response
) -> EnvironmentView:
    """A JSON merge patch. One that changes nothing answers with the same version."""
    patch = body.to_model()
    saved = await service.patch_environment(
        edit.tx, edit.actor, edit.item, patch, edit.expected_version, edit.now
    )
    return _shown_environment(saved, response)


@environments.post("/{environment}/archive", summary="Archive an environment")
async def archive_environment(edit: EnvironmentEdit, response: Response) -> EnvironmentView:
    """Closes the environment to changes. Its applications go on being answered as before."""
    saved = await service.archive_environment(edit.tx, edit.actor, edit.item, edit.expected_version, edit.now)
    return _shown_environment(saved, response)


@environments.post("/{environment}/restore", summary="Restore an environment")
async def restore_environment(
    edit: EnvironmentEdit, refuse: Reopening, response: Response
) -> EnvironmentView:
    """Opens an archived environment again. 409 where it has a flag in a layer that is archived by now, or
    that has since gone into another layer."""
    saved = await service.restore_environment(
        edit.tx, edit.actor, edit.item, edit.expected_version, edit.now, refuse
    )
    return _shown_environment(saved, response)


def _shown_project(project: Project, response: Response) -> ProjectView:
    response.headers["ETag"] = etag(project.version)
    return ProjectView.of(project)


def _shown_environment(environment: Environment, response: Response) -> EnvironmentView:
    response.headers["ETag"] = etag(environment.version)
    return EnvironmentView.of(environment)


router: Final = APIRouter()
router.include_router(projects)
router.include_router(environments)
