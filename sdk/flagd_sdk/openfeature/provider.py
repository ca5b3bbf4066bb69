"""The provider: an OpenFeature API over a flagd client, with its life cycle and events.

Evaluation is the client's, types and words are in answers. This module says when there are flags, and tells of changes.

OpenFeature's SDK announces READY or ERROR itself when `initialize` ends, and would have handlers run twice if the
provider did so too: the provider tells of what happens on its own, after that.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeVar

from openfeature.evaluation_context import EvaluationContext
from openfeature.event import ProviderEvent, ProviderEventDetails
from openfeature.exception import ErrorCode, ProviderFatalError, ProviderNotReadyError
from openfeature.flag_evaluation import FlagResolutionDetails, FlagValueType
from openfeature.hook import Hook
from openfeature.provider import AbstractProvider, Metadata

from flagd_core import NO_VALUE
from flagd_sdk.client import FlagClient
from flagd_sdk.config import NAME
from flagd_sdk.errors import ConfigurationError
from flagd_sdk.host import follow_forks
from flagd_sdk.openfeature.answers import (
    BOOLEAN,
    FLOAT,
    INTEGER,
    OBJECT,
    STRING,
    Kind,
    context_of,
    failure,
    resolution,
)
from flagd_sdk.reader import FlagReader
from flagd_sdk.status import Change, Status

T = TypeVar("T")
Structure = Sequence[FlagValueType] | Mapping[str, FlagValueType]

_EVENTS: Final = {
    "READY": ProviderEvent.PROVIDER_READY,
    "STALE": ProviderEvent.PROVIDER_STALE,
    "FATAL": ProviderEvent.PROVIDER_ERROR,
}
"""What is emitted when the client comes into a state. Only a new provider has no flags, and it has said so."""


class FlagdProvider(AbstractProvider):
    """`FlagdProvider(url, key, **options)` has a client of its own, which takes the options of `FlagClient`.

    `FlagdProvider(client)` reads from a client, or from `FakeFlags`, that stays the application's: it is neither
    started before nor closed after its time.

    ready_timeout    seconds that `initialize` waits for flags
    hooks            run at every evaluation through this provider
    announce_start   emit READY or ERROR when `initialize` ends; for an OpenFeature SDK that leaves this to providers
    """

    def __init__(
        self,
        client: FlagReader | str,
        key: str | None = None,
        *,
        ready_timeout: float = 10.0,
        hooks: Sequence[Hook] = (),
        announce_start: bool = False,
        **options: Any,
    ) -> None:
        super().__init__()
        self._open: Callable[[], FlagReader] | None = None
        self._client: FlagReader
        if isinstance(client, str):
            self._open = lambda: FlagClient(client, key or "", **options)
            self._client = self._open()
        elif key is not None or options:
            raise ConfigurationError("a key and options are for a provider that makes its own client")
        else:
            self._client = client
        self._ready_timeout = ready_timeout
        self._announce_start = announce_start
        self._hooks = list(hooks)
        self._flag_set: str | None = None
        self._stop_listening: Callable[[], None] | None = None
        # The last state that was announced; None while initialize runs, and what it waits for is its own to tell.
        self._announced: str | None = None
        self._lock = threading.Lock()
        follow_forks(self)

    @property
    def client(self) -> FlagReader:
        """What the provider reads from."""
        return self._client

    def get_metadata(self) -> Metadata:
        # Not "flagd": that is the name of another project's provider, and telemetry would mix them up.
        return Metadata(name=NAME)

    def get_provider_hooks(self) -> list[Hook]:
        return self._hooks

    def initialize(self, evaluation_context: EvaluationContext) -> None:
        """Wait for flags. ProviderFatalError if the key is refused, ProviderNotReadyError if none came in time."""
        with self._lock:
            if self._stop_listening is None:
                if self._client.status.state == "CLOSED" and self._open is not None:
                    self._client = self._open()
                self._stop_listening = self._client.on_change(self._heard)
            self._announced = None
            client = self._client
        ready = client.ready(self._ready_timeout)
        with self._lock:
            status = client.status
            self._flag_set = _flag_set(status)
            # Flags may have come since, and nobody would tell of them any more.
            ready = ready or status.revision is not None
            self._announced = "READY" if ready else status.state
        if self._announce_start:
            self.emit(_EVENTS["READY"] if ready else ProviderEvent.PROVIDER_ERROR, _details(status))
        if not ready:
            raise _failed(status, self._ready_timeout)

    def shutdown(self) -> None:
        """Back to where it began: `initialize` may follow. Safe to call twice."""
        with self._lock:
            stop, self._stop_listening = self._stop_listening, None
            self._announced = None
        if stop is not None:
            stop()
        if self._open is not None:
            self._client.close()

    def after_fork_in_child(self) -> None:
        """Replace the lock, which a thread of the parent may have held. Called by the fork hook."""
        self._lock = threading.Lock()

    def resolve_boolean_details(
        self, flag_key: str, default_value: bool, evaluation_context: EvaluationContext | None = None
    ) -> FlagResolutionDetails[bool]:
        return self._resolve(BOOLEAN, flag_key, default_value, evaluation_context)

    def resolve_string_details(
        self, flag_key: str, default_value: str, evaluation_context: EvaluationContext | None = None
    ) -> FlagResolutionDetails[str]:
        return self._resolve(STRING, flag_key, default_value, evaluation_context)

    def resolve_integer_details(
        self, flag_key: str, default_value: int, evaluation_context: EvaluationContext | None = None
    ) -> FlagResolutionDetails[int]:
        return self._resolve(INTEGER, flag_key, default_value, evaluation_context)

    def resolve_float_details(
        self, flag_key: str, default_value: float, evaluation_context: EvaluationContext | None = None
    ) -> FlagResolutionDetails[float]:
        return self._resolve(FLOAT, flag_key, default_value, evaluation_context)

    def resolve_object_details(
        self, flag_key: str, default_value: Structure, evaluation_context: EvaluationContext | None = None
    ) -> FlagResolutionDetails[Structure]:
        return self._resolve(OBJECT, flag_key, default_value, evaluation_context)

    def _resolve(
        self, kind: Kind, flag: str, default: T, context: EvaluationContext | None
    ) -> FlagResolutionDetails[T]:
        if self._stop_listening is None:
            return failure(default, ErrorCode.PROVIDER_NOT_READY, "the provider is not initialized")
        detail = self._client.evaluate(flag, context_of(context), default=NO_VALUE)
        return resolution(detail, default, kind, flag, self._flag_set)

    def _heard(self, change: Change) -> None:
        """Tell OpenFeature what changed. Called by one thread at a time.

        The lock is held while telling, so that nothing is told after `shutdown`. OpenFeature runs handlers elsewhere.
        """
        with self._lock:
            if self._announced is None:
                return
            after = change.after
            self._flag_set = _flag_set(after)
            event = _event(after)
            if after.state != self._announced and event is not None:
                self._announced = after.state
                self.emit(event, _details(after))
            if change.flags and change.before.revision is not None:
                changed = _details(after, sorted(change.flags))
                self.emit(ProviderEvent.PROVIDER_CONFIGURATION_CHANGED, changed)


def _event(status: Status) -> ProviderEvent | None:
    """What it is to OpenFeature that the client is in this state."""
    if status.state != "CLOSED":
        return _EVENTS.get(status.state)
    # Closed by the application, which it may be before the provider is shut down. What it holds goes on answering.
    return ProviderEvent.PROVIDER_ERROR if status.revision is None else ProviderEvent.PROVIDER_STALE


def _flag_set(status: Status) -> str | None:
    return None if status.revision is None else f"{status.project}/{status.environment}"


def _details(status: Status, flags: list[str] | None = None) -> ProviderEventDetails:
    closed = status.state == "CLOSED"
    fatal = status.state == "FATAL" or (closed and status.revision is None)
    return ProviderEventDetails(
        flags_changed=flags,
        message="the client was closed" if closed else status.problem,
        error_code=ErrorCode.PROVIDER_FATAL if fatal else None,
        metadata={} if status.revision is None else {"revision": status.revision},
    )


def _failed(status: Status, seconds: float) -> Exception:
    """What `initialize` raises when there are no flags."""
    if status.state == "FATAL":
        return ProviderFatalError(status.problem)
    if status.state == "CLOSED":
        return ProviderFatalError("the client was closed before it had flags")
    why = "" if status.problem is None else f": {status.problem}"
    return ProviderNotReadyError(f"there are no flags after {seconds:g} s, and polling goes on{why}")
