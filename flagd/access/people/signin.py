"""Signing in: from an email address and a password to a session.

Opens its own short transactions, because comparing a password takes longer than one should last.
"""

from __future__ import annotations

import hashlib
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

ADDRESS_BURST: Final = 20
ADDRESS_SECONDS: Final = 3.0
"""For each network address, whoever it tries."""

PAIR_BURST: Final = 5
PAIR_SECONDS: Final = 20.0
"""For each email address from one network address."""

EMAIL_BURST: Final = 100
EMAIL_SECONDS: Final = 5.0
"""For each email address from anywhere: so much that a few strangers cannot lock its owner out."""

Counted = tuple[tuple[Throttle, str], ...]
"""Where one attempt counts, in the order it is counted in."""


class SignIn:
    """Checks passwords at a bounded pace, for each network address and for each email address."""

    def __init__(self, database: Database, clock: Clock, passwords: Passwords) -> None:
        self._database = database
        self._clock = clock
        self._passwords = passwords
        self._by_address = Throttle(ADDRESS_BURST, ADDRESS_SECONDS)
        self._by_pair = Throttle(PAIR_BURST, PAIR_SECONDS)
        self._by_email = Throttle(EMAIL_BURST, EMAIL_SECONDS)

    async def sign_in(self, email: str, password: str, address: str) -> tuple[Session, str]:
        """A new session and its token. Raises Unauthenticated, or Throttled after repeated failures.

        `address` is where the request comes from, as text.
        """
        email = normal_email(email)
        counted = self._counted(email, _household(address))
        self._count(counted)
        credentials = await self._credentials(email)
        stored = None if credentials is None else credentials.password_hash
        right = await self._passwords.matches(password, stored)
        if credentials is None or credentials.user.disabled_at is not None or not right:
            log.info("sign-in refused from %s", address)
            raise Unauthenticated(WRONG)
        started = await self._start(credentials, password)
        self._forgive(counted)
        return started

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
            # Comparing took a while: who got another password since, or was disabled, must not come in by the old one.
            user = await store.lock_user(tx, credentials.user)
            if user is None or user.version != credentials.user.version or user.disabled_at is not None:
                raise Unauthenticated(WRONG)
            if renewed is not None:
                await store.renew_hash(tx, user, stored, renewed)
            return await sessions.start(tx, user, now)

    def _counted(self, email: str, household: str) -> Counted:
        return (
            (self._by_address, _bucket(household)),
            (self._by_pair, _bucket(email, household)),
            (self._by_email, _bucket(email)),
        )

    def _count(self, counted: Counted) -> None:
        # Counted before the password is looked at: guesses sent all at once must not slip through together.
        # In this order, up to the first refusal: who is stopped by address fills no other buckets.
        at = self._clock.monotonic()
        for throttle, bucket in counted:
            wait = throttle.take(bucket, at)
            if wait:
                raise Throttled("too many attempts to sign in; wait a little", wait)

    def _forgive(self, counted: Counted) -> None:
        at = self._clock.monotonic()
        for throttle, bucket in counted:
            throttle.give_back(bucket, at)


def _bucket(*parts: str) -> str:
    """A name of one length for whatever was sent, so that memory is bounded by the number of names alone."""
    return hashlib.sha256(repr(parts).encode(errors="surrogatepass")).hexdigest()


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
