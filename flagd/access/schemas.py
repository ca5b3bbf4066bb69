"""API keys as they travel over HTTP."""

from __future__ import annotations

from datetime import datetime

from pydantic import AwareDatetime, BaseModel, Field

from flagd.access.model import ApiKey, KeyKind
from flagd.projects.schemas import Body, Key, Name


class ApiKeyCreate(Body):
    """A new API key.

    A server or client key needs `project` and `environment`. An admin key reaches everything, or one
    `project`.
    """

    kind: KeyKind
    name: Name
    project: Key | None = None
    environment: Key | None = None
    expires_at: AwareDatetime | None = None


class ApiKeyView(BaseModel):
    """An API key without its text; `hint` is the last characters of it."""

    id: str
    kind: KeyKind
    name: str
    hint: str
    project: str | None
    environment: str | None
    created_at: datetime
    created_by: str
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None = Field(description="Written every few seconds, not at once.")

    @classmethod
    def of(cls, key: ApiKey) -> ApiKeyView:
        """What a caller is shown of a key."""
        return cls.model_validate(key, from_attributes=True)


class ApiKeyCreated(ApiKeyView):
    """A key that was just made, with its text: the only time it is shown."""

    token: str = Field(repr=False)


class ApiKeyList(BaseModel):
    """A page of API keys."""

    items: list[ApiKeyView]
    next_cursor: str | None
