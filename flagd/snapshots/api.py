"""What SDKs poll: the current snapshot of the environment their key belongs to.

A hot path: a plain route, keys checked in memory, bytes prepared once per revision; no database, no Redis.
"""

from __future__ import annotations

from typing import Final, Protocol, cast

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from flagd.access.guard import sdk_principal, sdk_route
from flagd.access.permissions import Action
from flagd.errors import Unavailable
from flagd.snapshots.model import Revision, Snapshot
from flagd.snapshots.publisher import Publisher

CACHE_CONTROL: Final = "no-cache"
REVISION_DIGITS: Final = 19
VARY: Final = "Authorization, X-API-Key, Accept-Encoding"


class Resources(Protocol):
    """What these routes need of the application."""

    @property
    def publisher(self) -> Publisher:
        """Where snapshots are."""
        ...


@sdk_route(Action.snapshot_read)
async def get_snapshot(request: Request) -> Response:
    """The snapshot, or 304 where the client has it (or, from another replica, a newer one)."""
    snapshot = held(request, sdk_principal(request).environment_id)
    headers = {"ETag": snapshot.etag, "Cache-Control": CACHE_CONTROL, "Vary": VARY}
    if is_known(request.headers.get("if-none-match"), snapshot.revision):
        return Response(status_code=304, headers=headers)
    if "gzip" in request.headers.get("accept-encoding", ""):
        headers["Content-Encoding"] = "gzip"
        return Response(snapshot.zipped, headers=headers, media_type="application/json")
    return Response(snapshot.body, headers=headers, media_type="application/json")


def held(request: Request, environment_id: str) -> Snapshot:
    """The environment's current snapshot; Unavailable in the moments before there is one."""
    publisher = cast(Resources, request.app.state.resources).publisher
    snapshot = publisher.snapshot(environment_id)
    if snapshot is None:
        raise Unavailable("the first snapshot of this environment is not ready yet")
    return snapshot


def is_known(if_none_match: str | None, revision: Revision) -> bool:
    """Whether the client holds this revision, or one of the same lineage that this process has yet to see."""
    if if_none_match is None:
        return False
    return any(_at_least(tag.strip(), revision) for tag in if_none_match.split(","))


def _at_least(tag: str, revision: Revision) -> bool:
    if tag == "*":
        return True
    lineage, _, number = tag.removeprefix("W/").strip('"').removesuffix("-gzip").rpartition(".")
    return lineage == revision.lineage and _is_revision(number) and int(number) >= revision.number


def _is_revision(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) <= REVISION_DIGITS


routes = [Route("/sdk/v1/snapshot", get_snapshot, methods=["GET"])]
