"""The golden vectors through the SDK: polled from a running server, evaluated in the application."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import pytest

from flagd_core import Detail
from flagd_sdk import ConfigurationError, FlagClient
from tests.contract.answering import AnsweringServer
from tests.vectors import reading

NOTHING: Final = object()
"""The default of these tests: no flag has it."""

TYPES: Final[dict[str, type]] = {"boolean": bool, "string": str, "integer": int, "float": float}


def _polling(server: AnsweringServer, environment: str, document: dict[str, Any]) -> Iterator[FlagClient]:
    key = server.serve(environment, document)
    with FlagClient(server.url, key, poll_interval=3600) as client:
        assert client.refresh()
        yield client


@pytest.fixture(scope="module")
def answers(answering: AnsweringServer) -> Iterator[FlagClient]:
    """A client of an environment that serves the document of answers.json."""
    yield from _polling(answering, "answers-for-sdk", reading.read("answers")["document"])


@pytest.fixture(scope="module")
def conditions(answering: AnsweringServer) -> Iterator[FlagClient]:
    """A client of an environment that serves the flags of all cases of conditions.json."""
    yield from _polling(answering, "conditions-for-sdk", reading.document_of_all_conditions())


def _name(case: dict[str, Any]) -> str:
    name: str = case["name"]
    return name


def _expected(case: dict[str, Any], default: object) -> tuple[object, str | None]:
    """The value a caller gets, and the kind of the flag; `default` where the flag has none."""
    flag = reading.read("answers")["document"]["flags"].get(case["flag"])
    if case["variant"] is None:
        return default, None if flag is None else flag["kind"]
    return flag["variants"][case["variant"]], flag["kind"]


@pytest.mark.parametrize("case", reading.cases("answers"), ids=_name)
def test_answer(case: dict[str, Any], answers: FlagClient) -> None:
    """An application gets the value, variant, reason, rule, error code and metadata that the vector names."""
    detail = answers.evaluate(case["flag"], case["context"], default=NOTHING)

    value, kind = _expected(case, NOTHING)
    assert _parts(detail) == (case["variant"], case["reason"], case["rule"], case["error_code"])
    assert detail.value == value
    if value is not NOTHING and kind in TYPES:
        assert type(detail.value) is TYPES[kind]
    if "metadata" in case:
        assert detail.metadata == case["metadata"]
    everything = answers.evaluate_all(case["context"])
    if case["error_code"] == "FLAG_NOT_FOUND":
        assert case["flag"] not in everything
    else:
        assert _parts(everything[case["flag"]]) == _parts(detail)


def _parts(detail: Detail) -> tuple[str | None, ...]:
    return detail.variant, detail.reason, detail.rule, detail.error_code


@pytest.mark.parametrize("case", reading.cases("answers"), ids=_name)
def test_getter(case: dict[str, Any], answers: FlagClient) -> None:
    """The getter of the flag's kind gives the value, or the caller's default where the flag has none."""
    _, kind = _expected(case, None)
    flag, context = case["flag"], case["context"]
    if kind == "string":
        assert answers.get_string(flag, context, default="mine") == _expected(case, "mine")[0]
    elif kind == "integer":
        assert answers.get_int(flag, context, default=-5) == _expected(case, -5)[0]
    elif kind == "float":
        assert answers.get_float(flag, context, default=-5.5) == _expected(case, -5.5)[0]
    elif kind == "object":
        assert answers.get_object(flag, context, default={"mine": 1}) == _expected(case, {"mine": 1})[0]
    else:
        for default in (True, False):
            assert answers.is_enabled(flag, context, default) is _expected(case, default)[0]


@pytest.mark.parametrize("case", reading.cases("conditions"), ids=_name)
def test_condition(case: dict[str, Any], conditions: FlagClient) -> None:
    """A condition, and its negation, match in the application exactly what they match in the core."""
    flags = reading.flags_of_condition(case)

    for which, matches in reading.expected_matches(case).items():
        detail = conditions.evaluate(flags[which], case["context"])
        assert (detail.value, detail.rule) == (matches, "r1" if matches else None)


@pytest.mark.parametrize("case", reading.cases("refused"), ids=_name)
def test_refused_document(case: dict[str, Any]) -> None:
    """A bootstrap that is no snapshot is refused before the application starts, with the place of what is wrong."""
    document = reading.refused_document(case)

    with pytest.raises(ConfigurationError) as refusal:
        FlagClient("http://127.0.0.1:1", "key", bootstrap=document)

    assert f" {case['path']}: " in str(refusal.value)


def test_the_application_knows_what_time_it_is(answering: AnsweringServer) -> None:
    """A flag that asks for `now` gets the present instant in the application, unless the context brings its own."""
    document = reading.document_of_condition({"attribute": "now", "op": "after", "values": ["2020-01-01"]})

    for client in _polling(answering, "now-for-sdk", document):
        assert client.is_enabled(reading.AS_IT_IS) is True
        assert client.is_enabled(reading.AS_IT_IS, {"now": "2019-12-31"}, default=True) is False
