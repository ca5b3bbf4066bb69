"""Who is told when something changed. No I/O, no thread of its own.

Whoever notices a change notes it, and has it announced when no lock is held any more.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable

from flagd_sdk.status.values import Change

_log = logging.getLogger("flagd_sdk")

Listener = Callable[[Change], None]


class Listeners:
    """Callbacks, told of each change in the order in which the changes were noted, never two at a time."""

    def __init__(self) -> None:
        self._callbacks: dict[object, Listener] = {}
        self._untold: deque[Change] = deque()
        self.after_fork_in_child()

    def __bool__(self) -> bool:
        return bool(self._callbacks)

    def after_fork_in_child(self) -> None:
        """Replace the locks, which a thread of the parent may have held. Callbacks, and what they missed, stay."""
        self._writing = threading.Lock()
        self._telling = threading.Lock()

    def add(self, callback: Listener) -> Callable[[], None]:
        """Have `callback` told from now on; returns the function that ends it, which may be called twice."""
        ticket = object()
        with self._writing:
            self._callbacks = {**self._callbacks, ticket: callback}

        def remove() -> None:
            with self._writing:
                self._callbacks = {each: kept for each, kept in self._callbacks.items() if each is not ticket}

        return remove

    def note(self, change: Change) -> None:
        """Remember a change until it is announced."""
        self._untold.append(change)

    def announce(self) -> None:
        """Tell what was noted. Returns at once if another thread, or a callback that called us, is telling already."""
        # The loop begins again after the lock was let go: something may have been noted in between, by a thread that
        # then found the lock taken.
        telling = self._telling
        while self._untold and telling.acquire(blocking=False):
            try:
                while self._untold:
                    self._tell(self._untold[0])
                    # Only now: a child forked in the meantime would otherwise never tell it.
                    self._untold.popleft()
            finally:
                telling.release()

    def _tell(self, change: Change) -> None:
        for ticket, callback in self._callbacks.items():
            if ticket not in self._callbacks:
                continue
            try:
                callback(change)
            except Exception as error:  # noqa: BLE001 (neither the others nor the polling may suffer for it)
                _log.error("a listener of on_change raised", exc_info=error)
