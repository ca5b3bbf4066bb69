"""OFREP over HTTP. A hot path: plain routes, keys checked in memory, no database and no Redis.

Every answer on these paths, an error too, is a JSON object in OFREP's shape and never a problem document: that is
what the providers read. What is answered, and to which pages, is decided in ofrep, rate and origins.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from functools import wraps
from http import HTTPStatus
from typing import Final, Protocol, cast

import orjson
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Match, Mount, Route, Router
from starlette.types import Receive, Scope, Send

from flagd.access.guard import sdk_principal, sdk_route
from flagd.access.permissions import Action
from flagd.access.principals import SdkPrincipal
from flagd.errors import DomainError, Throttled
from flagd.evaluation import ofrep
from flagd.evaluation.origins import METHODS, PREFLIGHT, ClientOrigins, readable_by
from flagd.evaluation.rate import RateLimit
from flagd.infra.http import headers_of, status_of
from flagd.snapshots.api import held
from flagd.snapshots.model import Snapshot

log = logging.getLogger(__name__)

Endpoint = Callable[[Request], Awaitable[Response]]

ROOT: Final = "/ofrep"
PREFIX: Final = f"{ROOT}/v1/evaluate/flags"

HEADERS: Final = {"Cache-Control": "private, no-store", "Vary": "Origin"}
"""On every answer: it is for one context, and differs for pages of other origins."""

ANNOUNCED: Final = "flagConfigEtag"
"""The query parameter with which a client says which configuration it was told of; no other one is looked at."""


class Resources(Protocol):
    """What these routes need of the application."""

    @property
    def origins(self) -> ClientOrigins:
        """Which pages may ask."""
        ...

    @property
    def ofrep_rate(self) -> RateLimit | None:
        """How often a key may ask; None for as often as it likes."""
        ...


# --- what there is to ask ------------------------------------------------------------------------------------


def in_ofrep_shape(endpoint: Endpoint) -> Endpoint:
    """Has what the endpoint raises answered as OFREP's providers expect, and the page that asks let read it."""

    @wraps(endpoint)
    async def run(request: Request) -> Response:
        response = await _answer(endpoint, request)
        if more := _let_read(request) | getattr(request.state, "rate", {}):
            response.headers.update(more)
        return response

    return run


@in_ofrep_shape
@sdk_route(Action.flag_evaluate)
async def evaluate_one(request: Request) -> Response:
    """One flag for one context."""
    principal, snapshot = _admitted(request)
    context = ofrep.context_of(await request.body())
    key = request.path_params["key"]
    status, answer = ofrep.single(snapshot.ruleset, key, context, client=principal.is_client)
    return _json(status, orjson.dumps(answer))


@in_ofrep_shape
@sdk_route(Action.flag_evaluate)
async def evaluate_all(request: Request) -> Response:
    """Every flag the key may see for one context; 304 where that is what the caller has."""
    principal, snapshot = _admitted(request)
    context = ofrep.context_of(await request.body())
    body = orjson.dumps(ofrep.bulk(snapshot.ruleset, context, client=principal.is_client))
    tag = ofrep.body_tag(body, principal.scope)
    if ofrep.names_tag(request.headers.get("if-none-match"), tag) and _is_of(snapshot, tag, request):
        return Response(status_code=304, headers=HEADERS | {"ETag": tag})
    return _json(200, body, {"ETag": tag})


def _admitted(request: Request) -> tuple[SdkPrincipal, Snapshot]:
    """Who asks and what they are answered from. Raises Throttled, and Unavailable before there is a snapshot."""
    found = sdk_principal(request)
    limit = _known(request).ofrep_rate
    if limit is not None:
        turn = limit.take(found.principal.id)
        request.state.rate = turn.headers
        if turn.retry_after:
            raise Throttled("this key asks too often", turn.retry_after)
    return found, held(request, found.environment_id)


def _is_of(snapshot: Snapshot, tag: str, request: Request) -> bool:
    """Whether what is held here is the configuration the caller was told of, if they were told of any."""
    if not request.scope["query_string"]:
        return True
    announced = request.query_params.getlist(ANNOUNCED)
    return all(ofrep.names_tag(each, tag, snapshot.etag) for each in announced)


async def _answer(endpoint: Endpoint, request: Request) -> Response:
    key = request.path_params.get("key")
    try:
        return await endpoint(request)
    except ofrep.BadRequest as error:
        return _failed(ofrep.FAILED, error.details, code=error.code, key=key)
    except DomainError as error:
        return _failed(status_of(error), error.detail, headers_of(error), key=key)
    except HTTPException as error:
        return _failed(error.status_code, str(error.detail), key=key)
    except ClientDisconnect:
        return _failed(HTTPStatus.BAD_REQUEST, "the request ended in the middle of its body", key=key)
    except Exception:
        log.exception("%s failed", request.url.path)
        return _failed(HTTPStatus.INTERNAL_SERVER_ERROR, "the service failed; its log says more", key=key)


# --- everything else under the prefix ------------------------------------------------------------------------


def _elsewhere(request: Request) -> Response:
    """The answer to what is no evaluation: a browser's preflight, another method, another path."""
    if request.method == "OPTIONS" and "access-control-request-method" in request.headers:
        return _preflight(request)
    path = request.scope["path"]
    if request.method == "POST" or (path != PREFIX and not path.startswith(f"{PREFIX}/")):
        return _failed(HTTPStatus.NOT_FOUND, f"OFREP answers POST on {PREFIX} and {PREFIX}/{{key}}")
    if request.method == "OPTIONS":
        return Response(status_code=204, headers=HEADERS | {"Allow": METHODS})
    return _failed(HTTPStatus.METHOD_NOT_ALLOWED, "OFREP is asked with POST", {"Allow": METHODS})


def _preflight(request: Request) -> Response:
    allowed = _let_read(request)
    if not allowed:
        return _failed(HTTPStatus.FORBIDDEN, "no environment allows this origin: see its client_origins")
    return Response(status_code=204, headers=HEADERS | allowed | PREFLIGHT)


def _let_read(request: Request) -> dict[str, str]:
    """What has a browser hand the answer to the page that asked; nothing where that is not allowed."""
    origin = request.headers.get("origin")
    if origin is None:
        return {}
    found: SdkPrincipal | None = getattr(request.state, "sdk_principal", None)
    environment = None if found is None else found.environment_id
    return readable_by(origin) if _known(request).origins.allows(origin, environment) else {}


def _known(request: Request) -> Resources:
    return cast(Resources, request.app.state.resources)


def _json(status: int, body: bytes, headers: dict[str, str] | None = None) -> Response:
    return Response(body, status, HEADERS | (headers or {}), media_type="application/json")


def _failed(
    status: int,
    details: str,
    headers: dict[str, str] | None = None,
    *,
    code: str = "GENERAL",
    key: str | None = None,
) -> Response:
    answer: dict[str, object] = {"errorCode": code, "errorDetails": details}
    if key is not None:
        answer |= {"key": key, "metadata": {}}
    return _json(status, orjson.dumps(answer), headers)


# --- paths ---------------------------------------------------------------------------------------------------


class _Protocol:
    """The ASGI application for everything under the prefix."""

    def __init__(self, routes: list[BaseRoute]) -> None:
        self.routes = routes
        self._app = Router(routes, redirect_slashes=False, default=self._otherwise)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Evaluations are asked for with POST, and only they are routed."""
        answer = self._app if scope["method"] == "POST" else self._otherwise
        await answer(scope, receive, send)

    @staticmethod
    async def _otherwise(scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        response = _elsewhere(request)
        response.headers.update(_let_read(request))
        await response(scope, receive, send)


class _Ofrep(Mount):
    """Everything under the prefix, however many slashes a client's way of joining addresses has made of one.

    Nothing is redirected: not every client sends its body again.
    """

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Whether the path is one of OFREP's; it goes on without slashes that mean nothing."""
        if scope["type"] != "http":
            return Match.NONE, {}
        path: str = scope["path"]
        if "//" in path or path.endswith("/"):
            path = "/" + "/".join(part for part in path.split("/") if part)
        if path != ROOT and not path.startswith(f"{ROOT}/"):
            return Match.NONE, {}
        return Match.FULL, {"path": path, "endpoint": self.app}


routes = [
    _Ofrep(
        "",
        _Protocol(
            [
                Route(PREFIX, evaluate_all, methods=["POST"]),
                Route(PREFIX + "/{key:path}", evaluate_one, methods=["POST"]),
            ]
        ),
    )
]
