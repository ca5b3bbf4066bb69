"""The polling client: holds a snapshot, keeps it fresh from a daemon thread, and answers from it in-process.

Wiring only: what an answer means is in protocol, how it travels in transport, when in poller, reading in reader.
Everything with a lock, a thread or a socket is rebuilt in a forked child; the snapshot itself is inherited.
"""

from __future__ import annotations

import json
import logging
import os
import threading
import time
import weakref
from collections.abc import Callable, Mapping
from types import TracebackType

from flagd_core import ErrorCode, Host
from flagd_core.model import thawed
from flagd_sdk.config import Config, HttpOptions
from flagd_sdk.errors import ConfigurationError
from flagd_sdk.exposures import Counts, Exposures
from flagd_sdk.host import follow_forks, forks_unseen, warn_if_threads_are_off
from flagd_sdk.polling.poller import Announce, Poller, Publish
from flagd_sdk.polling.protocol import Outcome, State, changed_flags, from_bootstrap, tells_apart
from flagd_sdk.reader import FlagReader
from flagd_sdk.status import Change, Listener, Listeners, Status

Bootstrap = str | os.PathLike[str] | Mapping[str, object]

_log = logging.getLogger("flagd_sdk")


class FlagClient(FlagReader):
    """Flags of one environment, evaluated in-process. Make one per process and share it between threads.

    Nothing happens until the first use: then a daemon thread begins to poll. ConfigurationError for arguments that
    cannot work; after that nothing raises.
    """

    def __init__(
        self,
        url: str,
        key: str,
        *,
        poll_interval: float = 10.0,
        timeout: float = 10.0,
        bootstrap: Bootstrap | None = None,
        http: HttpOptions | None = None,
    ) -> None:
        super().__init__()
        self._config = Config(url, key, poll_interval, timeout, http)
        self._closed = False
        self._poller: Poller | None = None
        self._abandonment: weakref.finalize[[], FlagClient] | None = None
        self._lock = threading.Lock()
        self._pid = os.getpid()
        self._exposures = Exposures()
        host = Host(time.time, self._exposures.counter)
        self._state = State(host=host)
        self.take(self._state if bootstrap is None else _held(bootstrap, host))
        self._asleep = True
        follow_forks(self)

    @property
    def revision(self) -> int | None:
        """The revision of the snapshot that answers now; None while there is none."""
        ruleset = self._state.ruleset
        return None if ruleset is None else ruleset.revision

    @property
    def status(self) -> Status:
        return self._status_of(self._state)

    def _status_of(self, state: State) -> Status:
        ruleset, confirmed = state.ruleset, state.confirmed
        return Status(
            state=self._state_name(state),
            source=state.source.value,
            project=None if ruleset is None else ruleset.project,
            environment=None if ruleset is None else ruleset.environment,
            lineage=None if ruleset is None else ruleset.lineage,
            revision=None if ruleset is None else ruleset.revision,
            age=None if confirmed is None else time.monotonic() - confirmed,
            failures=state.failures,
            problem=None if state.problem is None else state.problem.detail,
        )

    def ready(self, timeout: float = 5.0) -> bool:
        """Wait at most `timeout` seconds for a snapshot; whether there is one (a bootstrap counts)."""
        self._notice_unseen_fork()
        with self._lock:
            poller = self._start()
        if poller is not None:
            poller.settled.wait(timeout)
        return self._state.ruleset is not None

    def refresh(self) -> bool:
        """Poll once, now, in this thread; whether the server confirmed what is held or sent something newer.

        For tests and scripts. Takes up to `timeout` seconds, and that of a poll already under way.
        """
        self._notice_unseen_fork()
        with self._lock:
            if self._closed:
                return False
            poller = self._own_poller()
        outcome = poller.poll()
        # The thread may have ended for a refused key which is accepted now: the next use looks after it.
        self._asleep = True
        return outcome in (Outcome.APPLIED, Outcome.UNCHANGED)

    def take_counts(self) -> Counts:
        """How often each flag answered with each variant, by (flag, variant), since the last call in this process.

        Every evaluation is counted once, whatever thread it was in; those of a forked child are the child's own.
        Counted is what the flag answered, whatever the caller made of it: a flag that was read as another type counts
        under its variant, though the caller got the default. The variant is None where the flag had no value. Flags
        that do not exist are not counted.
        """
        self._notice_unseen_fork()
        return self._exposures.take()

    def on_change(self, listener: Listener) -> Callable[[], None]:
        stop = super().on_change(listener)
        # Whoever wants to know of changes uses the client: without polling there would be none.
        if self._asleep:
            self._wake()
        return stop

    def close(self) -> None:
        """Stop polling. Evaluations go on from the last snapshot. Safe to call twice, and from several threads.

        Listeners are told of it, by this thread, and of nothing more after it.
        """
        self._notice_unseen_fork()
        with self._lock:
            before = None if self._closed else self.status
            self._closed = True
            self._asleep = False
            poller, self._poller = self._poller, None
        if poller is not None:
            poller.stop()
        if before is not None and self._listeners:
            self._listeners.note(Change(frozenset(), before, self.status))
        self._listeners.announce()

    def __enter__(self) -> FlagClient:  # noqa: PYI034 (typing.Self needs Python 3.11)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<FlagClient {self._config.url} {self._state_name(self._state)} revision={self.revision}>"

    def after_fork_in_child(self) -> None:
        """Forget the parent's thread, lock and connection; the next use starts our own. Called by the fork hook."""
        self._pid = os.getpid()
        self._lock = threading.Lock()
        self._listeners.after_fork_in_child()
        self._exposures.after_fork_in_child()
        self._poller = None
        self._state = self._state._replace(confirmed=None)
        if self._abandonment is not None:
            self._abandonment.detach()
        self._asleep = True

    def _wake(self) -> None:
        self._notice_unseen_fork()
        # Never waits: whoever holds the lock is starting, refreshing or closing, all of which lead to the same end.
        lock = self._lock
        if lock.acquire(blocking=False):
            try:
                self._start()
            finally:
                lock.release()

    def _start(self) -> Poller | None:
        """Have a poller run in this process, unless closed. The lock is held."""
        self._asleep = forks_unseen() and not self._closed
        if self._closed:
            return None
        warn_if_threads_are_off()
        poller = self._own_poller()
        try:
            poller.start()
        except RuntimeError as error:
            self._once.say(logging.ERROR, "flags", "thread", f"cannot start the polling thread: {error}")
        return poller

    def _own_poller(self) -> Poller:
        if self._poller is None:
            self._poller = Poller(self._config, self._state, *_audience(self, self._listeners))
            self._abandonment = weakref.finalize(self, self._poller.abandon)
        return self._poller

    def _no_data(self) -> tuple[ErrorCode, str]:
        state = self._state
        if not state.refused:
            return super()._no_data()
        return (
            ErrorCode.PROVIDER_FATAL,
            "the key is refused" if state.problem is None else state.problem.detail,
        )

    def _notice_unseen_fork(self) -> None:
        if self._pid != os.getpid():
            self.after_fork_in_child()

    def take(self, state: State) -> None:
        """Put a state in force. For the poller, which calls it from one thread at a time."""
        if self._closed:
            return
        before, self._state = self._state, state
        if state.ruleset is not None:
            self._flags = state.ruleset.flags
            self._has_data = True
        if self._listeners and tells_apart(before, state):
            flags = changed_flags(before.ruleset, state.ruleset)
            self._listeners.note(Change(flags, self._status_of(before), self._status_of(state)))

    def _state_name(self, state: State) -> str:
        if self._closed:
            return "CLOSED"
        if state.refused:
            return "FATAL"
        if state.ruleset is None:
            return "NOT_READY"
        return "STALE" if state.failures else "READY"


def _audience(client: FlagClient, listeners: Listeners) -> tuple[Publish, Announce]:
    """Hands states to the client without keeping it alive: a client nobody refers to must not poll for ever."""
    owner, told = weakref.ref(client), weakref.ref(listeners)

    def publish(state: State) -> bool:
        listener = owner()
        if listener is None:
            return False
        listener.take(state)
        return True

    def announce() -> None:
        still_there = told()
        if still_there is not None:
            still_there.announce()

    return publish, announce


def _held(bootstrap: Bootstrap, host: Host) -> State:
    """The state of a client that starts from a document, which stays the caller's, or from a file that holds one."""
    try:
        if isinstance(bootstrap, Mapping):
            document = {name: thawed(value) for name, value in bootstrap.items()}
        else:
            # Imported here: it is slow to, and a client without a file does not need it.
            from pathlib import Path

            document = json.loads(Path(bootstrap).read_bytes())
        return from_bootstrap(document, host)
    except (OSError, ValueError, RecursionError) as error:
        raise ConfigurationError(f"the bootstrap cannot be used: {error}") from error
