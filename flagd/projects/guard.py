"""The door in front of a route: which permission it needs.

Who asks and what they may do is decided in `access`, above this package; the application hands that
decision over as `resources.guard`. This module only names the permission and passes the question on.
"""

from __future__ import annotations

from typing import Annotated, Any, Protocol, cast

from fastapi import Request, Security
from fastapi.security import APIKeyHeader, HTTPBearer

from flagd.infra.changes import Actor

_bearer = HTTPBearer(auto_error=False, scheme_name="bearer", description="An API key.")
_header = APIKeyHeader(name="X-API-Key", auto_error=False, scheme_name="api_key", description="An API key.")


class Caller(Protocol):
    """Who asks, after they were let in."""

    @property
    def actor(self) -> Actor:
        """The caller as the change log names them."""
        ...

    @property
    def project_id(self) -> str | None:
        """The only project the caller may see, None for all."""
        ...


class Guard(Protocol):
    """Lets a request in or raises Unauthenticated or Refused."""

    async def __call__(self, request: Request, permission: Permission) -> Caller:
        """The caller, who has the permission on what the request's path names."""
        ...


class GuardedResources(Protocol):
    """What a guarded route needs of the application's resources."""

    @property
    def guard(self) -> Guard:
        """The guard."""
        ...


class Permission:
    """A FastAPI dependency: the route needs this permission. Its value is the caller.

    `narrowed` is for lists over all projects: a caller limited to one project is let in, and the route
    promises to show that project only (`caller.project_id`).

    Name it before any transaction in the route's parameters: dependencies are solved in that order, and a
    request must not hold one connection while the guard waits for another.
    """

    def __init__(self, action: str, *, narrowed: bool = False) -> None:
        self.action = action
        self.narrowed = narrowed

    async def __call__(
        self,
        request: Request,
        _bearer: Annotated[Any, Security(_bearer)] = None,
        _header: Annotated[Any, Security(_header)] = None,
    ) -> Caller:
        """Asks the application's guard; the two schemes are here to be documented."""
        return await cast(GuardedResources, request.app.state.resources).guard(request, self)
