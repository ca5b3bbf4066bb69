"""What the provider makes of answers and contexts, over flags in memory."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openfeature.evaluation_context import EvaluationContext
from openfeature.event import ProviderEvent, ProviderEventDetails
from openfeature.exception import ErrorCode, ProviderFatalError, ProviderNotReadyError
from openfeature.flag_evaluation import FlagResolutionDetails, Reason
from openfeature.hook import Hook

from flagd_sdk import ConfigurationError, FlagClient
from flagd_sdk.openfeature import FlagdProvider
from flagd_sdk.openfeature.answers import context_of
from flagd_sdk.testing import FakeFlags

ADDRESS = "http://127.0.0.1:1"
KEY = "flagd_server_very-secret-key"
LARGEST = 2**53 - 1
VALUES = st.one_of(
    st.booleans(),
    st.text(),
    st.integers(-LARGEST, LARGEST),
    st.floats(allow_nan=False, allow_infinity=False),
    st.dictionaries(st.text(), st.integers(0, 9)),
    st.lists(st.integers(0, 9)),
)


def started(flags: FakeFlags, **options: Any) -> FlagdProvider:
    provider = FlagdProvider(flags, **options)
    provider.initialize(EvaluationContext())
    return provider


def resolve(provider: FlagdProvider, kind: str, default: Any) -> FlagResolutionDetails[Any]:
    found: FlagResolutionDetails[Any] = getattr(provider, f"resolve_{kind}_details")("flag", default)
    return found


@given(VALUES)
def test_a_value_arrives_in_one_type_unchanged_or_not_at_all(value: Any) -> None:
    """Each accessor answers a value of exactly its type that equals the flag's, or its default and TYPE_MISMATCH."""
    provider = started(FakeFlags({"flag": value}))
    wanted: dict[str, tuple[type, ...]] = {
        "boolean": (bool,),
        "string": (str,),
        "integer": (int,),
        "float": (float,),
        "object": (dict, list),
    }
    answered = set()
    for kind, types in wanted.items():
        default = object()
        found = resolve(provider, kind, default)
        if found.error_code is None:
            answered.add(kind)
            assert type(found.value) in types
            assert found.value == value
        else:
            assert found.value is default
            assert (found.reason, found.error_code) == (Reason.ERROR, ErrorCode.TYPE_MISMATCH)
    number = type(value) in (int, float)
    whole = number and float(value).is_integer() and abs(value) <= LARGEST
    assert answered == {
        *(["integer"] if whole else []),
        *(["float"] if number else []),
        *([kind for kind, types in wanted.items() if type(value) in types] if not number else []),
    }


@pytest.mark.parametrize("value", [{"a": {"b": [1]}}, [{"b": [1]}, 2]])
def test_objects_are_plain_and_the_callers_own(value: Any) -> None:
    """What comes is a dict or list as JSON gives it, all the way down, which may be changed."""
    provider = started(FakeFlags({"flag": value}))
    found = resolve(provider, "object", {}).value
    assert type(found) is type(value)
    inner = found["a"] if isinstance(found, dict) else found[0]
    inner["b"].append("mine")
    assert resolve(provider, "object", {}).value == value


@given(
    st.one_of(st.none(), st.text()),
    st.dictionaries(st.one_of(st.text(), st.just("targetingKey")), st.integers()),
)
def test_contexts_lose_nothing_but_a_hidden_key(key: str | None, attributes: dict[str, int]) -> None:
    """Every attribute arrives as it is; the targeting key replaces an attribute of its name, unless it is empty."""
    flat = context_of(EvaluationContext(key, attributes))
    assert flat == ({**attributes, "targetingKey": key} if key else attributes)


def test_no_context_is_nobody() -> None:
    """A provider that is called without a context evaluates for nobody."""
    assert context_of(None) is None


def test_not_initialized_is_not_ready() -> None:
    """Before initialize a provider answers PROVIDER_NOT_READY, though its client has flags."""
    found = resolve(FlagdProvider(FakeFlags({"flag": True})), "boolean", False)
    assert (found.value, found.error_code) == (False, ErrorCode.PROVIDER_NOT_READY)


def test_fakes_tell_of_changes_too() -> None:
    """Tests of an application can make a flag change and see its handlers run."""
    flags = FakeFlags({"flag": True, "other": 1})
    provider = started(flags)
    told: list[tuple[ProviderEvent, list[str] | None]] = []
    provider.attach(lambda source, event, details: told.append((event, details.flags_changed)))
    flags.set("flag", False)
    flags.set("flag", False)
    flags.remove("other")
    changed = ProviderEvent.PROVIDER_CONFIGURATION_CHANGED
    assert told == [(changed, ["flag"]), (changed, ["other"])]
    assert resolve(provider, "boolean", True).value is False


@pytest.mark.parametrize("arguments", [{"key": KEY}, {"poll_interval": 1.0}])
def test_options_of_a_client_that_is_there_already_are_refused(arguments: Any) -> None:
    """A key or an option beside a finished client would be ignored, so it is an error."""
    with pytest.raises(ConfigurationError):
        FlagdProvider(FakeFlags(), **arguments)


@pytest.mark.parametrize(("url", "key"), [("nonsense", KEY), (ADDRESS, None), (ADDRESS, "not a key")])
def test_what_cannot_work_is_refused_where_it_is_written(url: str, key: str | None) -> None:
    """A wrong address or key is an error when the provider is made, not when it is registered."""
    with pytest.raises(ConfigurationError):
        FlagdProvider(url, key)


def test_a_closed_client_without_flags_is_fatal() -> None:
    """A provider over a client that was closed before it had flags will never have any, and says so at once."""
    client = FlagClient(ADDRESS, KEY)
    client.close()
    with pytest.raises(ProviderFatalError, match="closed"):
        FlagdProvider(client).initialize(EvaluationContext())


class _JustInTime(FakeFlags):
    """Its flags come between the end of the waiting and the look at what came of it."""

    def ready(self, timeout: float = 5.0) -> bool:
        return False


def test_flags_that_come_at_the_last_moment_count() -> None:
    """A provider does not fail to start when it has flags to answer from."""
    provider = started(_JustInTime({"flag": True}))
    assert resolve(provider, "boolean", False).value is True


def test_hooks_of_the_provider_are_its_own() -> None:
    """Hooks given to the provider run for every client of it."""
    hook = Hook()
    assert FlagdProvider(FakeFlags(), hooks=[hook]).get_provider_hooks() == [hook]


@pytest.mark.parametrize(
    ("announce", "expected"), [(False, []), (True, [ProviderEvent.PROVIDER_READY])], ids=["left", "taken"]
)
def test_who_says_that_it_is_ready(announce: bool, expected: list[ProviderEvent]) -> None:
    """READY after initialize is left to OpenFeature's SDK, unless the provider is told to say it."""
    provider = FlagdProvider(FakeFlags(), announce_start=announce)
    told: list[ProviderEvent] = []
    provider.attach(lambda source, event, details: told.append(event))
    provider.initialize(EvaluationContext())
    assert told == expected


def test_who_says_that_it_failed() -> None:
    """Told to announce its start, a provider announces a failed one as well, before it raises."""
    provider = FlagdProvider(ADDRESS, KEY, ready_timeout=0.0, announce_start=True)
    told: list[tuple[ProviderEvent, ProviderEventDetails]] = []
    provider.attach(lambda source, event, details: told.append((event, details)))
    with pytest.raises(ProviderNotReadyError):
        provider.initialize(EvaluationContext())
    provider.shutdown()
    assert told[0][0] is ProviderEvent.PROVIDER_ERROR


def test_importing_the_sdk_loads_neither_openfeature_nor_opentelemetry() -> None:
    """Applications without the extras pay nothing for them, and need not have them."""
    program = (
        "import sys, flagd_sdk, flagd_sdk.testing;"
        "print([name for name in sys.modules if name.split('.')[0] in ('openfeature', 'opentelemetry')])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
    program = "import sys, flagd_sdk.otel; print('openfeature' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
