"""Segments over HTTP."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Depends, Request, Response, status

from flagd.flags import reads, segment_service
from flagd.flags.api.edge import Listing, ReadsSegments, WritesSegments, document, listed
from flagd.flags.model import Named
from flagd.flags.schemas import NewSegmentBody, SegmentList, SegmentPatchBody, SegmentView
from flagd.infra.http import ExpectedVersion, NowDep, ReadTxDep, StrictRoute, WriteTxDep
from flagd.projects.reads import find_project

router: Final = APIRouter(prefix="/projects/{project}/segments", tags=["segments"], route_class=StrictRoute)


async def named(tx: WriteTxDep, project: str, segment: str) -> Named:
    """What the path names, for a change."""
    return Named(await find_project(tx, project), segment)


Meant = Annotated[Named, Depends(named)]


@router.get("", summary="List segments", response_model=SegmentList)
async def list_segments(_: ReadsSegments, tx: ReadTxDep, project: str, listing: Listing) -> Response:
    """Segments of a project in the order of their keys."""
    page = await reads.list_segments(tx, await find_project(tx, project), listing)
    return listed([segment.document() for segment in page.items], page.next_cursor)


@router.post("", status_code=status.HTTP_201_CREATED, summary="Create a segment", response_model=SegmentView)
async def create_segment(
    caller: WritesSegments, tx: WriteTxDep, now: NowDep, project: str, body: NewSegmentBody, request: Request
) -> Response:
    """A new segment. 409 when the key is or was in use in the project."""
    segment = await segment_service.create_segment(
        tx, caller.actor, await find_project(tx, project), body, now
    )
    return document(segment.document(), segment.version, f"{request.url.path}/{segment.key}")


@router.get("/{segment}", summary="Read a segment", response_model=SegmentView)
async def read_segment(_: ReadsSegments, tx: ReadTxDep, project: str, segment: str) -> Response:
    """One segment, archived or not."""
    found = await reads.find_segment(tx, await find_project(tx, project), segment)
    return document(found.document(), found.version)


@router.patch("/{segment}", summary="Change a segment", response_model=SegmentView)
async def patch_segment(
    caller: WritesSegments,
    tx: WriteTxDep,
    now: NowDep,
    meant: Meant,
    expected: ExpectedVersion,
    body: SegmentPatchBody,
) -> Response:
    """A JSON merge patch (RFC 7396), seen in all environments. One that changes nothing keeps the version."""
    changed = await segment_service.patch_segment(tx, caller.actor, meant, body, expected, now)
    return document(changed.document(), changed.version)


@router.post("/{segment}/archive", summary="Archive a segment", response_model=SegmentView)
async def archive_segment(
    caller: WritesSegments, tx: WriteTxDep, now: NowDep, meant: Meant, expected: ExpectedVersion
) -> Response:
    """Puts a segment away. 409 while a rule or another segment names it."""
    changed = await segment_service.archive_segment(tx, caller.actor, meant, expected, now)
    return document(changed.document(), changed.version)


@router.post("/{segment}/restore", summary="Restore a segment", response_model=SegmentView)
async def restore_segment(
    caller: WritesSegments, tx: WriteTxDep, now: NowDep, meant: Meant, expected: ExpectedVersion
) -> Response:
    """Brings an archived segment back as it was."""
    changed = await segment_service.restore_segment(tx, caller.actor, meant, expected, now)
    return document(changed.document(), changed.version)
