"""Every route of the application asks for a permission: all of them are walked, none is trusted."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Final

import pytest
from fastapi import APIRouter, Depends, FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import RouteContext, iter_route_contexts
from starlette.routing import Mount

from flagd import health
from flagd.access.guard import PERMISSION_MARK, allow
from flagd.access.permissions import Action
from flagd.app import build_app
from flagd.infra.http import ReadTxDep, read_tx, write_tx
from flagd.projects.guard import Permission
from flagd.settings import Settings
from flagd.web.app import Pages

OPEN: Final = {
    **{route.path: "tells an orchestrator whether the process works" for route in health.routes},
    "/openapi.json": "describes the API; says nothing of this installation",
    "/docs": "shows /openapi.json",
    "/docs/oauth2-redirect": "belongs to /docs",
    "/redoc": "shows /openapi.json",
}


def contexts(app: FastAPI) -> Iterator[RouteContext]:
    """Every route, those in a folder of routes too; but pages, which ask for a session: tests of theirs walk them."""
    for route in iter_route_contexts(app.router.routes):
        if isinstance(route.original_route, Pages):
            continue
        if isinstance(route.original_route, Mount):
            yield from iter_route_contexts(route.original_route.routes)
        else:
            yield route


def unguarded(app: FastAPI) -> list[str]:
    """The paths of the routes that ask nobody for anything, and have no reason not to."""
    return [
        f"{sorted(route.methods or ())} {route.path}"
        for route in contexts(app)
        if route.path not in OPEN and permission_of(route) is None
    ]


def permission_of(route: RouteContext) -> str | None:
    """The permission a route asks for."""
    marked = getattr(route.endpoint, PERMISSION_MARK, None)
    if marked is not None:
        return str(marked)
    permissions = [
        call.action for call in calls_of(getattr(route, "dependant", None)) if isinstance(call, Permission)
    ]
    return permissions[0] if permissions else None


def calls_of(dependant: Dependant | None) -> Iterator[Any]:
    """What a route depends on, in the order in which it is solved."""
    for dependency in () if dependant is None else dependant.dependencies:
        yield from calls_of(dependency)
        yield dependency.call


@pytest.fixture(scope="module")
def app() -> FastAPI:
    """The application with all its routes; it is not started."""
    return build_app(Settings(), "secret")


def test_every_route_asks_for_a_permission(app: FastAPI) -> None:
    """No route answers without asking who is there, except those whose reason is written down."""
    assert unguarded(app) == []


def test_every_permission_is_one_there_is(app: FastAPI) -> None:
    """A route asks for an action that permissions are decided on, so a misspelling fails here."""
    asked = {permission_of(route) for route in contexts(app)} - {None}
    assert asked <= set(Action)
    wanted = {Action.project_write, Action.flag_write, Action.key_write, Action.snapshot_read}
    assert wanted | {Action.flag_evaluate} <= asked


def test_no_route_holds_a_transaction_while_it_asks(app: FastAPI) -> None:
    """The guard is solved before any transaction: two connections for one request would starve the pool."""
    for route in contexts(app):
        calls = list(calls_of(getattr(route, "dependant", None)))
        opened = [index for index, call in enumerate(calls) if call in (read_tx, write_tx)]
        asked = [index for index, call in enumerate(calls) if isinstance(call, Permission)]
        assert not opened or min(asked) < min(opened), route.path


def test_a_route_without_a_permission_is_found() -> None:
    """The walk sees a forgotten permission, also in a router inside a router."""
    inner = APIRouter(prefix="/inner")

    @inner.get("/forgotten")
    async def forgotten(tx: ReadTxDep) -> None: ...

    @inner.get("/guarded")
    async def guarded(_: Annotated[object, Depends(allow(Action.flag_read))]) -> None: ...

    outer = APIRouter()
    outer.include_router(inner)
    app = FastAPI(openapi_url=None)
    app.include_router(outer, prefix="/api")
    assert unguarded(app) == ["['GET'] /api/inner/forgotten"]
