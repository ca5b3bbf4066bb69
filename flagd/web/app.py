"""The pages as one application: its routes, what wraps them, and what a person sees when something fails.

Mounted beside the APIs; answers every path that none of them owns. No rule and no query here.
"""

from __future__ import annotations

import logging
from http import HTTPStatus
from typing import Final

from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match, Mount
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from flagd.errors import DomainError
from flagd.infra import http
from flagd.web import flags, forms, login, render, session
from flagd.web.headers import SecurityHeaders

log = logging.getLogger(__name__)

APIS: Final = frozenset({"api", "sdk", "ofrep", "livez", "readyz", "docs", "redoc", "openapi.json"})
"""First parts of paths that are not for people: there the APIs answer, also that nothing is there."""

TITLES: Final = {
    HTTPStatus.FORBIDDEN: "This is not allowed",
    HTTPStatus.NOT_FOUND: "There is nothing here",
    HTTPStatus.CONFLICT: "This is not possible now",
    HTTPStatus.PRECONDITION_FAILED: "Somebody else changed it first",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "That is too much at once",
    HTTPStatus.TOO_MANY_REQUESTS: "Too many attempts",
    HTTPStatus.INTERNAL_SERVER_ERROR: "Something went wrong here",
    HTTPStatus.SERVICE_UNAVAILABLE: "Not available right now",
}

FAILED: Final = "It is not your fault. Nothing was saved; the service's log says more."


class Pages(Mount):
    """Everything but the paths of the APIs."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Whether the path is one for people."""
        if scope["type"] == "http" and scope["path"].removeprefix("/").partition("/")[0] in APIS:
            return Match.NONE, {}
        return super().matches(scope)


def mount(app: FastAPI) -> None:
    """Adds the pages to the application, after its own routes. They use the resources in its state."""
    pages = Starlette(
        routes=[
            *login.routes,
            *flags.routes,
            Mount("/static", StaticFiles(directory=render.STATIC)),
        ],
        exception_handlers={DomainError: _refused, HTTPException: _no_page, Exception: _failed},
    )
    pages.state = app.state
    pages.state.renderer = render.Renderer()
    limited = http.BodyLimit(pages, forms.MAX_FORM_BYTES)
    app.router.routes.append(Pages("", SecurityHeaders(limited)))


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, DomainError)
    status = http.status_of(error)
    log.info("%s %s refused: %d %s", request.method, request.url.path, status, error.detail)
    response = _fault(request, status, _sentence(error.detail))
    response.headers.update(http.headers_of(error))
    return response


async def _no_page(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    missing = error.status_code == HTTPStatus.NOT_FOUND
    detail = "There is no page at this address." if missing else _sentence(str(error.detail))
    response = _fault(request, HTTPStatus(error.status_code), detail)
    response.headers.update(error.headers or {})
    return response


async def _failed(request: Request, error: Exception) -> Response:
    # The framework raises the error again after this answer, so that the server logs it.
    return _fault(request, HTTPStatus.INTERNAL_SERVER_ERROR, FAILED)


def _fault(request: Request, status: HTTPStatus, detail: str) -> Response:
    values = {
        "status": int(status),
        "title": TITLES.get(status, "That did not work"),
        "detail": detail,
        "back": session.came_from(request) if request.method == "POST" else None,
    }
    return render.renderer(request).page("error.html", values, status)


def _sentence(detail: str) -> str:
    text = detail[:1].upper() + detail[1:]
    return text if text.endswith((".", "!", "?")) else f"{text}."
