"""The event `feature_flag.evaluation`, through OpenTelemetry's own SDK into memory: natively and behind OpenFeature."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from openfeature import api
from openfeature.evaluation_context import EvaluationContext
from opentelemetry._logs import LoggerProvider as AnyLoggerProvider
from opentelemetry._logs import NoOpLoggerProvider
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter, SimpleLogRecordProcessor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.semconv._incubating.attributes import feature_flag_attributes
from opentelemetry.semconv.attributes import error_attributes

from flagd_sdk import Context, FlagClient
from flagd_sdk.openfeature import FlagdProvider
from flagd_sdk.otel import EvaluationEvents, ObservedFlags, events
from flagd_sdk.otel.hook import TelemetryHook
from flagd_sdk.testing import FakeFlags, snapshot_of

FLAGS = {"bool": True, "text": "blue", "number": 3, "ratio": 0.5, "box": {"a": [1]}, "off": None}
COMMON = {
    "feature_flag.provider.name": "flagd-sdk",
    "feature_flag.set.id": "test/test",
    "feature_flag.context.id": "user-17",
}


class Exported:
    """An OpenTelemetry pipeline that ends in memory."""

    def __init__(self) -> None:
        self.exporter = InMemoryLogRecordExporter()  # type: ignore[no-untyped-call]
        self.provider = LoggerProvider(shutdown_on_exit=False)
        self.provider.add_log_record_processor(SimpleLogRecordProcessor(self.exporter))
        self.events = EvaluationEvents(self.provider)

    def records(self) -> list[Any]:
        return [finished.log_record for finished in self.exporter.get_finished_logs()]

    def only(self) -> dict[str, Any]:
        """The attributes of the one event there is."""
        (record,) = self.records()
        assert record.event_name == "feature_flag.evaluation"
        return dict(record.attributes)


@pytest.fixture
def exported() -> Exported:
    return Exported()


@pytest.fixture
def openfeature(exported: Exported) -> Iterator[Any]:
    """An OpenFeature client whose evaluations are exported."""
    api.set_provider_and_wait(FlagdProvider(FakeFlags(FLAGS), hooks=[TelemetryHook(exported.events)]))
    yield api.get_client()
    api.shutdown()


@pytest.fixture
def native(exported: Exported) -> ObservedFlags:
    return ObservedFlags(FakeFlags(FLAGS), exported.events)


def test_the_names_are_those_of_the_conventions() -> None:
    """Every attribute has the name that OpenTelemetry's conventions give it today."""
    ours = {name: getattr(events, name) for name in ("KEY", "VARIANT", "VALUE", "REASON", "CONTEXT_ID")}
    assert ours == {
        "KEY": feature_flag_attributes.FEATURE_FLAG_KEY,
        "VARIANT": feature_flag_attributes.FEATURE_FLAG_RESULT_VARIANT,
        "VALUE": feature_flag_attributes.FEATURE_FLAG_RESULT_VALUE,
        "REASON": feature_flag_attributes.FEATURE_FLAG_RESULT_REASON,
        "CONTEXT_ID": feature_flag_attributes.FEATURE_FLAG_CONTEXT_ID,
    }
    assert events.ERROR_MESSAGE == feature_flag_attributes.FEATURE_FLAG_ERROR_MESSAGE
    assert events.PROVIDER_NAME == feature_flag_attributes.FEATURE_FLAG_PROVIDER_NAME
    assert events.SET_ID == feature_flag_attributes.FEATURE_FLAG_SET_ID
    assert events.FLAG_VERSION == feature_flag_attributes.FEATURE_FLAG_VERSION
    assert events.ERROR_TYPE == error_attributes.ERROR_TYPE


def test_an_evaluation_names_its_variant_and_not_its_value(exported: Exported, native: ObservedFlags) -> None:
    """Where a variant tells what was served, the value stays at home."""
    assert native.get_string("text", Context("user-17"), default="red") == "blue"
    assert exported.only() == {
        **COMMON,
        "feature_flag.key": "text",
        "feature_flag.result.variant": "value",
        "feature_flag.result.reason": "static",
        "feature_flag.version": "1",
    }


def test_openfeature_tells_the_same(exported: Exported, openfeature: Any) -> None:
    """An evaluation behind OpenFeature gives the event that the native one gives."""
    assert openfeature.get_string_value("text", "red", EvaluationContext("user-17")) == "blue"
    behind = exported.only()
    exported.exporter.clear()
    ObservedFlags(FakeFlags(FLAGS), exported.events).get_string("text", "user-17", default="red")
    assert exported.only() == behind


@pytest.mark.parametrize("way", ["native", "openfeature"])
@pytest.mark.parametrize(
    ("flag", "error", "message"),
    [("missing", "flag_not_found", "no such flag"), ("text", "type_mismatch", "not an integer")],
)
def test_a_failure_names_its_error_and_the_default(
    exported: Exported, native: ObservedFlags, openfeature: Any, way: str, flag: str, error: str, message: str
) -> None:
    """What went wrong is told in words of the conventions, with the value that the application went on with."""
    if way == "native":
        assert native.get_int(flag, "user-17", default=9) == 9
    else:
        assert openfeature.get_integer_value(flag, 9, EvaluationContext("user-17")) == 9
    told = exported.only()
    assert told["error.type"] == error
    assert message in told["feature_flag.error.message"]
    assert told["feature_flag.result.reason"] == "error"
    assert told["feature_flag.result.value"] == 9
    assert "feature_flag.result.variant" not in told


@pytest.mark.parametrize("way", ["native", "openfeature"])
def test_a_flag_that_is_off_is_no_error(
    exported: Exported, native: ObservedFlags, openfeature: Any, way: str
) -> None:
    """The default of a flag without a value is told as disabled, with that default."""
    if way == "native":
        assert native.is_enabled("off", default=True) is True
    else:
        assert openfeature.get_boolean_value("off", True) is True
    told = exported.only()
    assert told["feature_flag.result.reason"] == "disabled"
    assert told["feature_flag.result.value"] is True
    assert not {"error.type", "feature_flag.error.message", "feature_flag.context.id"} & told.keys()


def test_a_provider_that_never_started_is_told_of(exported: Exported) -> None:
    """A hook on the API tells of evaluations that reached no provider at all."""
    api.add_hooks([TelemetryHook(exported.events)])
    try:
        api.set_provider(FlagdProvider(FlagClient("http://127.0.0.1:1", "key"), ready_timeout=5))
        assert api.get_client().get_boolean_value("bool", True) is True
        assert exported.only()["error.type"] == "provider_not_ready"
    finally:
        api.shutdown()


@pytest.mark.parametrize(
    ("read", "default", "expected"),
    [
        ("is_enabled:bool", False, True),
        ("get_boolean:bool", False, True),
        ("get_string:text", "", "blue"),
        ("get_int:number", 0, 3),
        ("get_float:number", 0.0, 3.0),
        ("get_float:ratio", 0.0, 0.5),
        ("get_object:box", {}, {"a": [1]}),
    ],
)
def test_observed_flags_answer_as_the_client_does(
    exported: Exported, native: ObservedFlags, read: str, default: Any, expected: Any
) -> None:
    """Each way of reading gives the value, and exactly one event."""
    name, flag = read.split(":")
    assert getattr(native, name)(flag, "user-17", default=default) == expected
    assert exported.only()["feature_flag.key"] == flag
    detail = native.evaluate(flag, default=default)
    assert (detail.value, detail.variant) == (FLAGS[flag], "value")
    assert len(exported.records()) == 2
    assert set(native.evaluate_all()) == set(FLAGS)
    assert len(exported.records()) == 2


def test_observed_flags_live_as_the_client_does() -> None:
    """Readiness, status, revision, changes and closing are the client's own."""
    client = FlagClient("http://127.0.0.1:1", "key", bootstrap=snapshot_of({"bool": True}, revision=7))
    observed = ObservedFlags(client)
    stop = observed.on_change(lambda change: None)
    assert bool(client._listeners)
    stop()
    assert not client._listeners
    assert observed.ready(0.0)
    assert (observed.revision, observed.status.revision) == (7, 7)
    observed.close()
    assert client.status.state == "CLOSED"
    assert observed.refresh() is False
    assert observed.is_enabled("bool")


def test_what_is_told_can_be_more_or_less(exported: Exported) -> None:
    """Values can be told always, and who it was never."""
    outspoken = EvaluationEvents(exported.provider, values=True, context_ids=False)
    ObservedFlags(FakeFlags(FLAGS), outspoken).get_object("box", "user-17", default={})
    told = exported.only()
    assert told["feature_flag.result.variant"] == "value"
    assert told["feature_flag.result.value"] == {"a": (1,)}
    assert "feature_flag.context.id" not in told


class _Key(str):
    """A text that shows something else than it is."""

    __slots__ = ()

    def __str__(self) -> str:
        return "secret"


@pytest.mark.parametrize("way", ["native", "openfeature"])
@pytest.mark.parametrize(
    ("key", "told"),
    [
        ("user-17", "user-17"),
        (17, "17"),
        (_Key("user-17"), "user-17"),
        ("", None),
        ({"email": "ann@example.com"}, None),
        (["ann@example.com"], None),
        (True, None),
        (None, None),
    ],
)
def test_only_a_targeting_key_is_told_as_one(
    exported: Exported, native: ObservedFlags, openfeature: Any, way: str, key: Any, told: str | None
) -> None:
    """What is no key, and may be anything about a person, is not told of."""
    if way == "native":
        native.is_enabled("bool", {"targetingKey": key})
    else:
        openfeature.get_boolean_value("bool", False, EvaluationContext(key))
    assert exported.only().get("feature_flag.context.id") == told


@pytest.mark.parametrize("context", [object(), ["ann@example.com"], 17, b"ann", ""])
def test_what_is_no_context_is_not_told_of(exported: Exported, native: ObservedFlags, context: Any) -> None:
    """A context that is neither text nor a mapping has no targeting key."""
    native.is_enabled("bool", context)
    assert "feature_flag.context.id" not in exported.only()


def test_counts_are_those_of_the_client() -> None:
    """Code that reports counts may be given either."""
    client = FakeFlags(FLAGS)
    observed = ObservedFlags(client)
    observed.is_enabled("bool")
    observed.get_int("text", default=1)
    assert observed.take_counts() == {("bool", "value"): 1, ("text", "value"): 1}
    assert client.take_counts() == {}


def test_what_json_does_not_have_is_named_at_any_depth(exported: Exported, native: ObservedFlags) -> None:
    """Inside of a default, too, only plain values travel, and one that contains itself has an end."""
    endless: list[object] = [1]
    endless.append(endless)
    native.evaluate("missing", default={"a": [object(), {1, 2}], "b": {3: b"x"}, "c": endless, "d": None})
    assert exported.only()["feature_flag.result.value"] == {
        "a": ("object", "set"),
        "b": {"int": "bytes"},
        "c": (1, "list"),
        "d": None,
    }


def test_defaults_of_any_kind_can_be_told(exported: Exported, native: ObservedFlags) -> None:
    """A default that no flag can have is named by its type, and no default is left out."""
    native.evaluate("missing", default=object())
    native.evaluate("missing")
    first, second = (dict(record.attributes) for record in exported.records())
    assert first["feature_flag.result.value"] == "object"
    assert "feature_flag.result.value" not in second


def test_events_belong_to_the_current_span(exported: Exported, native: ObservedFlags) -> None:
    """An evaluation within a trace is found there."""
    with TracerProvider(shutdown_on_exit=False).get_tracer("tests").start_as_current_span("request") as span:
        native.is_enabled("bool")
    (record,) = exported.records()
    assert (record.trace_id, record.span_id) == (
        span.get_span_context().trace_id,
        span.get_span_context().span_id,
    )
    assert record.timestamp is not None


class _Broken(NoOpLoggerProvider):
    """A pipeline that cannot be used."""

    def get_logger(self, *arguments: Any, **options: Any) -> Any:
        return self

    def enabled(self, **options: Any) -> bool:
        return True

    def emit(self, *arguments: Any, **options: Any) -> None:
        raise RuntimeError("planted")


def test_a_broken_pipeline_breaks_no_evaluation(caplog: pytest.LogCaptureFixture) -> None:
    """An evaluation answers though no event can be emitted; that is logged once."""
    flags = ObservedFlags(FakeFlags(FLAGS), EvaluationEvents(_Broken()))
    assert flags.is_enabled("bool")
    assert flags.is_enabled("bool")
    assert len([record for record in caplog.records if "no event" in record.getMessage()]) == 1


@pytest.mark.parametrize("provider", [None, NoOpLoggerProvider()])
def test_without_a_receiver_nothing_is_put_together(
    monkeypatch: pytest.MonkeyPatch, provider: AnyLoggerProvider | None
) -> None:
    """Where nobody receives events, none is made."""
    told = EvaluationEvents(provider)
    monkeypatch.setattr(told, "emit", lambda evaluation: pytest.fail("an event was made for nobody"))
    assert not told.enabled
    assert ObservedFlags(FakeFlags(FLAGS), told).is_enabled("bool")


def test_a_pipeline_that_is_set_up_late_receives() -> None:
    """An application may set up OpenTelemetry after it made its flags: nothing is made before, everything after."""
    program = """
from opentelemetry._logs import set_logger_provider
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter, SimpleLogRecordProcessor
from flagd_sdk.otel import ObservedFlags
from flagd_sdk.testing import FakeFlags

flags = ObservedFlags(FakeFlags({"early": True, "late": True}))
flags.is_enabled("early")
exporter, provider = InMemoryLogRecordExporter(), LoggerProvider()
provider.add_log_record_processor(SimpleLogRecordProcessor(exporter))
set_logger_provider(provider)
flags.is_enabled("late")
print([each.log_record.attributes["feature_flag.key"] for each in exporter.get_finished_logs()])
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "['late']"
