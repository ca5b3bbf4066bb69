"""The web application: which routes there are and what wraps them. No logic of its own."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

import uvicorn
from fastapi import FastAPI

import flagd
from flagd import health, wiring
from flagd.access import api as access_api
from flagd.audit import api as audit_api
from flagd.evaluation import api as evaluation_api
from flagd.evaluation import explain as explain_api
from flagd.flags import api as flags_api
from flagd.infra import http
from flagd.infra.openapi import with_problems
from flagd.projects import api as projects_api
from flagd.settings import Settings
from flagd.snapshots import api as snapshots_api
from flagd.web import app as pages

KEEP_ALIVE_SECONDS: Final = 75
"""Longer than any usual poll interval, so that a poll does not open a connection every time."""

SHUTDOWN_SECONDS: Final = 10
API: Final = "/api/v1"


def build_app(settings: Settings, secret: str) -> FastAPI:
    """The application; its resources live from its start-up to its shutdown."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with wiring.running(settings, secret) as resources:
            app.state.resources = resources
            yield

    app = _described(lifespan)
    pages.mount(app)
    return app


def openapi() -> dict[str, Any]:
    """The API's OpenAPI document."""
    document: dict[str, Any] = _described(None).openapi()
    return document


def serve(settings: Settings, secret: str, listener: socket.socket) -> None:
    """Serves on a socket that already listens, until the process is told to stop."""
    config = uvicorn.Config(
        build_app(settings, secret),
        access_log=False,
        log_config=None,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=SHUTDOWN_SECONDS,
        server_header=False,
        forwarded_allow_ips=settings.forwarded_allow_ips,
    )
    uvicorn.Server(config).run(sockets=[listener])


def _described(lifespan: Any) -> FastAPI:
    app = FastAPI(
        title="flagd",
        version=flagd.__version__,
        description="Feature flags and progressive delivery: the management API.",
        license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
        lifespan=lifespan,
        # Their pages load scripts from elsewhere, which must not run beside the admin pages.
        docs_url=None,
        redoc_url=None,
    )
    http.install(app)
    for router in (
        projects_api.router,
        flags_api.router,
        explain_api.router,
        access_api.router,
        audit_api.router,
    ):
        app.include_router(router, prefix=API)
    describe = app.openapi
    app.openapi = lambda: with_problems(describe())  # type: ignore[method-assign]  # how FastAPI has it extended
    for route in (*snapshots_api.routes, *evaluation_api.routes, *health.routes):
        app.router.routes.append(route)
    return app
