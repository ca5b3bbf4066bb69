"""Pages of a list: an opaque cursor in, the next one out. Never offsets, which skip and repeat under writes."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from typing import Annotated, Any, Final, Generic, TypeVar

import orjson
from fastapi import Query

from flagd.errors import Invalid, Problem

T = TypeVar("T")

DEFAULT_LIMIT: Final = 50
MAX_LIMIT: Final = 100
MAX_CURSOR_LENGTH: Final = 2048
_BIGINT: Final = 2**63

Limit = Annotated[int, Query(ge=1, le=MAX_LIMIT, description="How many items at the most.")]
Cursor = Annotated[
    str | None, Query(max_length=MAX_CURSOR_LENGTH, description="`next_cursor` of the page before; opaque.")
]


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Some items of a list, and where the rest begins (None: there is no more)."""

    items: list[T]
    next_cursor: str | None


def encode_cursor(position: dict[str, Any]) -> str:
    """The place of the last item shown, as text that callers must not read into."""
    return base64.urlsafe_b64encode(orjson.dumps(position)).decode().rstrip("=")


def decode_cursor(cursor: str | None, *names: str) -> dict[str, Any] | None:
    """The position in a cursor, or None without one; refuses a text that `encode_cursor` did not make.

    `names` are the members the position must have, each a string or an integer.
    """
    if cursor is None:
        return None
    try:
        position = orjson.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (binascii.Error, ValueError):
        position = None
    if not isinstance(position, dict) or not all(_plausible(position.get(name)) for name in names):
        raise forged_cursor()
    return position


def forged_cursor() -> Invalid:
    """What a list raises for a position that it never gave out."""
    return Invalid(Problem("", "this is not a cursor that this list gave out", parameter="cursor"))


def _plausible(value: object) -> bool:
    """Whether a database can be asked about it at all; what it means is the list's own matter."""
    if isinstance(value, str):
        return "\0" not in value
    return isinstance(value, int) and abs(value) < _BIGINT


def page_of(rows: list[T], limit: int, cursor_of: Any) -> Page[T]:
    """A page from up to `limit + 1` rows: the extra row only tells that there is more."""
    if len(rows) <= limit:
        return Page(rows, None)
    shown = rows[:limit]
    return Page(shown, encode_cursor(cursor_of(shown[-1])))
