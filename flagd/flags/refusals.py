"""What every write is refused for before anything else: an archived object, a version that is no longer current.

Pure; knows no kind of object.
"""

from __future__ import annotations

from typing import Protocol

from flagd.errors import Conflict, Stale


class Archivable(Protocol):
    """An object that can be put away."""

    @property
    def key(self) -> str:
        """Its key."""
        ...

    @property
    def archived(self) -> bool:
        """Whether it is put away."""
        ...


class Versioned(Protocol):
    """An object that counts its writes."""

    @property
    def version(self) -> int:
        """How many there were, the first one included."""
        ...


def refuse_archived(item: Archivable) -> None:
    """Raises Conflict for an object that is closed to changes."""
    if item.archived:
        raise Conflict(f"{item.key!r} is archived; restore it before changing it")


def refuse_stale(key: str, item: Versioned, expected_version: int) -> None:
    """Raises Stale when the caller saw another version than the one there is."""
    if item.version != expected_version:
        detail = f"{key!r} is at version {item.version}, the change is based on version {expected_version}"
        raise Stale(detail, item.version)
