"""What an application gets through OpenFeature, against a real server: values, reasons, types, errors, metadata.

The cases are those of OpenFeature's scenarios for providers, written anew.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from openfeature import api
from openfeature.client import OpenFeatureClient
from openfeature.evaluation_context import EvaluationContext
from openfeature.exception import ErrorCode
from openfeature.flag_evaluation import FlagEvaluationDetails, Reason

from flagd_sdk import FlagClient
from tests.contract.sdk.openfeature.backend import LARGEST, OBJECT, TARGETED, Backend

pytestmark = pytest.mark.services

KINDS = ("boolean", "string", "integer", "float", "object")
DEFAULTS: dict[str, Any] = {
    "boolean": True,
    "string": "default",
    "integer": 77,
    "float": 7.5,
    "object": {"default": True},
}


def details(
    client: OpenFeatureClient,
    kind: str,
    flag: str,
    default: object = None,
    context: EvaluationContext | None = None,
) -> FlagEvaluationDetails[Any]:
    """An evaluation through the accessor of this kind, with a default that no flag has."""
    found: FlagEvaluationDetails[Any] = getattr(client, f"get_{kind}_details")(
        flag, DEFAULTS[kind] if default is None else default, context
    )
    return found


@pytest.mark.parametrize("way", ["sync", "async"])
@pytest.mark.parametrize(
    ("kind", "flag", "default", "expected"),
    [
        ("boolean", "boolean-flag", False, True),
        ("string", "string-flag", "bye", "hi"),
        ("integer", "integer-flag", 1, 10),
        ("float", "float-flag", 0.1, 0.5),
        ("object", "object-flag", {}, OBJECT),
        ("boolean", "boolean-zero-flag", True, False),
        ("string", "string-zero-flag", "hi", ""),
        ("integer", "integer-zero-flag", 1, 0),
        ("float", "float-zero-flag", 0.1, 0.0),
        ("object", "object-zero-flag", {"a": 1}, {}),
        ("integer", "large-integer-flag", 1, 2147483647),
        ("integer", "huge-integer-flag", 1, LARGEST),
        ("integer", "negative-integer-flag", 1, -LARGEST),
        ("integer", "integral-float-flag", 1, 10),
        ("float", "integral-float-flag", 0.1, 10.0),
        ("float", "integer-flag", 0.1, 10.0),
        ("float", "huge-integer-flag", 0.1, float(LARGEST)),
        ("float", "integer-zero-flag", 0.1, 0.0),
    ],
)
def test_every_kind_of_value_arrives(
    client: OpenFeatureClient, kind: str, flag: str, default: Any, expected: Any, way: str
) -> None:
    """A flag's value comes in the type asked for, zero and empty ones too, and nothing tells of an error."""
    if way == "sync":
        found = details(client, kind, flag, default)
    else:
        found = asyncio.run(getattr(client, f"get_{kind}_details_async")(flag, default))
    assert (found.value, type(found.value)) == (expected, type(expected))
    assert (found.error_code, found.error_message) == (None, None)
    assert found.reason == Reason.STATIC
    assert found.flag_key == flag


@pytest.mark.parametrize("way", ["sync", "async"])
@pytest.mark.parametrize(
    ("kind", "flag"),
    [
        ("boolean", "string-flag"),
        ("boolean", "integer-flag"),
        ("boolean", "integer-zero-flag"),
        ("string", "boolean-flag"),
        ("string", "integer-flag"),
        ("string", "object-flag"),
        ("integer", "boolean-flag"),
        ("integer", "boolean-zero-flag"),
        ("integer", "string-flag"),
        ("integer", "float-flag"),
        ("integer", "huge-float-flag"),
        ("float", "boolean-flag"),
        ("float", "string-flag"),
        ("float", "object-flag"),
        ("object", "boolean-flag"),
        ("object", "string-flag"),
        ("object", "float-flag"),
    ],
)
def test_a_value_of_another_kind_is_a_mismatch(
    client: OpenFeatureClient, kind: str, flag: str, way: str
) -> None:
    """Nothing is converted that would lose anything: the caller gets the default, and TYPE_MISMATCH says why."""
    default = DEFAULTS[kind]
    if way == "sync":
        found = details(client, kind, flag)
    else:
        found = asyncio.run(getattr(client, f"get_{kind}_details_async")(flag, default))
    assert found.value is default
    assert (found.reason, found.error_code) == (Reason.ERROR, ErrorCode.TYPE_MISMATCH)
    assert flag in (found.error_message or "")
    assert found.variant is None


@pytest.mark.parametrize("kind", KINDS)
def test_a_missing_flag_is_the_default(client: OpenFeatureClient, kind: str) -> None:
    """A flag that is not there answers the default with FLAG_NOT_FOUND, whatever it is asked for."""
    found = details(client, kind, "missing-flag")
    assert found.value is DEFAULTS[kind]
    assert (found.reason, found.error_code) == (Reason.ERROR, ErrorCode.FLAG_NOT_FOUND)


@pytest.mark.parametrize("kind", KINDS)
def test_a_disabled_flag_is_the_default_without_an_error(client: OpenFeatureClient, kind: str) -> None:
    """A flag that is off and has no value for that is no failure: the default, and DISABLED."""
    found = details(client, kind, f"disabled-{kind}-flag")
    assert found.value is DEFAULTS[kind]
    assert (found.reason, found.error_code, found.error_message) == (Reason.DISABLED, None, None)
    assert found.variant is None
    assert found.flag_metadata["off"] is True


def test_a_flag_that_is_off_with_a_value_serves_it(client: OpenFeatureClient) -> None:
    """An off variant reaches the application, with its name."""
    found = details(client, "boolean", "off-flag", True)
    assert (found.value, found.variant, found.reason) == (False, "off", Reason.STATIC)
    assert found.flag_metadata["off"] is True


@pytest.mark.parametrize(
    ("context", "value", "reason"),
    [
        (EvaluationContext(TARGETED), "hit", Reason.TARGETING_MATCH),
        (EvaluationContext("f20bd32d-703b-48b6-bc8e-79d53c85134a"), "miss", Reason.DEFAULT),
        (EvaluationContext(), "miss", Reason.DEFAULT),
        (None, "miss", Reason.DEFAULT),
        (EvaluationContext(attributes={"targetingKey": TARGETED}), "hit", Reason.TARGETING_MATCH),
        (EvaluationContext("", {"targetingKey": TARGETED}), "hit", Reason.TARGETING_MATCH),
        (EvaluationContext("somebody", {"targetingKey": TARGETED}), "miss", Reason.DEFAULT),
        (EvaluationContext(TARGETED, {"targetingKey": "somebody"}), "hit", Reason.TARGETING_MATCH),
    ],
)
def test_the_targeting_key_is_the_contexts(
    client: OpenFeatureClient, context: EvaluationContext | None, value: str, reason: Reason
) -> None:
    """The targeting key of a context is what rules see; unless empty, it wins over an attribute of its name."""
    found = details(client, "string", "targeting-key-flag", None, context)
    assert (found.value, found.variant, found.reason) == (value, value, reason)


def test_contexts_are_merged_before_they_arrive(client: OpenFeatureClient) -> None:
    """What the API, the client and the call know comes together, nested attributes included."""
    api.set_evaluation_context(EvaluationContext(TARGETED, {"customer": {"email": "x@elsewhere.org"}}))
    assert details(client, "string", "targeting-key-flag").value == "hit"
    assert details(client, "string", "email-flag").variant == "external"
    client.context = EvaluationContext(attributes={"customer": {"email": "x@example.com"}})
    assert details(client, "string", "email-flag").value == "INTERNAL"
    called = EvaluationContext("other", {"customer": {"email": "x@elsewhere.org"}})
    assert details(client, "string", "email-flag", None, called).value == "EXTERNAL"
    assert details(client, "string", "targeting-key-flag", None, called).value == "miss"


def test_datetimes_are_instants(client: OpenFeatureClient) -> None:
    """A datetime in the context is compared as the instant it is."""
    for year, expected in ((1999, True), (2001, False)):
        born = EvaluationContext("someone", {"born": datetime(year, 6, 1, tzinfo=UTC)})
        assert details(client, "boolean", "date-flag", not expected, born).value is expected


def test_a_split_needs_a_targeting_key(client: OpenFeatureClient) -> None:
    """Without anybody to split by, the answer is the default and TARGETING_KEY_MISSING, with the flag's metadata."""
    found = details(client, "boolean", "split-flag")
    assert found.value is True
    assert (found.reason, found.error_code) == (Reason.ERROR, ErrorCode.TARGETING_KEY_MISSING)
    assert isinstance(found.flag_metadata["version"], int)
    variants = {
        details(client, "boolean", "split-flag", None, EvaluationContext(f"user-{number}")).variant
        for number in range(50)
    }
    assert variants == {"on", "off"}


def test_a_context_that_is_none_is_an_invalid_one(client: OpenFeatureClient) -> None:
    """Attributes that are no mapping are INVALID_CONTEXT from the provider, not an exception."""
    broken: Any = EvaluationContext("someone")
    broken.attributes = 17
    found = client.provider.resolve_string_details("targeting-key-flag", "default", broken)
    assert (found.value, found.error_code) == ("default", ErrorCode.INVALID_CONTEXT)


def test_metadata_names_the_version_and_the_flag_set(client: OpenFeatureClient, backend: Backend) -> None:
    """Every answer tells, flat, the version of the flag and what it belongs to."""
    snapshot = httpx.get(f"{backend.url}/sdk/v1/snapshot", headers={"X-API-Key": backend.key}).json()
    found = details(client, "string", "string-flag")
    assert found.variant == "value"
    version = snapshot["flags"]["string-flag"]["version"]
    assert dict(found.flag_metadata) == {"flagSetId": "demo/production", "version": version}
    mismatch = details(client, "integer", "string-flag")
    assert mismatch.flag_metadata == found.flag_metadata


def test_the_provider_has_a_name_of_its_own(client: OpenFeatureClient) -> None:
    """It is not called what another project's provider is called."""
    assert api.get_provider_metadata().name == "flagd-sdk"


def test_objects_are_the_callers_own(client: OpenFeatureClient) -> None:
    """An application may change the value of an object flag, at any depth, and changes nobody else's."""
    first: Any = details(client, "object", "object-flag").value
    first["nested"]["list"].append("mine")
    first["title"] = "mine"
    assert details(client, "object", "object-flag").value == OBJECT


def test_the_provider_answers_as_the_native_client_does(client: OpenFeatureClient, backend: Backend) -> None:
    """Whoever moves from one API to the other keeps every answer."""
    with FlagClient(backend.url, backend.key) as native:
        assert native.ready(10)
        for number in range(200):
            unit = f"user-{number}"
            ours = native.evaluate("split-flag", unit)
            theirs = details(client, "boolean", "split-flag", None, EvaluationContext(unit))
            assert (ours.value, ours.variant, ours.reason.value) == (
                theirs.value,
                theirs.variant,
                theirs.reason,
            )
