"""OFREP over HTTP. A hot path: plain routes, keys checked in memory, no database and no Redis.

Every answer on these paths, an error too, is a JSON object in OFREP's shape and never a problem document: that is
what the providers read.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from functools import wraps
from http import HTTPStatus
from typing import Final

import orjson
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from flagd.access.guard import sdk_principal, sdk_route
from flagd.access.permissions import Action
from flagd.errors import DomainError
from flagd.evaluation import ofrep
from flagd.infra.http import headers_of, status_of
from flagd.snapshots.api import held

log = logging.getLogger(__name__)

Endpoint = Callable[[Request], Awaitable[Response]]

PREFIX: Final = "/ofrep/v1/evaluate/flags"
OTHERS: Final = ["GET", "PUT", "PATCH", "DELETE"]
NOT_STORED: Final = "private, no-store"


def in_ofrep_shape(endpoint: Endpoint) -> Endpoint:
    """Has what the endpoint raises answered as OFREP's providers expect."""

    @wraps(endpoint)
    async def run(request: Request) -> Response:
        key = request.path_params.get("key")
        try:
            return await endpoint(request)
        except ofrep.BadRequest as error:
            return _failed(ofrep.FAILED, error.code, error.details, key)
        except DomainError as error:
            return _failed(int(status_of(error)), "GENERAL", error.detail, key, headers_of(error))
        except HTTPException as error:
            return _failed(error.status_code, "GENERAL", str(error.detail), key)
        except Exception:
            log.exception("%s failed", request.url.path)
            return _failed(
                HTTPStatus.INTERNAL_SERVER_ERROR, "GENERAL", "the service failed; its log says more", key
            )

    return run


@in_ofrep_shape
@sdk_route(Action.flag_evaluate)
async def evaluate_one(request: Request) -> Response:
    """One flag for one context."""
    principal = sdk_principal(request)
    rules = held(request, principal.environment_id).ruleset
    context = ofrep.context_of(await request.body())
    status, answer = ofrep.single(rules, request.path_params["key"], context, client=principal.is_client)
    return _json(status, orjson.dumps(answer), {"Cache-Control": NOT_STORED})


@in_ofrep_shape
@sdk_route(Action.flag_evaluate)
async def evaluate_all(request: Request) -> Response:
    """Every flag the key may see for one context; 304 where that is what the caller has."""
    principal = sdk_principal(request)
    rules = held(request, principal.environment_id).ruleset
    context = ofrep.context_of(await request.body())
    body = orjson.dumps(ofrep.bulk(rules, context, client=principal.is_client))
    tag = ofrep.body_tag(body, principal.scope)
    headers = {"ETag": tag, "Cache-Control": NOT_STORED}
    if _names(request.headers.get("if-none-match"), tag):
        return Response(status_code=304, headers=headers)
    return _json(200, body, headers)


async def not_so(request: Request) -> Response:
    """Any other method on OFREP's paths."""
    return _failed(
        HTTPStatus.METHOD_NOT_ALLOWED, "GENERAL", "OFREP is asked with POST", None, {"Allow": "POST"}
    )


async def not_here(request: Request) -> Response:
    """Any other path under OFREP's prefix."""
    return _failed(404, "GENERAL", "OFREP answers POST on /ofrep/v1/evaluate/flags and .../flags/{key}", None)


def _names(if_none_match: str | None, tag: str) -> bool:
    if if_none_match is None:
        return False
    # Proxies that compress make a tag weak, or append the encoding to it.
    tags = (
        part.strip().removeprefix("W/").strip('"').removesuffix("-gzip") for part in if_none_match.split(",")
    )
    return any(found in (tag.strip('"'), "*") for found in tags)


def _json(status: int, body: bytes, headers: dict[str, str]) -> Response:
    return Response(body, status, headers, media_type="application/json")


def _failed(
    status: int, code: str, details: str, key: str | None, headers: dict[str, str] | None = None
) -> Response:
    answer: dict[str, object] = {"errorCode": code, "errorDetails": details}
    if key is not None:
        answer |= {"key": key, "metadata": {}}
    return _json(status, orjson.dumps(answer), {"Cache-Control": NOT_STORED} | (headers or {}))


routes = [
    Route(PREFIX, evaluate_all, methods=["POST"]),
    Route(PREFIX + "/{key:path}", evaluate_one, methods=["POST"]),
    Route(PREFIX, not_so, methods=OTHERS),
    Route(PREFIX + "/{key:path}", not_so, methods=OTHERS),
    Route("/ofrep/{rest:path}", not_here, methods=["POST", *OTHERS]),
]
