"""The golden vectors over OFREP: a running server answers as the core does, for one flag and for all of them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

import httpx
import pytest

from tests.contract.answering import AnsweringServer
from tests.vectors import reading

BULK: Final = "/ofrep/v1/evaluate/flags"
STATUS: Final = {None: 200, "FLAG_NOT_FOUND": 404}
NUMBERS: Final = {"integer": int, "float": float}
"""How a JSON reader tells 10 from 10.0."""

NO_JSON: Final = "a lone surrogate is no Unicode, so no JSON text has it: the server refuses the request"
LEFT_OUT: Final = {
    "split without a unit: a lone surrogate": NO_JSON,
    "split without a unit: a lone surrogate in a key": NO_JSON,
    "layer without a unit: a lone surrogate": NO_JSON,
}
"""Cases that HTTP cannot carry, and why."""

Answer = dict[str, Any]


class Caller:
    """Asks one environment of the server."""

    def __init__(self, server: AnsweringServer, key: str) -> None:
        self.http = httpx.Client(base_url=server.url, headers={"Authorization": f"Bearer {key}"})
        self._all: dict[str, dict[str, Answer]] = {}

    def single(self, flag: str, context: Any) -> httpx.Response:
        """The answer for one flag."""
        return self.http.post(f"{BULK}/{flag}", content=_body(context))

    def bulk(self, context: Any) -> dict[str, Answer]:
        """The entry of each flag, asked for once per context."""
        asked = json.dumps(context, sort_keys=True)
        if asked not in self._all:
            response = self.http.post(BULK, content=_body(context))
            assert response.status_code == 200, response.text
            self._all[asked] = {each["key"]: each for each in response.json()["flags"]}
        return self._all[asked]


def _body(context: Any) -> str:
    """The request: over HTTP a targeting key alone is a context with nothing else."""
    return json.dumps({"context": {"targetingKey": context} if isinstance(context, str) else context})


def _calling(server: AnsweringServer, environment: str, document: dict[str, Any]) -> Iterator[Caller]:
    caller = Caller(server, server.serve(environment, document))
    with caller.http:
        yield caller


@pytest.fixture(scope="module")
def answers(answering: AnsweringServer) -> Iterator[Caller]:
    """Answers from the document of answers.json."""
    yield from _calling(answering, "answers-over-http", reading.read("answers")["document"])


@pytest.fixture(scope="module")
def conditions(answering: AnsweringServer) -> Iterator[Caller]:
    """Answers from the flags of all cases of conditions.json."""
    yield from _calling(answering, "conditions-over-http", reading.document_of_all_conditions())


def _name(case: dict[str, Any]) -> str:
    name: str = case["name"]
    return name


CARRIED = [case for case in reading.cases("answers") if case["name"] not in LEFT_OUT]


def _assert_is(answer: Answer, case: dict[str, Any]) -> None:
    """The members that OFREP's providers read are the vector's; no value is no member, never null."""
    if case["error_code"] is not None:
        assert (answer["errorCode"], "value" in answer) == (case["error_code"], False)
        assert answer["errorDetails"]
        return
    assert (answer["variant"], answer["reason"]) == (case["variant"] or "", case["reason"])
    if case["variant"] is None:
        assert "value" not in answer
        return
    flag = reading.read("answers")["document"]["flags"][case["flag"]]
    expected = flag["variants"][case["variant"]]
    assert answer["value"] == expected
    assert type(answer["value"]) is NUMBERS.get(flag["kind"], type(expected))


@pytest.mark.parametrize("case", CARRIED, ids=_name)
def test_one_flag(case: dict[str, Any], answers: Caller) -> None:
    """A flag asked for over HTTP has the vector's value, variant, reason, error code and metadata, and its status."""
    response = answers.single(case["flag"], case["context"])

    assert response.status_code == STATUS.get(case["error_code"], 400)
    answer = response.json()
    assert answer["key"] == case["flag"]
    _assert_is(answer, case)
    if "metadata" in case:
        assert {name: value for name, value in answer["metadata"].items() if name != "revision"} == case[
            "metadata"
        ]


@pytest.mark.parametrize("case", CARRIED, ids=_name)
def test_one_of_all_flags(case: dict[str, Any], answers: Caller) -> None:
    """Asked for together, each flag answers as it does alone; one that fails fails alone."""
    entries = answers.bulk(case["context"])

    if case["error_code"] == "FLAG_NOT_FOUND":
        assert case["flag"] not in entries
        return
    _assert_is(entries[case["flag"]], case)
    if "metadata" in case:
        assert entries[case["flag"]]["metadata"] == case["metadata"]


@pytest.mark.parametrize("case", reading.cases("conditions"), ids=_name)
def test_condition(case: dict[str, Any], conditions: Caller) -> None:
    """A condition, and its negation, match over HTTP exactly what they match in the core."""
    flags = reading.flags_of_condition(case)
    entries = conditions.bulk(case["context"])

    for which, matches in reading.expected_matches(case).items():
        single = conditions.single(flags[which], case["context"])
        assert (single.status_code, single.json()["value"]) == (200, matches)
        assert entries[flags[which]]["value"] is matches


@pytest.mark.parametrize("name", LEFT_OUT)
def test_what_http_cannot_carry(name: str, answers: Caller) -> None:
    """A case that is left out here is one, and what it would send is refused as a request, not answered."""
    (case,) = [case for case in reading.cases("answers") if case["name"] == name]

    response = answers.single(case["flag"], case["context"])

    assert (response.status_code, response.json()["errorCode"]) == (400, "PARSE_ERROR")


def test_the_server_knows_what_time_it_is(answering: AnsweringServer) -> None:
    """A flag that asks for `now` gets the present instant over HTTP, unless the context brings its own."""
    document = reading.document_of_condition({"attribute": "now", "op": "after", "values": ["2020-01-01"]})

    for caller in _calling(answering, "now-over-http", document):
        for context, matches in ((None, True), ({"now": "2019-12-31"}, False)):
            assert caller.single(reading.AS_IT_IS, context).json()["value"] is matches
            assert caller.bulk(context)[reading.AS_IT_IS]["value"] is matches
