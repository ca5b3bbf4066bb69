"""Evaluations as OpenTelemetry events. Needs `flagd-sdk[otel]`, and an OpenTelemetry SDK that the application set up.

    from flagd_sdk.otel import ObservedFlags

    flags = ObservedFlags(FlagClient(...))  # reads like the client, and emits an event for each evaluation

With OpenFeature: `from flagd_sdk.otel.hook import TelemetryHook`. Nothing else of the SDK imports this package.
"""

from flagd_sdk.otel.events import Evaluation, EvaluationEvents
from flagd_sdk.otel.flags import ObservedFlags

__all__ = ["Evaluation", "EvaluationEvents", "ObservedFlags"]
