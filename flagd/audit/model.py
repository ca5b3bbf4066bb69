"""Entries of the change log as values, and which of them are wanted.

Pure: no database, no framework, no clock.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from flagd.infra.changes import Action, Actor, Document, ObjectType
from flagd.infra.paging import DEFAULT_LIMIT


@dataclass(frozen=True, slots=True)
class Entry:
    """One write. `project` is the key of the project it was in; `revisions` the one it made of each environment."""

    id: str
    at: datetime
    actor: Actor
    action: Action
    object_type: ObjectType
    object_id: str
    object_key: str
    project: str | None
    revisions: Mapping[str, int]
    before: Document | None
    after: Document | None
    reason: str


@dataclass(frozen=True, slots=True)
class ChangeQuery:
    """Which entries are wanted: all of the conditions given must hold."""

    limit: int = DEFAULT_LIMIT
    cursor: str | None = None
    project_id: str | None = None
    environment_id: str | None = None
    object_type: ObjectType | None = None
    object_key: str | None = None
