"""Reading users, sessions and API keys. Writes nothing, decides nothing."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, RowMapping, Select, select

from flagd.access.model import ApiKey, Credentials, Session, User
from flagd.access.tables import api_keys, sessions, users
from flagd.errors import NotFound
from flagd.infra import tables
from flagd.infra.db import ReadTx
from flagd.infra.paging import Page, decode_cursor, forged_cursor, page_of
from flagd.projects.tables import environments, projects


async def access_mark(tx: ReadTx) -> tuple[str, int]:
    """Which state of the keys this is: the lineage of the database, and how often its keys have changed."""
    row = await tx.first(select(tables.installation.c.lineage, tables.installation.c.access_revision))
    return ("", 0) if row is None else (str(row["lineage"]), int(row["access_revision"]))


async def sdk_keys(tx: ReadTx) -> list[tuple[str, ApiKey]]:
    """Every server and client key that was not revoked, with its digest."""
    statement = _keys(api_keys.c.token_hash).where(
        api_keys.c.kind != "admin", api_keys.c.revoked_at.is_(None)
    )
    return [(row["token_hash"], key_of(row)) for row in await tx.all(statement)]


async def key_by_digest(tx: ReadTx, digest: str) -> ApiKey | None:
    """The key with this digest, usable or not."""
    row = await tx.first(_keys().where(api_keys.c.token_hash == digest))
    return None if row is None else key_of(row)


async def find_key(tx: ReadTx, key_id: str, within: str | None = None) -> ApiKey:
    """The key with this id; `within` is the project the caller is limited to. Raises NotFound."""
    statement = _keys().where(api_keys.c.id == key_id)
    if within is not None:
        statement = statement.where(api_keys.c.project_id == within)
    row = await tx.first(statement) if _is_id(key_id) else None
    if row is None:
        raise NotFound("there is no API key with this id")
    return key_of(row)


async def list_keys(tx: ReadTx, *, limit: int, cursor: str | None, within: str | None = None) -> Page[ApiKey]:
    """Keys in the order they were made, revoked and expired ones too; `within` narrows to one project."""
    place = decode_cursor(cursor, "id")
    statement = _keys().order_by(api_keys.c.id).limit(limit + 1)
    if place is not None:
        if not _is_id(place["id"]):
            raise forged_cursor()
        statement = statement.where(api_keys.c.id > place["id"])
    if within is not None:
        statement = statement.where(api_keys.c.project_id == within)
    rows = [key_of(row) for row in await tx.all(statement)]
    return page_of(rows, limit, lambda last: {"id": last.id})


async def credentials_of(tx: ReadTx, email: str) -> Credentials | None:
    """What the password of the user with this address is compared with; None without such a user."""
    row = await tx.first(select(users).where(users.c.email == email))
    return None if row is None else Credentials(user_of(row), row["password_hash"])


async def find_user(tx: ReadTx, email: str) -> User:
    """The user with this address, disabled or not. Raises NotFound."""
    found = await credentials_of(tx, email)
    if found is None:
        raise NotFound(f"there is no user {email!r}")
    return found.user


async def any_user(tx: ReadTx) -> bool:
    """Whether the installation has a user at all."""
    return await tx.first(select(users.c.id).limit(1)) is not None


async def session_by_digest(tx: ReadTx, digest: str) -> Session | None:
    """The session with this digest unless it was ended or its user is disabled; its times are not looked at."""
    statement = (
        select(
            users,
            sessions.c.id.label("session_id"),
            sessions.c.created_at.label("session_created_at"),
            sessions.c.expires_at,
            sessions.c.last_seen_at,
        )
        .join(users, users.c.id == sessions.c.user_id)
        .where(sessions.c.token_hash == digest, sessions.c.ended_at.is_(None), users.c.disabled_at.is_(None))
    )
    row = await tx.first(statement)
    if row is None:
        return None
    return Session(
        row["session_id"], user_of(row), row["session_created_at"], row["expires_at"], row["last_seen_at"]
    )


def key_of(row: RowMapping) -> ApiKey:
    """An API key from a row of `_keys`."""
    return ApiKey(**{name: row[name] for name in ApiKey.__dataclass_fields__})


def user_of(row: RowMapping) -> User:
    """A user from a row of their table."""
    return User(**{name: row[name] for name in User.__dataclass_fields__})


def _keys(*more: ColumnElement[Any]) -> Select[Any]:
    shown: list[ColumnElement[Any]] = [column for column in api_keys.c if column.name != "token_hash"]
    return (
        select(*shown, projects.c.key.label("project"), environments.c.key.label("environment"), *more)
        .join_from(api_keys, projects, projects.c.id == api_keys.c.project_id, isouter=True)
        .join(environments, environments.c.id == api_keys.c.environment_id, isouter=True)
    )


def _is_id(text: object) -> bool:
    # What is no UUID is not sent: the databases differ in what they make of it.
    try:
        return isinstance(text, str) and str(UUID(text)) == text
    except ValueError:
        return False
