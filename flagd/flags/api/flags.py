"""Flags over HTTP."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Depends, Request, Response, status

from flagd.flags import reads, service
from flagd.flags.api.edge import Listing, ReadsFlags, WritesFlags, document, listed
from flagd.flags.model import Named
from flagd.flags.schemas import FlagList, FlagPatchBody, FlagView, NewFlagBody
from flagd.infra.http import ExpectedVersion, NowDep, ReadTxDep, StrictRoute, WriteTxDep
from flagd.projects.reads import find_project

router: Final = APIRouter(prefix="/projects/{project}/flags", tags=["flags"], route_class=StrictRoute)


async def named(tx: WriteTxDep, project: str, flag: str) -> Named:
    """What the path names, for a change."""
    return Named(await find_project(tx, project), flag)


Meant = Annotated[Named, Depends(named)]


@router.get("", summary="List flags", response_model=FlagList)
async def list_flags(_: ReadsFlags, tx: ReadTxDep, project: str, listing: Listing) -> Response:
    """Flags of a project in the order of their keys."""
    page = await reads.list_flags(tx, await find_project(tx, project), listing)
    return listed([flag.document() for flag in page.items], page.next_cursor)


@router.post("", status_code=status.HTTP_201_CREATED, summary="Create a flag", response_model=FlagView)
async def create_flag(
    caller: WritesFlags, tx: WriteTxDep, now: NowDep, project: str, body: NewFlagBody, request: Request
) -> Response:
    """A new flag, off in every environment. 409 when the key is or was in use in the project."""
    flag = await service.create_flag(tx, caller.actor, await find_project(tx, project), body, now)
    return document(flag.document(), flag.version, f"{request.url.path}/{flag.key}")


@router.get("/{flag}", summary="Read a flag", response_model=FlagView)
async def read_flag(_: ReadsFlags, tx: ReadTxDep, project: str, flag: str) -> Response:
    """One flag, archived or not."""
    found = await reads.find_flag(tx, await find_project(tx, project), flag)
    return document(found.document(), found.version)


@router.patch("/{flag}", summary="Change a flag", response_model=FlagView)
async def patch_flag(
    caller: WritesFlags,
    tx: WriteTxDep,
    now: NowDep,
    meant: Meant,
    expected: ExpectedVersion,
    body: FlagPatchBody,
) -> Response:
    """A JSON merge patch (RFC 7396), seen in all environments. One that changes nothing keeps the version.

    409 when a variant is removed that is still used.
    """
    changed = await service.patch_flag(tx, caller.actor, meant, body, expected, now)
    return document(changed.document(), changed.version)


@router.post("/{flag}/archive", summary="Archive a flag", response_model=FlagView)
async def archive_flag(
    caller: WritesFlags, tx: WriteTxDep, now: NowDep, meant: Meant, expected: ExpectedVersion
) -> Response:
    """Puts a flag away: applications get their default. 409 while it is a prerequisite or in a layer."""
    changed = await service.archive_flag(tx, caller.actor, meant, expected, now)
    return document(changed.document(), changed.version)


@router.post("/{flag}/restore", summary="Restore a flag", response_model=FlagView)
async def restore_flag(
    caller: WritesFlags, tx: WriteTxDep, now: NowDep, meant: Meant, expected: ExpectedVersion
) -> Response:
    """Brings an archived flag back as it was: every unit is served what it was served before."""
    changed = await service.restore_flag(tx, caller.actor, meant, expected, now)
    return document(changed.document(), changed.version)
