"""What every page's response says to the browser about trust and caching. Pure ASGI; looks at no body."""

from __future__ import annotations

from typing import Final

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

POLICY: Final = (
    "default-src 'none'; style-src 'self'; img-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
"""No script at all, no inline style, nothing from elsewhere."""

HEADERS: Final = {
    "Content-Security-Policy": POLICY,
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=()",
}

PRIVATE: Final = "no-store"
FOR_EVER: Final = "public, max-age=31536000, immutable"


class SecurityHeaders:
    """Puts the headers on every response of the application inside."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handles one connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        caching = FOR_EVER if _is_fingerprinted(scope) else PRIVATE

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(HEADERS)
                # An error must not be kept under an address that will work a minute later.
                headers["Cache-Control"] = caching if message["status"] < 400 else PRIVATE
            await send(message)

        await self._app(scope, receive, send_with_headers)


def _is_fingerprinted(scope: Scope) -> bool:
    path: str = scope["path"]
    query: bytes = scope["query_string"]
    return path.startswith("/static/") and query.startswith(b"v=")
