"""API keys over HTTP. Holds no rule: it translates, and the service decides."""

from __future__ import annotations

import logging
from typing import Annotated, Final, cast

from fastapi import APIRouter, Depends, Request, Response, status

from flagd.access import reads, service
from flagd.access.guard import Resources, allow, require
from flagd.access.permissions import Action, Resource
from flagd.access.principals import Principal
from flagd.access.schemas import ApiKeyCreate, ApiKeyCreated, ApiKeyList, ApiKeyView
from flagd.access.service import NewApiKey
from flagd.errors import Conflict, Invalid, NotFound, Problem, Unavailable
from flagd.infra.db import ReadTx
from flagd.infra.http import NowDep, ReadTxDep, StrictRoute
from flagd.infra.paging import DEFAULT_LIMIT, Cursor, Limit
from flagd.projects.model import Environment, Project
from flagd.projects.reads import open_environment, open_project

log = logging.getLogger(__name__)

router: Final = APIRouter(prefix="/keys", tags=["keys"], route_class=StrictRoute)

# A key's project is not in the path, so these let in whoever is limited to one, and narrow what they reach.
ReadsKeys = Annotated[Principal, Depends(allow(Action.key_read, narrowed=True))]
WritesKeys = Annotated[Principal, Depends(allow(Action.key_write, narrowed=True))]


@router.get("", summary="List API keys")
async def list_keys(
    caller: ReadsKeys, tx: ReadTxDep, limit: Limit = DEFAULT_LIMIT, cursor: Cursor = None
) -> ApiKeyList:
    """Keys in the order they were made, without their texts; revoked and expired ones too."""
    page = await reads.list_keys(tx, limit=limit, cursor=cursor, within=caller.project_id)
    return ApiKeyList(items=[ApiKeyView.of(key) for key in page.items], next_cursor=page.next_cursor)


@router.post("", status_code=status.HTTP_201_CREATED, summary="Create an API key")
async def create_key(
    caller: WritesKeys, now: NowDep, body: ApiKeyCreate, request: Request, response: Response
) -> ApiKeyCreated:
    """A new key. Its text is in this answer and nowhere else, ever again."""
    known = cast(Resources, request.app.state.resources)
    async with known.database.write() as tx:
        new = await _asked_for(tx, caller, body)
        key, token = await service.create_key(tx, caller.actor, new, now)
    await _follow(known)
    response.headers["Location"] = f"{request.url.path}/{key.id}"
    response.headers["Cache-Control"] = "no-store"
    return ApiKeyCreated(**ApiKeyView.of(key).model_dump(), token=token)


@router.get("/{key_id}", summary="Read an API key")
async def read_key(caller: ReadsKeys, tx: ReadTxDep, key_id: str) -> ApiKeyView:
    """One key without its text."""
    return ApiKeyView.of(await reads.find_key(tx, key_id, within=caller.project_id))


@router.post("/{key_id}/revoke", summary="Revoke an API key")
async def revoke_key(caller: WritesKeys, now: NowDep, key_id: str, request: Request) -> ApiKeyView:
    """Takes the key back for ever, on every instance within moments. Doing it twice is no error."""
    known = cast(Resources, request.app.state.resources)
    async with known.database.write() as tx:
        key = await reads.find_key(tx, key_id, within=caller.project_id)
        revoked = await service.revoke_key(tx, caller.actor, key, now)
    await _follow(known)
    return ApiKeyView.of(revoked)


async def _follow(known: Resources) -> None:
    """Has this instance know the change before it is answered, if it can."""
    try:
        await known.keyring.refresh(known.database)
    except Unavailable as error:
        # What was written is written, and a new key's text is in this answer alone: the next look will do.
        log.warning("a changed API key is not known here yet: %s", error.detail)


async def _asked_for(tx: ReadTx, caller: Principal, body: ApiKeyCreate) -> NewApiKey:
    project = await _project(tx, caller, body.project)
    environment = await _environment(tx, project, body.environment)
    return NewApiKey(body.kind, body.name, project, environment, body.expires_at)


async def _project(tx: ReadTx, caller: Principal, key: str | None) -> Project | None:
    project, missing = None, None
    if key is not None:
        try:
            project = await open_project(tx, key)
        except (NotFound, Conflict) as error:
            missing = Invalid(Problem("/project", error.detail))
    # First of all: whoever is limited to one project learns nothing of the others.
    require(caller, Action.key_write, Resource(None if project is None else project.id))
    if missing is not None:
        raise missing
    return project


async def _environment(tx: ReadTx, project: Project | None, key: str | None) -> Environment | None:
    if key is None:
        return None
    if project is None:
        raise Invalid(Problem("/project", "name the project of the environment"))
    try:
        return await open_environment(tx, project, key)
    except (NotFound, Conflict) as error:
        raise Invalid(Problem("/environment", error.detail)) from error
