"""OpenFeature's own OFREP provider for Python against a real server: it does what docs/ofrep.md says."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

import pytest
import requests
from openfeature import api
from openfeature.client import OpenFeatureClient
from openfeature.contrib.provider.ofrep import OFREPProvider
from openfeature.evaluation_context import EvaluationContext
from openfeature.flag_evaluation import FlagEvaluationDetails

from .backend import Backend
from .questions import QUESTIONS, REFUSED, TOO_OFTEN, YES, Question, documented, in_words

pytestmark = [pytest.mark.services]

PYTHON: Final = "Python"
Ask = Callable[[Question], dict[str, Any]]


@contextmanager
def asking(url: str, key: str) -> Iterator[tuple[Ask, list[int]]]:
    """Asks through the provider; beside it, the statuses of the answers it got."""
    provider = OFREPProvider(url, headers_factory=lambda: {"Authorization": f"Bearer {key}"})
    statuses: list[int] = []

    def note(response: requests.Response, *_: Any, **__: Any) -> None:
        statuses.append(response.status_code)

    provider.session.hooks["response"].append(note)
    api.set_provider_and_wait(provider)
    client = api.get_client()
    yield lambda question: _told(client, question), statuses
    provider.session.close()
    api.clear_providers()


def _told(client: OpenFeatureClient, question: Question) -> dict[str, Any]:
    attributes = dict(question.context)
    context = EvaluationContext(attributes.pop("targetingKey", None), attributes)
    ask = {
        "boolean": client.get_boolean_details,
        "string": client.get_string_details,
        "integer": client.get_integer_details,
        "float": client.get_float_details,
        "object": client.get_object_details,
    }[question.type]
    details: FlagEvaluationDetails[Any] = ask(question.flag, question.default, context)  # type: ignore[operator]
    return {
        "value": details.value,
        "reason": None if details.reason is None else str(details.reason),
        "errorCode": None if details.error_code is None else details.error_code.value,
        "variant": details.variant,
        "metadata": dict(details.flag_metadata),
    }


def test_it_answers_as_documented(backend: Backend) -> None:
    """Each kind of flag, and each way not to have one, comes out of the provider as the page says."""
    with asking(backend.url, backend.key) as (ask, _):
        seen = {question.name: in_words(question, ask(question)) for question in QUESTIONS}
        answer = ask(YES)
    assert seen == {name: cell for name, cell in documented(PYTHON).items() if name in seen}
    assert answer["variant"] == "on"
    assert set(answer["metadata"]) == {"version", "revision"}


def test_a_base_address_may_end_in_a_slash(backend: Backend) -> None:
    """However the address of the service is written, the provider finds it."""
    for url in (f"{backend.url}/", f"{backend.url}//"):
        with asking(url, backend.key) as (ask, _):
            assert in_words(YES, ask(YES)) == "value, STATIC"


def test_a_refused_key_is_told(backend: Backend) -> None:
    """Without a valid key the application goes on with its default, as the page says."""
    with asking(backend.url, "flagd_server_" + "x" * 43) as (ask, statuses):
        assert in_words(YES, ask(YES)) == documented(PYTHON)[REFUSED]
    assert statuses == [401]


def test_it_waits_when_it_asks_too_often(throttled: Backend) -> None:
    """After 429 the provider asks no more until the time is over, and the application goes on with its default."""
    with asking(throttled.url, throttled.new_key("server")) as (ask, statuses):
        assert in_words(YES, ask(YES)) == "value, STATIC"
        assert [in_words(YES, ask(YES)) for _ in range(3)] == [documented(PYTHON)[TOO_OFTEN]] * 3
    assert statuses == [200, 429]
