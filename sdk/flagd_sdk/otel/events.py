"""The event `feature_flag.evaluation`, as OpenTelemetry's semantic conventions name its attributes since 1.40.

The names are written here and not taken from opentelemetry-semantic-conventions, whose module for them is unstable.
Knows neither a flag client nor OpenFeature: it is given what an evaluation came to.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Final, NamedTuple

from opentelemetry._logs import LoggerProvider, get_logger
from opentelemetry.util.types import AnyValue

from flagd_core.model import MAX_VALUE_NESTING
from flagd_sdk.config import VERSION

EVENT_NAME: Final = "feature_flag.evaluation"
SCHEMA_URL: Final = "https://opentelemetry.io/schemas/1.40.0"

KEY: Final = "feature_flag.key"
VARIANT: Final = "feature_flag.result.variant"
VALUE: Final = "feature_flag.result.value"
REASON: Final = "feature_flag.result.reason"
ERROR_TYPE: Final = "error.type"
ERROR_MESSAGE: Final = "feature_flag.error.message"
CONTEXT_ID: Final = "feature_flag.context.id"
PROVIDER_NAME: Final = "feature_flag.provider.name"
SET_ID: Final = "feature_flag.set.id"
FLAG_VERSION: Final = "feature_flag.version"


class Evaluation(NamedTuple):
    """What an evaluation came to; `value` is what the application got, its own default included.

    reason, error_code: OpenFeature's words;  context_id: for whom;  set_id: what the flag belongs to
    """

    flag: str
    value: object
    variant: str | None
    reason: str | None
    error_code: str | None = None
    error_message: str | None = None
    context_id: str | None = None
    set_id: str | None = None
    version: object = None
    provider: str | None = None


class EvaluationEvents:
    """Emits evaluations as log events.

    logger_provider   where to; None takes the application's global one, also one that is set later
    values            put the value into every event, not only where there is no variant to name it
    context_ids       put the targeting key into events; it may be what identifies a person
    """

    def __init__(
        self,
        logger_provider: LoggerProvider | None = None,
        *,
        values: bool = False,
        context_ids: bool = True,
    ) -> None:
        self._logger = get_logger("flagd_sdk", VERSION, logger_provider, SCHEMA_URL)
        self._values = values
        self._context_ids = context_ids

    @property
    def enabled(self) -> bool:
        """Whether anybody receives the events; without, there is no need to emit any."""
        # OpenTelemetry before 1.45 cannot be asked.
        ask = getattr(self._logger, "enabled", None)
        return ask is None or bool(ask(event_name=EVENT_NAME))

    def emit(self, evaluation: Evaluation) -> None:
        """Emit one event, with the trace and span that are current."""
        self._logger.emit(
            timestamp=time.time_ns(), event_name=EVENT_NAME, attributes=self._attributes(evaluation)
        )

    def _attributes(self, evaluation: Evaluation) -> Mapping[str, AnyValue]:
        failed = evaluation.error_code is not None
        attributes: dict[str, AnyValue | None] = {
            KEY: evaluation.flag,
            REASON: (evaluation.reason or "unknown").lower(),
            VARIANT: evaluation.variant or None,
            ERROR_TYPE: evaluation.error_code.lower() if evaluation.error_code else None,
            ERROR_MESSAGE: evaluation.error_message if failed else None,
            CONTEXT_ID: evaluation.context_id if self._context_ids else None,
            PROVIDER_NAME: evaluation.provider,
            SET_ID: evaluation.set_id,
            FLAG_VERSION: None if evaluation.version is None else str(evaluation.version),
        }
        if self._values or not evaluation.variant:
            attributes[VALUE] = _exportable(evaluation.value)
        return {name: value for name, value in attributes.items() if value is not None}


def _exportable(value: object, around: tuple[int, ...] = ()) -> AnyValue:
    """A value as it may travel. A default may be anything at all: what JSON does not have is named by its type.

    So is what lies deeper than any value of a flag, or contains itself. `around`: the containers that it lies in.
    """
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if len(around) <= MAX_VALUE_NESTING and id(value) not in around:
        within = (*around, id(value))
        if isinstance(value, dict):
            return {_name(name): _exportable(each, within) for name, each in value.items()}
        if isinstance(value, list):
            return [_exportable(each, within) for each in value]
    return type(value).__name__


def _name(name: object) -> str:
    return name if isinstance(name, str) else type(name).__name__
