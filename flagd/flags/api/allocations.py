"""Who owns a layer in one environment, over HTTP."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Depends, Response

from flagd.flags.api.edge import ReadsFlags, WritesFlags, document
from flagd.flags.layers import allocation_service, reads
from flagd.flags.layers.schemas import AllocationChanged, AllocationPatchBody, AllocationView
from flagd.flags.model import Placed
from flagd.infra.http import ExpectedVersion, NowDep, ReadTxDep, StrictRoute, WriteTxDep
from flagd.projects.reads import find_environment, find_project

router: Final = APIRouter(
    prefix="/projects/{project}/layers/{layer}/environments/{environment}",
    tags=["layers"],
    route_class=StrictRoute,
)


async def placed(tx: WriteTxDep, project: str, layer: str, environment: str) -> Placed:
    """What the path names, for a change."""
    found = await find_project(tx, project)
    return Placed(found, await find_environment(tx, found, environment), layer)


@router.get("", summary="Read an allocation", response_model=AllocationView)
async def read_allocation(
    _: ReadsFlags, tx: ReadTxDep, project: str, layer: str, environment: str
) -> Response:
    """Who owns the layer in the environment. All of it is free where nobody has said anything yet."""
    where = await find_project(tx, project)
    place = await find_environment(tx, where, environment)
    found = await reads.find_layer(tx, where, layer)
    allocation = await reads.find_allocation(tx, found, place)
    content = allocation.document(found.key, place.key)
    return document({**content, "revision": place.revision}, allocation.version)


@router.patch("", summary="Change an allocation", response_model=AllocationChanged)
async def patch_allocation(
    caller: WritesFlags,
    tx: WriteTxDep,
    now: NowDep,
    meant: Annotated[Placed, Depends(placed)],
    expected: ExpectedVersion,
    body: AllocationPatchBody,
) -> Response:
    """A JSON merge patch (RFC 7396), seen in this environment only. One that changes nothing keeps the version.

    A flag whose share does not change keeps exactly the units it has. `moved` says how many units have another
    owner than before, in percent.
    """
    written = await allocation_service.patch_allocation(tx, caller.actor, meant, body, expected, now)
    content = written.allocation.document(written.layer.key, meant.environment.key)
    content |= {"revision": written.revision, "moved": written.moved}
    return document(content, written.allocation.version)
