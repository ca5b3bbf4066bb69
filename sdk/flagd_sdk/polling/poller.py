"""One poll at a time, and the daemon thread that repeats it.

A poller belongs to the process that made it: it owns the connection, the lock and the thread, so a forked child leaves
its parent's poller alone and makes its own from the state it inherited. What an answer means is decided in protocol.
"""

from __future__ import annotations

import logging
import queue
import random
import threading
import time
from collections.abc import Callable
from contextlib import suppress

from flagd_sdk.config import Config
from flagd_sdk.polling.pacing import Pace
from flagd_sdk.polling.protocol import NoAnswer, Outcome, State, Step, decide, notice, request_headers
from flagd_sdk.polling.transport import Transport

Publish = Callable[[State], bool]
Announce = Callable[[], None]

_log = logging.getLogger("flagd_sdk")


class Poller:
    """Keeps a state up to date.

    `publish` is told of every new state, in the middle of a poll, and answers False when nobody listens any more.
    `announce` follows after the poll, when another one may be made.
    """

    def __init__(self, config: Config, state: State, publish: Publish, announce: Announce) -> None:
        self.state = state
        self.settled = threading.Event()
        self._config = config
        self._publish = publish
        self._announce = announce
        self._transport = Transport(config)
        # Of our own: an application that seeds the shared one must find it as it left it.
        self._chance = random.Random()  # noqa: S311 (spreads load, keeps no secret)
        self._one_at_a_time = threading.Lock()
        self._stopped = False
        # Rung to end a wait. A SimpleQueue and no Event, since the garbage collector may ring it (see abandon) in the
        # middle of anything, and only this may be entered again by the thread that is inside it.
        self._bell: queue.SimpleQueue[None] = queue.SimpleQueue()
        self._due = time.monotonic()
        self._thread: threading.Thread | None = None
        if state.ruleset is not None or state.refused:
            self.settled.set()

    def start(self) -> None:
        """Run the thread, unless it runs already or there is no point any more. RuntimeError if none can be started."""
        running = self._thread is not None and self._thread.is_alive()
        if running or self._stopped or self.state.refused:
            return
        thread = threading.Thread(target=self._run, name="flagd-poller", daemon=True)
        thread.start()
        self._thread = thread

    def poll(self) -> Outcome:
        """One poll, in the calling thread; waits for one that is under way."""
        with self._one_at_a_time:
            if self._stopped:
                return Outcome.FAILED
            step = self._take_step()
            now = time.monotonic()
            confirmed = step.outcome in (Outcome.APPLIED, Outcome.UNCHANGED)
            self._due = float("inf") if step.wait is None else now + step.wait
            self._tell(step.state._replace(confirmed=now) if confirmed else step.state)
        self._announce()
        return step.outcome

    def stop(self) -> None:
        """End the thread and close the connection; returns at once when called again or by the thread itself."""
        self.abandon()
        self.settled.set()
        thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join(timeout=1.0)
        # A request that is under way keeps its connection; its thread closes it on the way out.
        if self._one_at_a_time.acquire(blocking=False):
            try:
                self._transport.close()
            finally:
                self._one_at_a_time.release()

    def abandon(self) -> None:
        """Ask the thread to end, without waiting: for a client that nobody refers to any more."""
        self._stopped = True
        self._bell.put(None)

    def _run(self) -> None:
        while not (self._stopped or self.state.refused):
            wait = self._due - time.monotonic()
            if wait <= 0:
                self.poll()
                continue
            with suppress(queue.Empty):
                self._bell.get(timeout=min(wait, threading.TIMEOUT_MAX))
        with self._one_at_a_time:
            self._transport.close()

    def _take_step(self) -> Step:
        sent = request_headers(self.state)
        pace = Pace(self._config.poll_interval, self._chance.random(), time.time())
        try:
            return decide(self.state, sent.get("If-None-Match"), self._transport.get(sent), pace)
        except Exception as error:  # noqa: BLE001
            # Whatever this is, it must not end the updates: it is one more poll that went wrong.
            _log.debug("poll raised", exc_info=True)
            unforeseen = NoAnswer("internal", f"{type(error).__name__} in the SDK (logged in full at DEBUG)")
            return decide(self.state, None, unforeseen, pace)

    def _tell(self, state: State) -> None:
        said = notice(self.state, state)
        if said is not None:
            _log.log(said[0], "%s: %s", self._config.url, said[1])
        self.state = state
        if not self._publish(state):
            self._stopped = True
        if state.ruleset is not None or state.refused:
            self.settled.set()
