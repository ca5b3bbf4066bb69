"""A client that is watched: the read API of the SDK, with an event for each evaluation. Decides nothing itself."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import TypeVar

from flagd_core import NO_VALUE, Detail, ErrorCode, Reason
from flagd_core.bucketing import unit_text
from flagd_sdk.config import NAME
from flagd_sdk.context import TARGETING_KEY
from flagd_sdk.exposures import Counts
from flagd_sdk.otel.events import Evaluation, EvaluationEvents
from flagd_sdk.reader import (
    ContextLike,
    FlagReader,
    Structure,
    as_boolean,
    as_float,
    as_integer,
    as_string,
    as_structure,
)
from flagd_sdk.status import Listener, Status

T = TypeVar("T")


class ObservedFlags(FlagReader):
    """Reads from `flags` and emits an event for each evaluation. While nobody receives events, it costs a call or two.

    It is another view of `flags`, which goes on reading without events; closing either closes both.
    """

    def __init__(self, flags: FlagReader, events: EvaluationEvents | None = None) -> None:
        super().__init__()
        self._reader = flags
        self._events = EvaluationEvents() if events is None else events

    def is_enabled(self, flag: str, context: ContextLike = None, default: bool = False) -> bool:
        return self._read(flag, context, default, as_boolean, "a boolean")

    def get_string(self, flag: str, context: ContextLike = None, *, default: str) -> str:
        return self._read(flag, context, default, as_string, "a string")

    def get_int(self, flag: str, context: ContextLike = None, *, default: int) -> int:
        return self._read(flag, context, default, as_integer, "an integer")

    def get_float(self, flag: str, context: ContextLike = None, *, default: float) -> float:
        return self._read(flag, context, default, as_float, "a float")

    def get_object(self, flag: str, context: ContextLike = None, *, default: Structure) -> Structure:
        return self._read(flag, context, default, as_structure, "an object")

    def evaluate(self, flag: str, context: ContextLike = None, *, default: object = None) -> Detail:
        detail = self._reader.evaluate(flag, context, default=default)
        self._tell(flag, context, detail, detail.value)
        return detail

    def evaluate_all(self, context: ContextLike = None) -> dict[str, Detail]:
        """As that of the client, without events: that an answer was made does not mean that anybody was shown it."""
        return self._reader.evaluate_all(context)

    @property
    def revision(self) -> int | None:
        return self._reader.revision

    @property
    def status(self) -> Status:
        return self._reader.status

    def take_counts(self) -> Counts:
        return self._reader.take_counts()

    def on_change(self, listener: Listener) -> Callable[[], None]:
        return self._reader.on_change(listener)

    def ready(self, timeout: float = 5.0) -> bool:
        return self._reader.ready(timeout)

    def refresh(self) -> bool:
        return self._reader.refresh()

    def close(self) -> None:
        self._reader.close()

    def _read(
        self, flag: str, context: ContextLike, default: T, convert: Callable[[object], T | None], wanted: str
    ) -> T:
        detail = self._reader.evaluate(flag, context, default=NO_VALUE)
        value = None if detail.value is NO_VALUE else convert(detail.value)
        if value is not None:
            self._tell(flag, context, detail, value)
            return value
        if detail.value is not NO_VALUE:
            self._fell_back(flag, detail, wanted)
            message = f"the value is not {wanted}"
            detail = Detail(
                default, None, Reason.ERROR, ErrorCode.TYPE_MISMATCH, message, detail.metadata, detail.rule
            )
        self._tell(flag, context, detail, default)
        return default

    def _tell(self, flag: str, context: ContextLike, detail: Detail, value: object) -> None:
        try:
            if self._events.enabled:
                self._events.emit(_evaluation(flag, context, detail, value, self._reader.status))
        except Exception as error:  # noqa: BLE001 (never raise out of an evaluation)
            self._once.say(logging.ERROR, "telemetry", type(error).__name__, "no event was emitted", error)


def _evaluation(flag: str, context: ContextLike, detail: Detail, value: object, status: Status) -> Evaluation:
    code = detail.error_code
    return Evaluation(
        flag,
        value,
        detail.variant,
        detail.reason.value,
        None if code is None else code.value,
        detail.error_message,
        context_id=_targeting_key(context),
        set_id=None if status.revision is None else f"{status.project}/{status.environment}",
        version=detail.metadata.get("version"),
        provider=NAME,
    )


def _targeting_key(context: ContextLike) -> str | None:
    """The text of the targeting key as evaluations see it. Whatever is none stays at home: it may be anything."""
    if isinstance(context, str):
        return unit_text(context)
    return unit_text(context.get(TARGETING_KEY)) if isinstance(context, Mapping) else None
