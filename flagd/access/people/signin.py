"""Signing in: from an email address and a password to a session.

Opens its own short transactions, because comparing a password takes longer than one should last.
"""

from __future__ import annotations

import logging
from ipaddress import IPv4Address, IPv6Network, ip_address
from typing import Final

from flagd.access import reads, store
from flagd.access.model import Credentials, Session, email_problems, normal_email
from flagd.access.people import sessions
from flagd.access.people.passwords import Passwords
from flagd.access.people.throttle import Throttle
from flagd.errors import Throttled, Unauthenticated
from flagd.infra.clock import Clock
from flagd.infra.db import Database

log = logging.getLogger(__name__)

WRONG: Final = "the email address or the password is wrong"
"""One answer for every reason, so that nobody learns which addresses have an account."""

EMAIL_BURST: Final = 5
EMAIL_SECONDS: Final = 20.0
ADDRESS_BURST: Final = 20
ADDRESS_SECONDS: Final = 3.0


class SignIn:
    """Checks passwords at a bounded pace, for each email address and for each network address."""

    def __init__(self, database: Database, clock: Clock, passwords: Passwords) -> None:
        self._database = database
        self._clock = clock
        self._passwords = passwords
        self._by_email = Throttle(EMAIL_BURST, EMAIL_SECONDS)
        self._by_address = Throttle(ADDRESS_BURST, ADDRESS_SECONDS)

    async def sign_in(self, email: str, password: str, address: str) -> tuple[Session, str]:
        """A new session and its token. Raises Unauthenticated, or Throttled after repeated failures.

        `address` is where the request comes from, as text.
        """
        email = normal_email(email)
        self._count(email, address)
        credentials = await self._credentials(email)
        stored = None if credentials is None else credentials.password_hash
        right = await self._passwords.matches(password, stored)
        if credentials is None or credentials.user.disabled_at is not None or not right:
            log.info("sign-in refused from %s", address)
            raise Unauthenticated(WRONG)
        self._forgive(email, address)
        return await self._start(credentials, password)

    async def _credentials(self, email: str) -> Credentials | None:
        if email_problems(email, ""):
            return None
        async with self._database.read() as tx:
            return await reads.credentials_of(tx, email)

    async def _start(self, credentials: Credentials, password: str) -> tuple[Session, str]:
        stored = credentials.password_hash
        renewed = await self._passwords.hash(password) if self._passwords.outdated(stored) else None
        now = self._clock.now()
        async with self._database.write() as tx:
            if renewed is not None:
                await store.renew_hash(tx, credentials.user, stored, renewed)
            return await sessions.start(tx, credentials.user, now)

    def _count(self, email: str, address: str) -> None:
        # Counted before the password is looked at: guesses sent all at once must not slip through together.
        at = self._clock.monotonic()
        wait = max(self._by_address.take(_household(address), at), self._by_email.take(email, at))
        if wait:
            raise Throttled("too many attempts to sign in; wait a little", wait)

    def _forgive(self, email: str, address: str) -> None:
        at = self._clock.monotonic()
        self._by_email.give_back(email, at)
        self._by_address.give_back(_household(address), at)


def _household(address: str) -> str:
    """What one subscriber has of addresses: an IPv4 address, or the 2^64 that share an IPv6 prefix."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, IPv4Address):
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(IPv6Network((int(parsed), 64), strict=False))
