"""Writing users, sessions and API keys. Decides nothing: what is handed in was checked."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import bindparam, delete, insert, or_, select, update

from flagd.access.model import ApiKey, Session, User
from flagd.access.reads import user_of
from flagd.access.tables import api_keys, sessions, users
from flagd.errors import Stale
from flagd.infra import tables
from flagd.infra.db import WriteTx
from flagd.infra.store import insert_new


async def bump_access_revision(tx: WriteTx) -> None:
    """Tells every instance, by the number it looks at, to load the keys again."""
    installation = tables.installation
    await tx.run(update(installation).values(access_revision=installation.c.access_revision + 1))
    tx.announce()


async def insert_key(tx: WriteTx, key: ApiKey, digest: str) -> None:
    """Stores a new key."""
    await tx.run(
        insert(api_keys).values(
            id=key.id,
            kind=key.kind,
            name=key.name,
            token_hash=digest,
            hint=key.hint,
            project_id=key.project_id,
            environment_id=key.environment_id,
            created_at=key.created_at,
            created_by=key.created_by,
            expires_at=key.expires_at,
        )
    )


async def revoke_key(tx: WriteTx, key_id: str, now: datetime) -> bool:
    """Takes a key back for ever; False when it already was."""
    statement = update(api_keys).where(api_keys.c.id == key_id, api_keys.c.revoked_at.is_(None))
    return await tx.run(statement.values(revoked_at=now)) == 1


async def write_last_used(tx: WriteTx, used: Mapping[str, datetime]) -> None:
    """Moves the times of last use of many keys forward, never back: other instances write them too."""
    statement = (
        update(api_keys)
        .where(
            api_keys.c.id == bindparam("key_id"),
            or_(api_keys.c.last_used_at.is_(None), api_keys.c.last_used_at < bindparam("used_at")),
        )
        .values(last_used_at=bindparam("used_at"))
    )
    # In one order for every instance, so that two never wait for each other.
    await tx.run(statement, [{"key_id": key_id, "used_at": used[key_id]} for key_id in sorted(used)])


async def insert_user(tx: WriteTx, user: User, password_hash: str) -> bool:
    """Stores a new user; False when the address is taken."""
    values = {
        "id": user.id,
        "email": user.email,
        "name": user.name,
        "password_hash": password_hash,
        "version": user.version,
        "created_at": user.created_at,
    }
    return await insert_new(tx, users, values)


async def set_password(tx: WriteTx, user: User, password_hash: str) -> None:
    """Stores another password for the version of the user that was read. Raises Stale when that is gone."""
    written = await tx.run(
        update(users)
        .where(users.c.id == user.id, users.c.version == user.version)
        .values(password_hash=password_hash, version=user.version + 1)
    )
    if written == 0:
        raise Stale(f"{user.email!r} was changed by someone else", user.version + 1)


async def lock_user(tx: WriteTx, user: User) -> User | None:
    """The user as they are now; nobody else changes them before this transaction ends. None for one who is gone."""
    row = await tx.first(select(users).where(users.c.id == user.id).with_for_update())
    return None if row is None else user_of(row)


async def renew_hash(tx: WriteTx, user: User, old_hash: str, new_hash: str) -> None:
    """Replaces the hash of an unchanged password, unless the password was changed meanwhile."""
    statement = update(users).where(users.c.id == user.id, users.c.password_hash == old_hash)
    await tx.run(statement.values(password_hash=new_hash))


async def insert_session(tx: WriteTx, session: Session, digest: str) -> None:
    """Stores a new session."""
    await tx.run(
        insert(sessions).values(
            id=session.id,
            token_hash=digest,
            user_id=session.user.id,
            created_at=session.created_at,
            expires_at=session.expires_at,
            last_seen_at=session.last_seen_at,
        )
    )


async def drop_expired_sessions(tx: WriteTx, now: datetime) -> None:
    """Forgets the sessions that could not come back to life anyway."""
    await tx.run(delete(sessions).where(sessions.c.expires_at <= now))


async def touch_session(tx: WriteTx, session_id: str, now: datetime) -> None:
    """Moves a session's time of last use forward."""
    statement = update(sessions).where(sessions.c.id == session_id, sessions.c.last_seen_at < now)
    await tx.run(statement.values(last_seen_at=now))


async def end_session(tx: WriteTx, digest: str, now: datetime) -> None:
    """Ends the session with this digest."""
    statement = update(sessions).where(sessions.c.token_hash == digest, sessions.c.ended_at.is_(None))
    await tx.run(statement.values(ended_at=now))


async def end_sessions_of(tx: WriteTx, user_id: str, now: datetime) -> int:
    """Ends every session of a user; returns how many there were."""
    statement = update(sessions).where(sessions.c.user_id == user_id, sessions.c.ended_at.is_(None))
    return await tx.run(statement.values(ended_at=now))
