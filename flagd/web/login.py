"""Signing in and out. Passwords are compared, and attempts counted, in `access`."""

from __future__ import annotations

import secrets
from functools import partial
from http import HTTPStatus
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from flagd.access.people import sessions
from flagd.access.people.signin import SignIn
from flagd.errors import Throttled, Unauthenticated
from flagd.web import cookies, forms, render, session
from flagd.web.session import Visitor, signed_in

COOKIE: Final = "flagd_sign_in"
"""A random text that the sign-in form is bound to, before there is a session."""

COOKIE_SECONDS: Final = 12 * 3600
TOKEN_BYTES: Final = 18
FORM: Final = "sign-in"

EXPIRED: Final = "This form was open for too long, or cookies are off. Please try again."
WRONG: Final = "The email or the password is wrong."


async def show(request: Request) -> Response:
    """The sign-in page; who is signed in already goes on."""
    target = forms.local_path(request.query_params.get("next", "/"))
    if await session.visitor(request) is not None:
        return session.see_other(target)
    return _page(request, target)


async def sign_in(request: Request) -> Response:
    """Starts a session and goes on, or shows the form again."""
    form = await forms.fields(request)
    target = forms.local_path(form.get("next", "/"))
    email = form.get("email", "")
    bound_to = cookies.get(request, COOKIE)
    token = form.get(session.TOKEN_FIELD, "")
    if bound_to is None or not cookies.signer(request).recognises(token, FORM, bound_to):
        return _page(request, target, email, EXPIRED, HTTPStatus.FORBIDDEN)
    try:
        _, started = await _service(request).sign_in(email, form.get("password", ""), _address(request))
    except Unauthenticated:
        return _page(request, target, email, WRONG, HTTPStatus.UNAUTHORIZED)
    except Throttled as error:
        wait = f"Too many attempts. Try again in {error.retry_after} seconds."
        response = _page(request, target, email, wait, HTTPStatus.TOO_MANY_REQUESTS)
        response.headers["Retry-After"] = str(error.retry_after)
        return response
    response = session.see_other(target)
    session.begin(request, response, started)
    cookies.drop(request, response, COOKIE)
    return response


@signed_in
async def sign_out(request: Request, visitor: Visitor) -> Response:
    """Ends the session, here and for anyone who copied its cookie."""
    await session.sent_form(request, visitor)
    known = cookies.resources(request)
    async with known.database.write() as tx:
        await sessions.end(tx, visitor.token, known.clock.now())
    response = session.see_other("/login")
    cookies.drop(request, response, session.COOKIE)
    return response


def _page(
    request: Request,
    target: str,
    email: str = "",
    problem: str | None = None,
    status: HTTPStatus = HTTPStatus.OK,
) -> Response:
    bound_to = cookies.get(request, COOKIE) or secrets.token_urlsafe(TOKEN_BYTES)
    values = {
        "csrf": partial(cookies.signer(request).token, FORM, bound_to),
        "next": target,
        "email": email,
        "problem": problem,
        "ended": "ended" in request.query_params,
    }
    response = render.renderer(request).page("login.html", values, status)
    if status is HTTPStatus.UNAUTHORIZED:
        # RFC 9110 wants to hear how to authenticate: by this form. No browser asks for anything on its own.
        response.headers["WWW-Authenticate"] = 'Form realm="flagd"'
    cookies.put(request, response, COOKIE, bound_to, COOKIE_SECONDS)
    return response


def _service(request: Request) -> SignIn:
    return cookies.resources(request).sign_in


def _address(request: Request) -> str:
    # Behind a proxy the server has put the caller's own address here, if the proxy is one it believes.
    return request.client.host if request.client else ""


routes: Final = (
    Route("/login", show, methods=["GET"]),
    Route("/login", sign_in, methods=["POST"]),
    Route("/logout", sign_out, methods=["POST"]),
)
