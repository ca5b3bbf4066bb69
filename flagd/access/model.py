"""Users, sessions and API keys as values, and the rules they keep.

Pure: no database, no framework, no clock.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Literal

from flagd.errors import Problem

KeyKind = Literal["admin", "server", "client"]

EMAIL_LENGTH: Final = 320
PASSWORD_MIN: Final = 12
PASSWORD_MAX: Final = 1024
"""In characters. The upper bound keeps a caller from having megabytes hashed."""

SESSION_LIFETIME: Final = timedelta(days=7)
"""How long a session lives at the most, however much it is used."""

SESSION_IDLE: Final = timedelta(hours=12)
"""How long a session lives without being used."""

SESSION_TOUCH: Final = timedelta(minutes=1)
"""How far behind the stored time of last use may be: not every request is a write."""

_EMAIL: Final = re.compile(r"[^@\s\x00-\x1f\x7f]+@[^@\s\x00-\x1f\x7f]+")


@dataclass(frozen=True, slots=True)
class ApiKey:
    """An API key without its secret. `project` and `environment` are the keys of what it is limited to."""

    id: str
    kind: KeyKind
    name: str
    hint: str
    project_id: str | None
    environment_id: str | None
    project: str | None
    environment: str | None
    created_at: datetime
    created_by: str
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None

    @property
    def revoked(self) -> bool:
        """Whether it was taken back."""
        return self.revoked_at is not None

    def usable(self, now: datetime) -> bool:
        """Whether it opens anything at this instant."""
        return not self.revoked and (self.expires_at is None or now < self.expires_at)

    def document(self) -> dict[str, Any]:
        """The key as the change log keeps it."""
        return {
            "kind": self.kind,
            "name": self.name,
            "hint": self.hint,
            "project": self.project,
            "environment": self.environment,
            "expires_at": None if self.expires_at is None else self.expires_at.isoformat(),
            "revoked": self.revoked,
        }


@dataclass(frozen=True, slots=True)
class User:
    """A person. The password's hash is nowhere but in `Credentials`."""

    id: str
    email: str
    name: str
    version: int
    created_at: datetime
    disabled_at: datetime | None

    def document(self) -> dict[str, Any]:
        """The user as the change log keeps them."""
        return {
            "email": self.email,
            "name": self.name,
            "disabled": self.disabled_at is not None,
            "version": self.version,
        }


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a password is compared with."""

    user: User
    password_hash: str


@dataclass(frozen=True, slots=True)
class Session:
    """Someone signed in. Ends with `expires_at`, after `SESSION_IDLE` without use, or when it is ended."""

    id: str
    user: User
    created_at: datetime
    expires_at: datetime
    last_seen_at: datetime

    def alive(self, now: datetime) -> bool:
        """Whether it still counts, by its two times."""
        return now < self.expires_at and now < self.last_seen_at + SESSION_IDLE

    def needs_touch(self, now: datetime) -> bool:
        """Whether its time of last use should be written again."""
        return now >= self.last_seen_at + SESSION_TOUCH


def normal_email(text: str) -> str:
    """The one spelling under which an address is kept: composed, lower case, without spaces around it."""
    return unicodedata.normalize("NFC", text.strip()).lower()


def email_problems(email: str, pointer: str) -> tuple[Problem, ...]:
    """What keeps a text from being an address; whether it receives mail, only mail can tell."""
    if len(email) > EMAIL_LENGTH or _EMAIL.fullmatch(email) is None or not email.isprintable():
        return (Problem(pointer, f"must be an email address of at most {EMAIL_LENGTH} characters"),)
    return ()


def password_problems(password: str, pointer: str) -> tuple[Problem, ...]:
    """What keeps a text from being a password: length alone, as NIST SP 800-63B has it."""
    if not PASSWORD_MIN <= len(password) <= PASSWORD_MAX:
        return (Problem(pointer, f"must have {PASSWORD_MIN} to {PASSWORD_MAX} characters"),)
    return ()
