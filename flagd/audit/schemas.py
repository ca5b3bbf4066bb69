"""Entries of the change log as they travel over HTTP."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import BaseModel, Field

from flagd.audit.model import Entry
from flagd.infra.changes import Action, ObjectType


class ActorView(BaseModel):
    """Who wrote: a person, an API key, or the service itself."""

    kind: str
    id: str
    name: str


class ChangeView(BaseModel):
    """One write."""

    id: str
    at: datetime
    actor: ActorView
    action: Action
    object_type: ObjectType
    object_id: str
    object_key: str
    project: str | None = Field(description="The project it was in.")
    environments: dict[str, int] = Field(
        description="The environments it reached, each with the revision it made."
    )
    before: dict[str, Any] | None = Field(description="The object before; null for one that was created.")
    after: dict[str, Any] | None = Field(description="The object after.")
    reason: str

    @classmethod
    def of(cls, entry: Entry) -> ChangeView:
        """What a caller is shown of an entry."""
        return cls(
            id=entry.id,
            at=entry.at,
            actor=ActorView(kind=entry.actor.kind, id=entry.actor.id, name=entry.actor.name),
            action=entry.action,
            object_type=entry.object_type,
            object_id=entry.object_id,
            object_key=entry.object_key,
            project=entry.project,
            environments=dict(entry.revisions),
            before=_ordered(entry.before),
            after=_ordered(entry.after),
            reason=entry.reason,
        )


class ChangeList(BaseModel):
    """A page of the change log, newest first."""

    items: list[ChangeView]
    next_cursor: str | None


def _ordered(value: Any) -> Any:
    """The members of every object by name: `jsonb` keeps no order, and both databases are to answer alike."""
    if isinstance(value, dict):
        return {name: _ordered(value[name]) for name in sorted(value)}
    return [_ordered(item) for item in value] if isinstance(value, list) else value
