"""Sessions: a random token in a cookie, its digest in the database, and an end.

A session lives `SESSION_LIFETIME` at the most and `SESSION_IDLE` without use; it ends when its user signs
out, is disabled or gets another password. Knows no cookie and no page.
"""

from __future__ import annotations

import secrets
from datetime import datetime
from typing import Final

from flagd.access import reads, store
from flagd.access.keys import digest_of
from flagd.access.model import SESSION_LIFETIME, Session, User
from flagd.infra.db import ReadTx, WriteTx
from flagd.infra.ids import new_id

_TOKEN_BYTES: Final = 32


async def start(tx: WriteTx, user: User, now: datetime) -> tuple[Session, str]:
    """A new session and its token, which is stored nowhere."""
    token = secrets.token_urlsafe(_TOKEN_BYTES)
    session = Session(new_id(), user, now, now + SESSION_LIFETIME, now)
    await store.drop_expired_sessions(tx, now)
    await store.insert_session(tx, session, digest_of(token))
    return session, token


async def resolve(tx: ReadTx, token: str, now: datetime) -> Session | None:
    """The living session with this token. `touch` it where `needs_touch` says so, or it will go idle."""
    session = await reads.session_by_digest(tx, digest_of(token))
    return session if session is not None and session.alive(now) else None


async def touch(tx: WriteTx, session: Session, now: datetime) -> None:
    """Notes that the session was used."""
    await store.touch_session(tx, session.id, now)


async def end(tx: WriteTx, token: str, now: datetime) -> None:
    """Ends the session with this token, if there is one."""
    await store.end_session(tx, digest_of(token), now)


async def end_all(tx: WriteTx, user: User, now: datetime) -> int:
    """Ends every session of a user; returns how many."""
    return await store.end_sessions_of(tx, user.id, now)
