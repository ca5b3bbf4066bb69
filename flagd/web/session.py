"""Who looks at a page: the session behind the cookie, the token in every form, and the frame around every page.

Asks `access` whether a session lives; decides nothing itself.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial, wraps
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import urlencode, urlsplit

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from flagd.access.model import SESSION_LIFETIME, User
from flagd.access.people import sessions
from flagd.access.principals import Principal, of_user
from flagd.errors import Refused
from flagd.web import cookies, forms, render

COOKIE: Final = "flagd_session"
FORM: Final = "form"
TOKEN_FIELD: Final = "csrf"

FOREIGN_FORM: Final = (
    "this form does not belong to your session; go back, load the page again and send it again"
)


@dataclass(frozen=True, slots=True)
class Visitor:
    """Somebody signed in."""

    token: str
    user: User

    @property
    def principal(self) -> Principal:
        """The visitor as permissions and the change log know them."""
        return of_user(self.user)

    @property
    def name(self) -> str:
        """What they are called."""
        return self.principal.name

    @property
    def email(self) -> str:
        """The address they sign in with."""
        return self.user.email


Endpoint = Callable[[Request], Awaitable[Response]]
VisitorEndpoint = Callable[[Request, Visitor], Awaitable[Response]]


def signed_in(endpoint: VisitorEndpoint) -> Endpoint:
    """An endpoint for visitors; everyone else is asked to sign in, and comes back afterwards."""

    @wraps(endpoint)
    async def run(request: Request) -> Response:
        found = await visitor(request)
        return ask_to_sign_in(request) if found is None else await endpoint(request, found)

    return run


async def visitor(request: Request) -> Visitor | None:
    """Who is signed in, None for nobody. Notes now and then that the session is in use."""
    token = cookies.get(request, COOKIE)
    if token is None:
        return None
    known = cookies.resources(request)
    now = known.clock.now()
    async with known.database.read() as tx:
        session = await sessions.resolve(tx, token, now)
    if session is None:
        return None
    if session.needs_touch(now):
        async with known.database.write() as tx:
            await sessions.touch(tx, session, now)
    return Visitor(token, session.user)


def begin(request: Request, response: Response, token: str) -> None:
    """Hands the session's token to the browser."""
    cookies.put(request, response, COOKIE, token, int(SESSION_LIFETIME.total_seconds()))


def ask_to_sign_in(request: Request) -> Response:
    """The way to the sign-in page, which leads back to the page that was asked for, or whose form was sent."""
    target = path_of(request) if request.method == "GET" else (came_from(request) or "/")
    query = {"next": target}
    had_session = cookies.get(request, COOKIE) is not None
    if had_session:
        query["ended"] = "1"
    response = see_other(f"/login?{urlencode(query)}")
    if had_session:
        cookies.drop(request, response, COOKIE)
    return response


async def sent_form(request: Request, visitor: Visitor) -> Mapping[str, str]:
    """The fields of a form that was made for this session. Raises Refused for any other form."""
    fields = await forms.fields(request)
    if not cookies.signer(request).recognises(fields.get(TOKEN_FIELD, ""), FORM, visitor.token):
        raise Refused(FOREIGN_FORM)
    return fields


def page(
    request: Request,
    visitor: Visitor,
    template: str,
    values: Mapping[str, Any],
    status: HTTPStatus = HTTPStatus.OK,
) -> Response:
    """A page for this visitor, with the message the last one left."""
    message = cookies.flashed(request)
    frame = {
        "visitor": visitor,
        "csrf": partial(cookies.signer(request).token, FORM, visitor.token),
        "flash": message,
        "now": cookies.resources(request).clock.now(),
    }
    response = render.renderer(request).page(template, {**frame, **values}, status)
    if message is not None:
        cookies.drop(request, response, cookies.FLASH)
    return response


def see_other(address: str) -> Response:
    """Has the browser load another page, so that loading it again sends no form again."""
    return RedirectResponse(address, HTTPStatus.SEE_OTHER)


def path_of(request: Request) -> str:
    """The page's own address on this site."""
    query = request.url.query
    return forms.local_path(f"{request.url.path}?{query}" if query else request.url.path)


def came_from(request: Request) -> str | None:
    """The page of this site whose form was sent, None where the browser does not say."""
    try:
        referer = urlsplit(request.headers.get("referer", ""))
    except ValueError:
        return None  # no browser sends such an address
    if not referer.netloc or referer.netloc != request.url.netloc:
        return None
    return forms.local_path(f"{referer.path}?{referer.query}" if referer.query else referer.path)
