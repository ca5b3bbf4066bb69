"""Lets requests in by their API key: who asks, and whether they may do what the route says it needs.

Management routes name their permission with `allow`; the hot routes of applications with `sdk_route`.
Cookies are no credentials here, so nothing here needs a defence against forged forms.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Final, Protocol, cast

from fastapi import Request
from starlette.responses import Response

from flagd.access import service
from flagd.access.keyring import KeyRing
from flagd.access.keys import kind_of
from flagd.access.permissions import Action, Resource, may, may_somewhere
from flagd.access.principals import Principal, SdkPrincipal, of_key
from flagd.errors import NotFound, Refused, Unauthenticated
from flagd.infra import http
from flagd.infra.db import ReadTx
from flagd.projects.guard import Permission
from flagd.projects.reads import find_project

SdkEndpoint = Callable[[Request], Awaitable[Response]]

PERMISSION_MARK: Final = "flagd_permission"
"""The attribute of an application's endpoint that names the permission it needs."""


class Resources(http.Resources, Protocol):
    """What the guard needs of the application."""

    @property
    def keyring(self) -> KeyRing:
        """The keys of applications."""
        ...


def allow(action: Action, *, narrowed: bool = False) -> Permission:
    """A FastAPI dependency whose value is the `Principal`: `Depends(allow(Action.flag_write))`.

    The principal may do this in the project that the route's path names as `{project}`; on a route without
    one, only a principal without limits. `narrowed` is for lists over all projects; see `Permission`.
    """
    return Permission(action, narrowed=narrowed)


async def admit(request: Request, permission: Permission) -> Principal:
    """The principal of a management request. Raises Unauthenticated or Refused."""
    token = presented_token(request)
    action = Action(permission.action)
    known = cast(Resources, request.app.state.resources)
    if kind_of(token) != "admin":
        # An application's key belongs to one environment, so it never reaches the installation.
        principal = known.keyring.find(token).principal
        require(principal, action, Resource())
        return principal
    async with known.database.read() as tx:
        principal = of_key(await service.admin_key(tx, token, known.clock.now()))
        known.keyring.used(principal.id)
        if permission.narrowed and may_somewhere(principal, action):
            return principal
        require(principal, action, await _resource(tx, request, principal))
    return principal


def require(principal: Principal, action: Action, resource: Resource) -> None:
    """Raises Refused unless the principal may do this to that."""
    if not may(principal, action, resource):
        where = "" if principal.project_id is None else " outside what it is limited to"
        raise Refused(f"{principal.name!r} may not {action}{where}")


def presented_token(request: Request) -> str:
    """The API key in the request: a Bearer token, else X-API-Key. Raises Unauthenticated without one."""
    scheme, _, credentials = request.headers.get("authorization", "").partition(" ")
    token = (
        credentials.strip() if scheme.lower() == "bearer" else request.headers.get("x-api-key", "").strip()
    )
    if not token:
        raise Unauthenticated("send an API key, as Authorization: Bearer <key> or as X-API-Key: <key>")
    return token


def sdk_route(action: Action) -> Callable[[SdkEndpoint], SdkEndpoint]:
    """Marks and guards a plain route for applications; the key is checked in memory.

    Inside it, `sdk_principal` says whose request it is.
    """

    def guarded(endpoint: SdkEndpoint) -> SdkEndpoint:
        @wraps(endpoint)
        async def run(request: Request) -> Response:
            found = cast(Resources, request.app.state.resources).keyring.find(presented_token(request))
            principal = found.principal
            require(principal, action, Resource(principal.project_id, found.environment_id))
            request.state.sdk_principal = found
            return await endpoint(request)

        setattr(run, PERMISSION_MARK, action)
        return run

    return guarded


def sdk_principal(request: Request) -> SdkPrincipal:
    """The application that asks, on a route guarded by `sdk_route`."""
    return cast(SdkPrincipal, request.state.sdk_principal)


async def _resource(tx: ReadTx, request: Request, principal: Principal) -> Resource:
    project_key = request.path_params.get("project")
    if principal.project_id is None or project_key is None:
        return Resource()  # nobody asks further, or the request is about the whole installation
    try:
        project = await find_project(tx, project_key)
    except NotFound:
        return Resource()  # refused like another project, so that nobody learns which ones there are
    return Resource(project.id)
