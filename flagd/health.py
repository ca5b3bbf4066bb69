"""Liveness and readiness: what an orchestrator asks, without credentials and without anything to learn from."""

from __future__ import annotations

from typing import Protocol, cast

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from flagd.infra.cache import Cache
from flagd.snapshots.publisher import Publisher


class Resources(Protocol):
    """What readiness depends on."""

    @property
    def publisher(self) -> Publisher:
        """Where snapshots are."""
        ...

    @property
    def cache(self) -> Cache:
        """The shared cache."""
        ...


async def livez(request: Request) -> Response:
    """200 as long as the process answers: only a restart could help one that does not."""
    return _json(200, {"status": "live"})


async def readyz(request: Request) -> Response:
    """200 once applications can be answered; a database or cache that went away since is named, not fatal."""
    resources = cast(Resources, request.app.state.resources)
    ready = resources.publisher.ready
    report = {
        "status": "ready" if ready else "starting",
        "database": "ok" if resources.publisher.current else "unavailable",
        "cache": "ok" if resources.cache.healthy else "unavailable",
    }
    return _json(200 if ready else 503, report)


def _json(status: int, body: dict[str, str]) -> Response:
    return Response(orjson.dumps(body), status, {"Cache-Control": "no-store"}, media_type="application/json")


routes = [Route("/livez", livez, methods=["GET"]), Route("/readyz", readyz, methods=["GET"])]
