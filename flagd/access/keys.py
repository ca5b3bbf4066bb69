"""API keys as text: made, recognised, and turned into what is stored.

No database and no framework. The text itself is shown once to whoever made the key, never stored and never
logged.
A key carries 256 random bits, so a plain SHA-256 keeps it as safe as a slow hash would.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from dataclasses import dataclass, field
from typing import Final, cast

from flagd.access.model import KeyKind

DIGEST_LENGTH: Final = 64
HINT_LENGTH: Final = 4
_SECRET_BYTES: Final = 32
_TOKEN: Final = re.compile(r"flagd_(admin|server|client)_[A-Za-z0-9_-]{43}")


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key that was just made: the text to show once, and what is kept of it."""

    token: str = field(repr=False)
    digest: str
    hint: str


def make(kind: KeyKind) -> NewKey:
    """A new random key of this kind."""
    token = f"flagd_{kind}_{secrets.token_urlsafe(_SECRET_BYTES)}"
    return NewKey(token, digest_of(token), token[-HINT_LENGTH:])


def digest_of(token: str) -> str:
    """What is stored of a key and looked for: the SHA-256 of its text, in hexadecimal."""
    return hashlib.sha256(token.encode()).hexdigest()


def kind_of(token: str) -> KeyKind | None:
    """The kind of key a text claims to be, None when it has not the shape of any."""
    match = _TOKEN.fullmatch(token)
    return None if match is None else cast(KeyKind, match.group(1))
