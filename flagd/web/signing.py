"""Texts this installation can recognise as its own: form tokens and sealed cookies. Keeps nothing, reads nothing.

Each purpose signs apart from the others, so that a text made for one is worth nothing for another.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
from typing import Final

NONCE_BYTES: Final = 12
SEPARATOR: Final = "."


class Signer:
    """Signs with the installation's secret (HMAC-SHA-256)."""

    def __init__(self, secret: str) -> None:
        self._secret = secret.encode()

    def token(self, purpose: str, binding: str) -> str:
        """A token that holds for `binding` only. Each is different, so that a compressed page gives none away."""
        nonce = secrets.token_urlsafe(NONCE_BYTES)
        return f"{nonce}{SEPARATOR}{self._mac(purpose, f'{nonce}{SEPARATOR}{binding}')}"

    def recognises(self, token: str, purpose: str, binding: str) -> bool:
        """Whether `token` was made here for this purpose and binding; compared in constant time."""
        nonce, _, mac = token.partition(SEPARATOR)
        return _equal(mac, self._mac(purpose, f"{nonce}{SEPARATOR}{binding}"))

    def seal(self, purpose: str, text: str) -> str:
        """The text in a form fit for a cookie, which `opened` gives back unless somebody changed it."""
        body = base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")
        return f"{body}{SEPARATOR}{self._mac(purpose, body)}"

    def opened(self, sealed: str, purpose: str) -> str | None:
        """The text that was sealed, None for anything else."""
        body, _, mac = sealed.partition(SEPARATOR)
        if not _equal(mac, self._mac(purpose, body)):
            return None
        try:
            return base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)).decode()
        except (binascii.Error, UnicodeDecodeError):
            return None

    def _mac(self, purpose: str, text: str) -> str:
        digest = hmac.digest(
            self._secret, f"{purpose}\n{text}".encode(errors="surrogatepass"), hashlib.sha256
        )
        return base64.urlsafe_b64encode(digest).decode().rstrip("=")


def _equal(given: str, expected: str) -> bool:
    return hmac.compare_digest(given.encode(errors="surrogatepass"), expected.encode())
