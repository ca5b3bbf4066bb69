"""API keys as they travel over HTTP."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Annotated, Final

from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, Field

from flagd.access.model import ApiKey, KeyKind
from flagd.projects.schemas import Body, Key, Name

LAST_YEAR: Final = 9998
"""Later instants cannot be said in every time zone, so no driver has to read them."""

_DATE: Final = re.compile(r"\d{4}-\d\d-\d\d[Tt ]", re.ASCII)


def _written_out(value: object) -> object:
    if not isinstance(value, str) or _DATE.match(value) is None:
        raise ValueError("must be a date and time as text, such as 2030-01-01T00:00:00Z")
    return value


def _in_utc(value: datetime) -> datetime:
    # Years first: in UTC the last hours of the year 9999 may lie beyond what can be said at all.
    if not 1 < value.year <= LAST_YEAR:
        raise ValueError(f"must be in the years 2 to {LAST_YEAR}")
    return value.astimezone(UTC)


Instant = Annotated[AwareDatetime, BeforeValidator(_written_out), AfterValidator(_in_utc)]


class ApiKeyCreate(Body):
    """A new API key.

    A server or client key needs `project` and `environment`. An admin key reaches everything, or one
    `project`.
    """

    kind: KeyKind
    name: Name
    project: Key | None = None
    environment: Key | None = None
    expires_at: Instant | None = None


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
