"""Layers over HTTP."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Depends, Request, Response, status

from flagd.flags.api.edge import Listing, ReadsLayers, WritesLayers, document, listed
from flagd.flags.layers import reads, service
from flagd.flags.layers.schemas import LayerList, LayerPatchBody, LayerView, NewLayerBody
from flagd.flags.model import Named
from flagd.infra.http import ExpectedVersion, NowDep, ReadTxDep, StrictRoute, WriteTxDep
from flagd.projects.reads import find_project

router: Final = APIRouter(prefix="/projects/{project}/layers", tags=["layers"], route_class=StrictRoute)


async def named(tx: WriteTxDep, project: str, layer: str) -> Named:
    """What the path names, for a change."""
    return Named(await find_project(tx, project), layer)


Meant = Annotated[Named, Depends(named)]


@router.get("", summary="List layers", response_model=LayerList)
async def list_layers(_: ReadsLayers, tx: ReadTxDep, project: str, listing: Listing) -> Response:
    """Layers of a project in the order of their keys."""
    page = await reads.list_layers(tx, await find_project(tx, project), listing)
    return listed([layer.document() for layer in page.items], page.next_cursor)


@router.post("", status_code=status.HTTP_201_CREATED, summary="Create a layer", response_model=LayerView)
async def create_layer(
    caller: WritesLayers, tx: WriteTxDep, now: NowDep, project: str, body: NewLayerBody, request: Request
) -> Response:
    """A new layer, free in every environment. 409 when the key is or was in use in the project."""
    layer = await service.create_layer(tx, caller.actor, await find_project(tx, project), body, now)
    return document(layer.document(), layer.version, f"{request.url.path}/{layer.key}")


@router.get("/{layer}", summary="Read a layer", response_model=LayerView)
async def read_layer(_: ReadsLayers, tx: ReadTxDep, project: str, layer: str) -> Response:
    """One layer, archived or not."""
    found = await reads.find_layer(tx, await find_project(tx, project), layer)
    return document(found.document(), found.version)


@router.patch("/{layer}", summary="Change a layer", response_model=LayerView)
async def patch_layer(
    caller: WritesLayers,
    tx: WriteTxDep,
    now: NowDep,
    meant: Meant,
    expected: ExpectedVersion,
    body: LayerPatchBody,
) -> Response:
    """A JSON merge patch (RFC 7396). One that changes nothing keeps the version.

    409 for another unit or salt while the layer has flags: everybody would be placed anew.
    """
    changed = await service.patch_layer(tx, caller.actor, meant, body, expected, now)
    return document(changed.document(), changed.version)


@router.post("/{layer}/archive", summary="Archive a layer", response_model=LayerView)
async def archive_layer(
    caller: WritesLayers, tx: WriteTxDep, now: NowDep, meant: Meant, expected: ExpectedVersion
) -> Response:
    """Puts a layer away. 409 while it has a flag in any environment."""
    changed = await service.archive_layer(tx, caller.actor, meant, expected, now)
    return document(changed.document(), changed.version)


@router.post("/{layer}/restore", summary="Restore a layer", response_model=LayerView)
async def restore_layer(
    caller: WritesLayers, tx: WriteTxDep, now: NowDep, meant: Meant, expected: ExpectedVersion
) -> Response:
    """Brings an archived layer back as it was."""
    changed = await service.restore_layer(tx, caller.actor, meant, expected, now)
    return document(changed.document(), changed.version)
