"""Errors by meaning, raised by services and turned into HTTP in one place (infra/http.py).

This module knows nothing of HTTP, of the database, or of any capability.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with what was sent.

    `pointer` is a JSON pointer (RFC 6901) into the request body, "" for the whole body.
    `parameter` names a query, path or header parameter instead, where the body is not at fault.
    """

    pointer: str
    detail: str
    parameter: str | None = None


def first_of(details: Sequence[str]) -> str:
    """One sentence for all of them: the first, and how many more there are. Fifty in one line are read by nobody."""
    more = len(details) - 1
    return f"{details[0]} (and {more} more problem{'s' if more > 1 else ''})" if more else details[0]


class DomainError(Exception):
    """Base of every expected refusal: it carries its meaning and, where known, the fields at fault."""

    def __init__(self, detail: str, problems: tuple[Problem, ...] = ()) -> None:
        super().__init__(detail)
        self.detail = detail
        self.problems = problems


class NotFound(DomainError):
    """There is no such object, or none the principal may see."""


class Malformed(DomainError):
    """The request could not be read at all: broken JSON, an unusable header."""


class TooLarge(DomainError):
    """The request's body is larger than the service accepts."""


class UnsupportedType(DomainError):
    """The body is of a media type that is not read here."""


class Invalid(DomainError):
    """The request was read and its content breaks a rule; `problems` says which and where."""

    def __init__(self, *problems: Problem) -> None:
        super().__init__(first_of([problem.detail for problem in problems]), problems)


class Conflict(DomainError):
    """The request contradicts what exists: a key that is taken, an object that is in use."""


class PreconditionRequired(DomainError):
    """A write to a versioned object came without the version it was based on."""


class Stale(DomainError):
    """The object changed since the version the caller saw; `current_version` is what it is now."""

    def __init__(self, detail: str, current_version: int) -> None:
        super().__init__(detail)
        self.current_version = current_version


class Unauthenticated(DomainError):
    """No credentials, or none that are valid."""


class Refused(DomainError):
    """The principal is known and may not do this."""


class Throttled(DomainError):
    """Too many attempts; `retry_after` is in whole seconds."""

    def __init__(self, detail: str, retry_after: int) -> None:
        super().__init__(detail)
        self.retry_after = retry_after


class Unavailable(DomainError):
    """Something this answer needs (the database, the first snapshot) is not there now; a retry may work."""
