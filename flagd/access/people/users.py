"""What may be done to users. Passwords arrive here as hashes: hashing takes too long for a transaction."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Literal

from flagd.access import reads, store
from flagd.access.model import User, email_problems, normal_email
from flagd.access.people import sessions
from flagd.errors import Conflict, Invalid, Problem
from flagd.infra import changes
from flagd.infra.changes import Actor, Change
from flagd.infra.db import WriteTx
from flagd.infra.ids import new_id
from flagd.projects.model import name_problems


@dataclass(frozen=True, slots=True)
class NewUser:
    """What a user is created from."""

    email: str
    name: str
    password_hash: str = field(repr=False)


async def create_user(tx: WriteTx, actor: Actor, new: NewUser, now: datetime) -> User:
    """Creates a user who may do everything. Raises Invalid, and Conflict when the address is taken."""
    user = User(new_id(), normal_email(new.email), new.name, 1, now, None)
    problems = (*email_problems(user.email, "/email"), *name_problems(user.name, "/name"))
    if problems:
        raise Invalid(*problems)
    if not await store.insert_user(tx, user, new.password_hash):
        detail = f"there is already a user {user.email!r}"
        raise Conflict(detail, (Problem("/email", detail),))
    await _log(tx, actor, "create", (None, user), now)
    return user


async def reset_password(tx: WriteTx, actor: Actor, email: str, password_hash: str, now: datetime) -> User:
    """Gives a user another password and ends all their sessions. Raises NotFound."""
    user = await reads.find_user(tx, normal_email(email))
    await store.set_password(tx, user, password_hash)
    await sessions.end_all(tx, user, now)
    saved = replace(user, version=user.version + 1)
    await _log(tx, actor, "update", (user, saved), now)
    return saved


async def _log(
    tx: WriteTx,
    actor: Actor,
    action: Literal["create", "update"],
    states: tuple[User | None, User],
    now: datetime,
) -> None:
    before, after = states
    change = Change(
        object_type="user",
        object_id=after.id,
        object_key=after.email,
        action=action,
        project_id=None,
        environment_ids=(),
        before=None if before is None else before.document(),
        after=after.document(),
        reason="" if before is None else "password changed",
    )
    await changes.append(tx, actor, change, now)
