"""An OpenFeature hook that emits an event for each evaluation, whichever provider answered.

OpenFeature's own helper for such events writes attribute names that are no longer in use.
"""

from __future__ import annotations

from openfeature.exception import ErrorCode
from openfeature.flag_evaluation import FlagEvaluationDetails, FlagValueType
from openfeature.hook import Hook, HookContext, HookHints

from flagd_core.bucketing import unit_text
from flagd_sdk.otel.events import Evaluation, EvaluationEvents

_CONTEXT_ID = "contextId"
_FLAG_SET = "flagSetId"
_VERSION = "version"


class TelemetryHook(Hook):
    """`api.add_hooks([TelemetryHook()])` for all evaluations; or give it to a client or to a provider."""

    def __init__(self, events: EvaluationEvents | None = None) -> None:
        self._events = EvaluationEvents() if events is None else events

    def finally_after(
        self, hook_context: HookContext, details: FlagEvaluationDetails[FlagValueType], hints: HookHints
    ) -> None:
        """Emit; runs after every evaluation, failed ones included."""
        if self._events.enabled:
            self._events.emit(_evaluation(hook_context, details))


def _evaluation(hook_context: HookContext, details: FlagEvaluationDetails[FlagValueType]) -> Evaluation:
    metadata = details.flag_metadata
    # What is no key, such as an object, is not told of: it may be anything.
    named = unit_text(metadata.get(_CONTEXT_ID)) or unit_text(hook_context.evaluation_context.targeting_key)
    flag_set = metadata.get(_FLAG_SET)
    provider = hook_context.provider_metadata
    code = details.error_code
    if code is None and details.reason == "ERROR":
        code = ErrorCode.GENERAL
    return Evaluation(
        details.flag_key,
        details.value,
        details.variant,
        details.reason,
        code,
        details.error_message,
        context_id=named,
        set_id=None if flag_set is None else str(flag_set),
        version=metadata.get(_VERSION),
        provider=None if provider is None else provider.name,
    )
