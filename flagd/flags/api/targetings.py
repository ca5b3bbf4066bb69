"""How a flag answers in one environment, over HTTP."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Depends, Response

from flagd.flags import reads, targeting_service
from flagd.flags.api.edge import ReadsFlags, WritesFlags, document
from flagd.flags.layers.reads import membership
from flagd.flags.model import Placed
from flagd.flags.schemas import TargetingChanged, TargetingPatchBody, TargetingView
from flagd.infra.db import ReadTx
from flagd.infra.http import ExpectedVersion, NowDep, ReadTxDep, StrictRoute, WriteTxDep
from flagd.projects.reads import find_environment, find_project

router: Final = APIRouter(
    prefix="/projects/{project}/flags/{flag}/environments/{environment}",
    tags=["targeting"],
    route_class=StrictRoute,
)


async def _placed(tx: ReadTx, project: str, flag: str, environment: str) -> Placed:
    found = await find_project(tx, project)
    return Placed(found, await find_environment(tx, found, environment), flag)


async def placed_for_reading(tx: ReadTxDep, project: str, flag: str, environment: str) -> Placed:
    """What the path names."""
    return await _placed(tx, project, flag, environment)


async def placed_for_writing(tx: WriteTxDep, project: str, flag: str, environment: str) -> Placed:
    """What the path names."""
    return await _placed(tx, project, flag, environment)


@router.get("", summary="Read a targeting", response_model=TargetingView)
async def read_targeting(
    _: ReadsFlags, tx: ReadTxDep, placed: Annotated[Placed, Depends(placed_for_reading)]
) -> Response:
    """How the flag answers in the environment. It is off where nobody has said anything yet."""
    flag = await reads.find_flag(tx, placed.project, placed.key)
    targeting = await reads.find_targeting(tx, flag, placed.environment)
    content = targeting.document(flag.key, placed.environment.key)
    content["layer"] = await membership(tx, placed.environment, flag.key)
    return document({**content, "revision": placed.environment.revision}, targeting.version)


@router.patch("", summary="Change a targeting", response_model=TargetingChanged)
async def patch_targeting(
    caller: WritesFlags,
    tx: WriteTxDep,
    now: NowDep,
    placed: Annotated[Placed, Depends(placed_for_writing)],
    expected: ExpectedVersion,
    body: TargetingPatchBody,
) -> Response:
    """A JSON merge patch (RFC 7396), seen in this environment only. One that changes nothing keeps the version.

    `moved` says how many units are served another variant than before, in percent.
    """
    written = await targeting_service.patch_targeting(tx, caller.actor, placed, body, expected, now)
    content = written.targeting.document(written.flag.key, placed.environment.key)
    content["layer"] = await membership(tx, placed.environment, written.flag.key)
    content |= {"revision": written.revision, "moved": dict(written.moved)}
    return document(content, written.targeting.version)
