"""Passwords: hashed with Argon2id (RFC 9106) in a thread, compared without telling who exists.

Knows no user and no database. No password is kept or logged.
"""

from __future__ import annotations

import asyncio
import base64
import secrets
import unicodedata
from functools import partial
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import VerificationError
from argon2.low_level import ARGON2_VERSION

from flagd.access.model import PASSWORD_MAX, password_problems
from flagd.errors import Invalid

AT_ONCE: Final = 2
"""Hashes computed at the same time: each takes 64 MiB and more than one core."""

GENERATED_BYTES: Final = 15


def generate() -> str:
    """A random password for somebody else to use, 20 characters long."""
    return secrets.token_urlsafe(GENERATED_BYTES)


class Passwords:
    """Hashes and compares passwords; `hasher` sets what one comparison costs."""

    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        self._hasher = hasher or PasswordHasher()
        self._decoy = _decoy(self._hasher)
        self._turns = asyncio.Semaphore(AT_ONCE)

    async def hash(self, password: str, pointer: str = "/password") -> str:
        """What to store of a new password. Raises Invalid for one that is too short or too long."""
        problems = password_problems(password, pointer)
        if problems:
            raise Invalid(*problems)
        async with self._turns:
            return await asyncio.to_thread(self._hasher.hash, _bytes(password))

    async def matches(self, password: str, stored: str | None) -> bool:
        """Whether this is the password. Without a stored one it takes as long and the answer is no."""
        given = _bytes(password[: PASSWORD_MAX + 1])
        async with self._turns:
            return await asyncio.to_thread(partial(self._verify, stored or self._decoy, given))

    def outdated(self, stored: str) -> bool:
        """Whether a hash was made with other parameters than are used now."""
        return self._hasher.check_needs_rehash(stored)

    def _verify(self, stored: str, given: bytes) -> bool:
        try:
            return self._hasher.verify(stored, given)
        except VerificationError:
            return False


def _bytes(password: str) -> bytes:
    # The same password typed on another keyboard may be composed differently.
    return unicodedata.normalize("NFKC", password).encode(errors="surrogatepass")


def _decoy(hasher: PasswordHasher) -> str:
    # Random bytes in the form of a hash: comparing with it costs the same and no password matches.
    salt, digest = (
        base64.b64encode(secrets.token_bytes(length)).decode().rstrip("=")
        for length in (hasher.salt_len, hasher.hash_len)
    )
    costs = f"m={hasher.memory_cost},t={hasher.time_cost},p={hasher.parallelism}"
    return f"$argon2{hasher.type.name.lower()}$v={ARGON2_VERSION}${costs}${salt}${digest}"
