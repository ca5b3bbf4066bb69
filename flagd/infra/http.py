"""HTTP conventions of the management API: problem details, ETags and preconditions, transactions at the edge.

The only module that maps errors to statuses. It knows no capability.
Sources: RFC 9457 (problems), RFC 9110 (conditional requests), RFC 6585 (428), RFC 7396 (merge patch).
"""

from __future__ import annotations

import json
import logging
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Any, Final, NoReturn, Protocol, cast

import orjson
from fastapi import Depends, FastAPI, Header, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from flagd import errors
from flagd.errors import DomainError, Problem
from flagd.infra.clock import Clock
from flagd.infra.db import Database, ReadTx, WriteTx

log = logging.getLogger(__name__)

MAX_BODY_BYTES: Final = 1_000_000
MAX_PROBLEMS: Final = 50
"""So many problems one answer names at the most."""

SHOWN: Final = 100
"""So many characters of what was sent are repeated at the most."""

PROBLEM_TYPE: Final = "application/problem+json"

STATUS: Final[dict[type[DomainError], HTTPStatus]] = {
    errors.Malformed: HTTPStatus.BAD_REQUEST,
    errors.Unauthenticated: HTTPStatus.UNAUTHORIZED,
    errors.Refused: HTTPStatus.FORBIDDEN,
    errors.NotFound: HTTPStatus.NOT_FOUND,
    errors.Conflict: HTTPStatus.CONFLICT,
    errors.Stale: HTTPStatus.PRECONDITION_FAILED,
    errors.TooLarge: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    errors.UnsupportedType: HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    errors.Invalid: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.PreconditionRequired: HTTPStatus.PRECONDITION_REQUIRED,
    errors.Throttled: HTTPStatus.TOO_MANY_REQUESTS,
    errors.Unavailable: HTTPStatus.SERVICE_UNAVAILABLE,
}

RETRY_SECONDS: Final = 1
"""What Retry-After says while something the service stands on is away."""


# --- transactions and time, found in what the application was built with ------------------------------------


class Resources(Protocol):
    """What the edge needs of the application; `wiring` builds it and `app` keeps it in its state."""

    @property
    def database(self) -> Database:
        """The database."""
        ...

    @property
    def clock(self) -> Clock:
        """The clock."""
        ...


def resources(request: Request) -> Resources:
    """The resources of the running application."""
    return cast(Resources, request.app.state.resources)


async def read_tx(request: Request) -> AsyncIterator[ReadTx]:
    """A reading transaction for one request; it ends before the response is sent."""
    async with resources(request).database.read() as tx:
        yield tx


async def write_tx(request: Request) -> AsyncIterator[WriteTx]:
    """A writing transaction for one request; it is committed before the response is sent."""
    async with resources(request).database.write() as tx:
        yield tx


async def request_time(request: Request) -> datetime:
    """The instant this request is handled at."""
    return resources(request).clock.now()


ReadTxDep = Annotated[ReadTx, Depends(read_tx, scope="function")]
WriteTxDep = Annotated[WriteTx, Depends(write_tx, scope="function")]
NowDep = Annotated[datetime, Depends(request_time)]


# --- versions ----------------------------------------------------------------------------------------------


def etag(version: int) -> str:
    """The entity tag of a versioned object, such as `"v7"`."""
    return f'"v{version}"'


async def if_match(
    header: Annotated[
        str | None,
        Header(
            alias="If-Match", description='The version the change is based on, such as `"v7"`.', max_length=64
        ),
    ] = None,
) -> int:
    """The version the caller saw. Without the header: 428."""
    if header is None:
        problem = Problem("", 'send the ETag of the version you are changing, such as "v7"', "If-Match")
        raise errors.PreconditionRequired(f"If-Match is missing: {problem.detail}", (problem,))
    text = header.strip()
    digits = text[2:-1]
    if not (text.startswith('"v') and text.endswith('"') and digits.isascii() and digits.isdecimal()):
        problem = Problem(
            "", 'If-Match must be one entity tag that this API gave out, such as "v7"', "If-Match"
        )
        raise errors.Malformed(problem.detail, (problem,))
    return int(digits)


ExpectedVersion = Annotated[int, Depends(if_match)]


# --- bodies ------------------------------------------------------------------------------------------------


class BodyLimit:
    """ASGI middleware: whoever reads more of a body than the limit gets TooLarge, which every part of the
    application answers in its own shape (the framework's own limit knows plain text alone)."""

    def __init__(self, app: ASGIApp, limit: int = MAX_BODY_BYTES) -> None:
        self._app = app
        self._limit = limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes the request on with a counting `receive`."""
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        left = self._limit

        async def limited() -> Message:
            nonlocal left
            message = await receive()
            left -= len(message.get("body", b""))
            if left < 0:
                raise errors.TooLarge(f"the body is larger than {self._limit} bytes")
            return message

        return await self._app(scope, limited, send)


class StrictRoute(APIRoute):
    """A route whose JSON body means one thing: no repeated names, no NaN, no lone surrogates, no NUL."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The usual handler, after the body's text was checked."""
        handle = super().get_route_handler()

        async def strict(request: Request) -> Response:
            # Only a route with a body reads one: a GET costs nothing here.
            if self.body_field is not None:
                body = await request.body()
                refuse_other_types(request.headers.get("content-type"), body)
                refuse_ambiguous_json(body)
            return await handle(request)

        return strict


def refuse_other_types(content_type: str | None, body: bytes) -> None:
    """Raises UnsupportedType for a body that does not say that it is JSON."""
    named = (content_type or "").partition(";")[0].strip().lower()
    if (
        body
        and named != "application/json"
        and not (named.startswith("application/") and named.endswith("+json"))
    ):
        problem = Problem("", f"must be application/json, not {named[:SHOWN] or 'missing'}", "Content-Type")
        raise errors.UnsupportedType(f"Content-Type {problem.detail}", (problem,))


def refuse_ambiguous_json(body: bytes) -> None:
    """Raises Malformed for text that is no JSON, and for JSON that parsers read differently."""
    if not body:
        return
    try:
        orjson.loads(body)
        json.loads(body, object_pairs_hook=_unrepeated)
    except (orjson.JSONDecodeError, RecursionError) as error:
        _malformed(f"the body is not valid JSON: {error}")
    if b"\\u0000" in body and _holds_nul(orjson.loads(body)):
        _malformed("the body holds a NUL character, which no text here may")


def _malformed(detail: str) -> NoReturn:
    raise errors.Malformed(detail, (Problem("", detail),))


def _unrepeated(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            _malformed(f"the name {name[:SHOWN]!r} appears twice in one object")
        found[name] = value
    return found


def _holds_nul(document: object) -> bool:
    left = [document]
    while left:
        value = left.pop()
        if isinstance(value, str):
            if "\0" in value:
                return True
        elif isinstance(value, dict):
            left += [*value, *value.values()]
        elif isinstance(value, list):
            left += value
    return False


# --- problems ----------------------------------------------------------------------------------------------


def install(app: FastAPI) -> None:
    """Has every error of the application answered as a problem (RFC 9457), and bodies limited."""
    app.add_middleware(BodyLimit)
    app.add_exception_handler(DomainError, _domain_error)
    app.add_exception_handler(RequestValidationError, _validation_error)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(Exception, _unexpected)


def problem_response(
    status: int, detail: str, problems: Sequence[Problem] = (), headers: dict[str, str] | None = None
) -> Response:
    """A problem document; `errors` names each field at fault by JSON pointer, or each parameter by name."""
    body: dict[str, Any] = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": int(status),
        "detail": detail,
    }
    if problems:
        body["errors"] = [_problem_member(problem) for problem in problems]
    return Response(orjson.dumps(body), status, headers, media_type=PROBLEM_TYPE)


def _problem_member(problem: Problem) -> dict[str, str]:
    if problem.parameter is not None:
        return {"parameter": problem.parameter, "detail": problem.detail}
    return {"pointer": f"#{problem.pointer}", "detail": problem.detail}


def status_of(error: DomainError) -> HTTPStatus:
    """The status that says what the error means."""
    return next(STATUS[kind] for kind in type(error).__mro__ if kind in STATUS)


def headers_of(error: DomainError) -> dict[str, str]:
    """The headers that belong to the error."""
    if isinstance(error, errors.Stale):
        return {"ETag": etag(error.current_version)}
    if isinstance(error, errors.Unauthenticated):
        return {"WWW-Authenticate": "Bearer"}
    if isinstance(error, errors.Throttled):
        return {"Retry-After": str(error.retry_after)}
    if isinstance(error, errors.Unavailable):
        return {"Retry-After": str(RETRY_SECONDS)}
    return {}


async def _domain_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, DomainError)
    status = status_of(error)
    log.info("%s %s refused: %d %s", request.method, request.url.path, status, error.detail)
    return problem_response(status, error.detail, error.problems, headers_of(error))


async def _validation_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    problems = tuple(_validation_problem(item) for item in error.errors()[:MAX_PROBLEMS])
    detail = errors.first_of([f"{_where(problem)}: {problem.detail}" for problem in problems])
    log.info("%s %s refused: 422 %s", request.method, request.url.path, detail)
    return problem_response(HTTPStatus.UNPROCESSABLE_ENTITY, detail, problems)


def _validation_problem(item: dict[str, Any]) -> Problem:
    where, *path = item["loc"]
    detail = str(item["msg"]).removeprefix("Value error, ")
    if where == "body":
        return Problem("".join(f"/{escape_pointer(str(part)[:SHOWN])}" for part in path), detail)
    return Problem("", detail, parameter=str(path[-1] if path else where))


def escape_pointer(part: str) -> str:
    """One reference token of a JSON pointer (RFC 6901, section 3)."""
    return part.replace("~", "~0").replace("/", "~1")


def _where(problem: Problem) -> str:
    return problem.parameter or problem.pointer or "body"


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    headers = dict(error.headers) if error.headers else None
    return problem_response(error.status_code, str(error.detail), (), headers)


async def _unexpected(request: Request, error: Exception) -> Response:
    # The server's error middleware logs the traceback after this answer; it holds nothing of the request.
    return problem_response(HTTPStatus.INTERNAL_SERVER_ERROR, "the service failed; its log says more")
