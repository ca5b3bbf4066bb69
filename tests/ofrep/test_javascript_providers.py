"""OpenFeature's own OFREP providers for JavaScript against a real server: they do what docs/ofrep.md says."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import pytest

from . import npm
from .backend import Backend
from .questions import ADA, QUESTIONS, REFUSED, TOO_OFTEN, YES, Question, documented, in_words

pytestmark = [pytest.mark.node, pytest.mark.services]

# The column of the page, the program, and the kind of key that such applications have.
SERVER: Final = ("JavaScript, server", "server.cjs", "server")
WEB: Final = ("JavaScript, web", "web.cjs", "client")
HIDDEN: Final = Question("hidden", "hidden", "boolean", False, True)


def ask(program: str, url: str, key: str, questions: Iterable[Question]) -> dict[str, Any]:
    """What the provider answers, and which requests it made for it."""
    documents = [question.document() for question in questions]
    return npm.run(program, {"url": url, "key": key, "questions": documents})


def words(questions: Iterable[Question], told: dict[str, Any]) -> dict[str, str]:
    """The answers in words, by the name of the question."""
    pairs = zip(questions, told["answers"], strict=True)
    return {question.name: in_words(question, answer) for question, answer in pairs}


@pytest.mark.parametrize(("column", "program", "kind"), [SERVER, WEB])
def test_they_answer_as_documented(backend: Backend, column: str, program: str, kind: str) -> None:
    """Each kind of flag, and each way not to have one, comes out of the provider as the page says."""
    told = ask(program, backend.url, backend.new_key(kind), QUESTIONS)
    seen = words(QUESTIONS, told)
    assert seen == {name: cell for name, cell in documented(column).items() if name in seen}
    answer = told["answers"][QUESTIONS.index(YES)]
    assert answer["variant"] == "on"
    assert "version" in answer["metadata"]


@pytest.mark.parametrize(("column", "program", "kind"), [SERVER, WEB])
def test_a_base_address_may_end_in_a_slash(backend: Backend, column: str, program: str, kind: str) -> None:
    """Joined to an address that ends in a slash the path begins with two, and is found all the same."""
    told = ask(program, f"{backend.url}/", backend.new_key(kind), [YES])
    assert words([YES], told) == {YES.name: "value, STATIC"}


@pytest.mark.parametrize(("column", "program", "kind"), [SERVER, WEB])
def test_a_refused_key_is_told(backend: Backend, column: str, program: str, kind: str) -> None:
    """Without a valid key the application goes on with its default, as the page says."""
    told = ask(program, backend.url, f"flagd_{kind}_" + "x" * 43, [YES])
    assert words([YES], told) == {YES.name: documented(column)[REFUSED]}
    assert {request["status"] for request in told["requests"]} == {401}


def test_the_server_provider_waits_when_it_asks_too_often(throttled: Backend) -> None:
    """After 429 it asks no more until the time is over, and the application goes on with its default."""
    column, program, kind = SERVER
    told = ask(program, throttled.url, throttled.new_key(kind), [YES] * 4)
    seen = [in_words(YES, answer) for answer in told["answers"]]
    assert seen == ["value, STATIC", *[documented(column)[TOO_OFTEN]] * 3]
    assert [request["status"] for request in told["requests"]] == [200, 429]


def test_the_web_provider_keeps_its_values_when_it_asks_too_often(throttled: Backend) -> None:
    """After 429 it asks no more until the time is over, and the application keeps the values it has."""
    column, program, kind = WEB
    people = [
        Question(name, "yes", "boolean", False, True, {"targetingKey": name}) for name in ("a", "b", "c", "d")
    ]
    told = ask(program, throttled.url, throttled.new_key(kind), people)
    assert set(words(people, told).values()) == {documented(column)[TOO_OFTEN]}
    assert [request["status"] for request in told["requests"]] == [200, 429]


def test_the_web_provider_is_told_when_nothing_changed_and_only_then(backend: Backend) -> None:
    """It sends the tag it has with each context of one person: 304 where that is the answer, and never elsewhere."""
    plans = [
        Question("first", "rule", "boolean", True, False, ADA | {"plan": "free"}),
        Question("same", "rule", "boolean", True, False, ADA | {"plan": "gold"}),
        Question("other", "rule", "boolean", False, True, ADA | {"plan": "beta"}),
        Question("back", "rule", "boolean", True, False, ADA | {"plan": "free"}),
    ]
    told = ask(WEB[1], backend.url, backend.new_key("client"), plans)
    seen = ["value, DEFAULT", "value, DEFAULT", "value, TARGETING_MATCH", "value, DEFAULT"]
    assert list(words(plans, told).values()) == seen
    assert [request["status"] for request in told["requests"]] == [200, 304, 200, 200]
    assert all(request["ifNoneMatch"] for request in told["requests"][1:])


def test_a_client_key_shows_no_hidden_flag(backend: Backend) -> None:
    """In a browser a flag that is not client-visible does not exist; to a backend it does."""
    for kind, expected in (("client", "default, FLAG_NOT_FOUND"), ("server", "value, STATIC")):
        told = ask(WEB[1], backend.url, backend.new_key(kind), [HIDDEN])
        assert words([HIDDEN], told) == {"hidden": expected}
