"""A clock that a test moves by hand."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta


class HandClock:
    """Stands still until it is moved; both of its readings move together."""

    def __init__(self) -> None:
        self._at = datetime(2026, 5, 1, 12, tzinfo=UTC)
        self._seconds = 1000.0

    def now(self) -> datetime:
        """The instant it was moved to."""
        return self._at

    def monotonic(self) -> float:
        """Seconds since some beginning."""
        return self._seconds

    def move(self, by: timedelta) -> None:
        """Lets time pass."""
        self._at += by
        self._seconds += by.total_seconds()
