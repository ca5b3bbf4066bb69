"""The cookies of the pages: how they are named and guarded, and the message that outlives one redirect.

All are HttpOnly and SameSite=Lax; over https they are Secure and carry the prefix that keeps other hosts from
setting them. Opens no transaction.
"""

from __future__ import annotations

from typing import Final, Protocol, cast

from starlette.requests import Request
from starlette.responses import Response

from flagd.access.people.signin import SignIn
from flagd.infra import http
from flagd.web.signing import Signer

HOST_PREFIX: Final = "__Host-"
FLASH: Final = "flagd_flash"
FLASH_SECONDS: Final = 60
FLASH_LENGTH: Final = 1000
"""Characters; sealed, that stays below what browsers keep of a cookie."""


class PageSettings(Protocol):
    """What the pages need of the settings."""

    @property
    def secure_cookies(self) -> bool:
        """Whether people reach the pages over https only."""
        ...


class PageResources(http.Resources, Protocol):
    """What the pages need of the application."""

    @property
    def settings(self) -> PageSettings:
        """The settings."""
        ...

    @property
    def secret(self) -> str:
        """What signs forms and cookies, the same in every replica."""
        ...

    @property
    def sign_in(self) -> SignIn:
        """Checks passwords."""
        ...


def resources(request: Request) -> PageResources:
    """The resources of the running application."""
    return cast(PageResources, http.resources(request))


def signer(request: Request) -> Signer:
    """Signs with the installation's secret."""
    return Signer(resources(request).secret)


def get(request: Request, name: str) -> str | None:
    """The cookie's value, None without one."""
    return request.cookies.get(_full_name(request, name))


def put(request: Request, response: Response, name: str, value: str, seconds: int) -> None:
    """Sets the cookie for so long."""
    secure = _is_secure(request)
    response.set_cookie(
        _full_name(request, name),
        value,
        max_age=seconds,
        path="/",
        secure=secure,
        httponly=True,
        samesite="lax",
    )


def drop(request: Request, response: Response, name: str) -> None:
    """Has the browser forget the cookie."""
    secure = _is_secure(request)
    response.delete_cookie(_full_name(request, name), path="/", secure=secure, httponly=True, samesite="lax")


def flash(request: Request, response: Response, message: str) -> None:
    """Leaves a message for the next page."""
    put(request, response, FLASH, signer(request).seal(FLASH, message[:FLASH_LENGTH]), FLASH_SECONDS)


def flashed(request: Request) -> str | None:
    """The message that was left for this page; whoever shows it drops the cookie."""
    sealed = get(request, FLASH)
    return None if sealed is None else signer(request).opened(sealed, FLASH)


def _is_secure(request: Request) -> bool:
    return request.url.scheme == "https" or resources(request).settings.secure_cookies


def _full_name(request: Request, name: str) -> str:
    return HOST_PREFIX + name if _is_secure(request) else name
