"""What may be done to API keys, and whose key a text is. Knows nothing of HTTP and of permissions."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from flagd.access import keys, reads, store
from flagd.access.model import ApiKey, KeyKind
from flagd.errors import Invalid, Problem, Unauthenticated
from flagd.infra import changes
from flagd.infra.changes import Actor, Change
from flagd.infra.db import ReadTx, WriteTx
from flagd.infra.ids import new_id
from flagd.projects.model import Environment, Project, name_problems


@dataclass(frozen=True, slots=True)
class NewApiKey:
    """What an API key is created from.

    A server or client key needs its environment and that environment's project; an admin key reaches
    everything, or one project.
    """

    kind: KeyKind
    name: str
    project: Project | None = None
    environment: Environment | None = None
    expires_at: datetime | None = None


async def create_key(tx: WriteTx, actor: Actor, new: NewApiKey, now: datetime) -> tuple[ApiKey, str]:
    """Creates a key; returns it and its text, which is shown once and stored nowhere. Raises Invalid."""
    problems = _problems(new, now)
    if problems:
        raise Invalid(*problems)
    made = keys.make(new.kind)
    key = ApiKey(
        id=new_id(),
        kind=new.kind,
        name=new.name,
        hint=made.hint,
        project_id=None if new.project is None else new.project.id,
        environment_id=None if new.environment is None else new.environment.id,
        project=None if new.project is None else new.project.key,
        environment=None if new.environment is None else new.environment.key,
        created_at=now,
        created_by=actor.name,
        expires_at=new.expires_at,
        revoked_at=None,
        last_used_at=None,
    )
    await store.insert_key(tx, key, made.digest)
    await store.bump_access_revision(tx)
    await _log(tx, actor, "create", (None, key), now)
    return key, made.token


async def revoke_key(tx: WriteTx, actor: Actor, key: ApiKey, now: datetime) -> ApiKey:
    """Takes a key back for ever. Revoking it again changes nothing."""
    if key.revoked or not await store.revoke_key(tx, key.id, now):
        return await reads.find_key(tx, key.id)
    await store.bump_access_revision(tx)
    revoked = replace(key, revoked_at=now)
    await _log(tx, actor, "revoke", (key, revoked), now)
    return revoked


async def admin_key(tx: ReadTx, token: str, now: datetime) -> ApiKey:
    """The admin key with this text. Raises Unauthenticated for one that is unknown, revoked or expired."""
    key = await reads.key_by_digest(tx, keys.digest_of(token))
    if key is None or key.kind != "admin" or not key.usable(now):
        raise Unauthenticated("this API key is not valid here")
    return key


def _problems(new: NewApiKey, now: datetime) -> tuple[Problem, ...]:
    return (*name_problems(new.name, "/name"), *_place_problems(new), *_expiry_problems(new.expires_at, now))


def _place_problems(new: NewApiKey) -> tuple[Problem, ...]:
    if new.kind == "admin":
        if new.environment is not None:
            return (Problem("/environment", "an admin key is not limited to an environment"),)
        return ()
    if new.project is None:
        return (Problem("/project", f"a {new.kind} key needs its project"),)
    if new.environment is None:
        return (Problem("/environment", f"a {new.kind} key needs its environment"),)
    if new.environment.project_id != new.project.id:
        return (Problem("/environment", f"is no environment of the project {new.project.key!r}"),)
    return ()


def _expiry_problems(expires_at: datetime | None, now: datetime) -> tuple[Problem, ...]:
    if expires_at is None:
        return ()
    if expires_at.tzinfo is None:
        return (Problem("/expires_at", "must name its time zone, such as 2030-01-01T00:00:00Z"),)
    return () if expires_at > now else (Problem("/expires_at", "must be in the future"),)


async def _log(
    tx: WriteTx,
    actor: Actor,
    action: Literal["create", "revoke"],
    states: tuple[ApiKey | None, ApiKey],
    now: datetime,
) -> None:
    before, after = states
    change = Change(
        object_type="api_key",
        object_id=after.id,
        object_key=after.name,
        action=action,
        project_id=after.project_id,
        environment_ids=(),  # no answer changes by a key
        before=None if before is None else before.document(),
        after=after.document(),
    )
    await changes.append(tx, actor, change, now)
