"""What the hosting process does to us: forks, and servers that switch threads off. Knows nothing of flags or HTTP.

A fork copies the one thread that forks; locks held by any other thread stay locked in the child for ever, import
locks included. So everything that holds a lock, a socket or a thread is rebuilt in the child, and an import by our
thread makes a fork wait until it is done.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

_log = logging.getLogger("flagd_sdk")
_LONGEST_IMPORT = 5.0


class ForkAware(Protocol):
    def after_fork_in_child(self) -> None:
        """Drop what belongs to the parent, without using any of it."""


class _Process:
    """What there is one of per process: forks and import locks are process-wide, so this is too."""

    def __init__(self) -> None:
        self.import_lock = threading.RLock()
        self.uwsgi_warned = False


_process = _Process()
_followers: weakref.WeakSet[ForkAware] = weakref.WeakSet()


def follow_forks(follower: ForkAware) -> None:
    """Have `follower.after_fork_in_child()` called in every forked child, for as long as it lives."""
    _followers.add(follower)


@contextmanager
def importing() -> Iterator[None]:
    """Import inside this block from a background thread: forks wait for its end, so no child sees half a module."""
    with _process.import_lock:
        yield


def forks_unseen() -> bool:
    """Whether this process may fork without Python's fork hooks being run (uWSGI does, unless told otherwise)."""
    return "uwsgi" in sys.modules


def warn_if_threads_are_off() -> None:
    """Say once per process that uWSGI runs without threads, in which case no poller will ever run."""
    options = getattr(sys.modules.get("uwsgi"), "opt", None)
    if options is None or _process.uwsgi_warned:
        return
    if not any(_switched_on(name, value) for name, value in options.items()):
        _process.uwsgi_warned = True
        _log.warning("uWSGI runs without enable-threads: flags will not be updated; add --enable-threads")


def _switched_on(name: str | bytes, value: object) -> bool:
    """Whether this uWSGI option gives Python threads: `threads = 4`, `enable-threads`, `enable-threads = true`."""
    plain = [part.decode() if isinstance(part, bytes) else str(part) for part in (name, value)]
    return plain[0] in ("threads", "enable-threads") and plain[1].lower() not in ("false", "no", "off", "0")


def _before_fork() -> None:
    _process.import_lock.acquire(timeout=_LONGEST_IMPORT)


def _after_fork_in_parent() -> None:
    try:
        _process.import_lock.release()
    except RuntimeError:
        _log.debug("forked without waiting for an import")


def _after_fork_in_child() -> None:
    # The lock is replaced, not released: some servers run this hook without having run the one before the fork.
    _process.import_lock = threading.RLock()
    for follower in list(_followers):
        follower.after_fork_in_child()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_before_fork,
        after_in_parent=_after_fork_in_parent,
        after_in_child=_after_fork_in_child,
    )
