"""The server and client keys in memory, so that an application's request touches no database.

Follows the database: `refresh` looks at one number and loads the keys only when it moved. A key made or
revoked on another instance is known here at the next look. Admin keys are not held here.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from datetime import datetime
from typing import Final

from flagd.access import reads, store
from flagd.access.keys import digest_of, kind_of
from flagd.access.model import ApiKey
from flagd.access.principals import SdkPrincipal, of_key
from flagd.errors import Unauthenticated, Unavailable
from flagd.infra.clock import Clock
from flagd.infra.db import Database

log = logging.getLogger(__name__)

UNKNOWN: Final = "this API key is not valid here"


class KeyRing:
    """Answers whose key this is, and remembers when each key was last used until that is written."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._keys: Mapping[str, SdkPrincipal] = {}
        self._mark: tuple[str, int] | None = None
        self._refreshing = asyncio.Lock()
        self._used: dict[str, datetime] = {}

    def find(self, token: str) -> SdkPrincipal:
        """The application that shows this key.

        Raises Unauthenticated for a key that is unknown, revoked or expired, and Unavailable before the
        first `refresh`: an application would take a refusal for final.
        """
        if kind_of(token) == "admin":
            raise Unauthenticated("an admin key opens nothing here; use a server or client key")
        if self._mark is None:
            raise Unavailable("the API keys are not loaded yet")
        found = self._keys.get(digest_of(token))
        now = self._clock.now()
        if found is None or (found.expires_at is not None and found.expires_at <= now):
            raise Unauthenticated(UNKNOWN)
        self._used[found.principal.id] = now
        return found

    def used(self, key_id: str) -> None:
        """Remembers that a key of any kind was just used."""
        self._used[key_id] = self._clock.now()

    async def refresh(self, database: Database) -> None:
        """Loads the keys if they changed since the last time. When the database fails, what is held stays."""
        # One at a time, so that a slow look cannot put back what a later one replaced.
        async with self._refreshing, database.read() as tx:
            mark = await reads.access_mark(tx)
            if mark == self._mark:
                return
            self._keys = {digest: sdk_principal_of(key) for digest, key in await reads.sdk_keys(tx)}
            self._mark = mark
        log.info("holding %d server and client keys", len(self._keys))

    async def flush_last_used(self, database: Database) -> None:
        """Writes the collected times of last use; they are kept for the next time when the database is away."""
        used, self._used = self._used, {}
        if not used:
            return
        try:
            async with database.write() as tx:
                await store.write_last_used(tx, used)
        except Unavailable as error:
            self._used = used | self._used
            log.warning("times of last use are not written yet: %s", error.detail)


def sdk_principal_of(key: ApiKey) -> SdkPrincipal:
    """The application that a server or client key stands for."""
    assert key.environment_id is not None, "a server or client key belongs to an environment"
    return SdkPrincipal(of_key(key), key.environment_id, key.expires_at)
