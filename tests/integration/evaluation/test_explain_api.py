"""Evaluating for an operator: the answer of the moment, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from .asking import PROJECT

if TYPE_CHECKING:
    from httpx import Response

    from .asking import Asking


async def evaluated(asking: Asking, flag: str, body: Any, **options: Any) -> Response:
    """What the operator is told."""
    path = options.pop("path", f"{PROJECT}/flags/{flag}/environments/live/evaluate")
    return await asking.http.post(path, json=body, headers=options.pop("headers", asking.admin), **options)


async def test_an_operator_sees_the_answer_and_each_step(asking: Asking) -> None:
    """The answer is the one applications get, with each rule's verdict, what it saw, and sentences."""
    answer = (await evaluated(asking, "beta", {"context": {"targetingKey": "ada", "plan": "beta"}})).json()

    assert (answer["flag"], answer["environment"], answer["value"], answer["rule"]) == (
        "beta",
        "live",
        True,
        "beta",
    )
    assert answer["steps"][0]["of"][0]["saw"] == "beta"
    assert answer["sentences"] == [
        "The rule 'beta': match.",
        '  plan is "beta"; equals "beta": match.',
        "'beta' serves 'on' (TARGETING_MATCH, rule 'beta').",
    ]
    assert answer["revision"] >= 1


@pytest.mark.parametrize("context", [{"targetingKey": "ada"}, {}, {"targetingKey": "bob", "plan": "beta"}])
async def test_it_is_what_applications_are_answered(asking: Asking, context: dict[str, Any]) -> None:
    """For every flag the operator's answer is that of OFREP for the same context."""
    bulk = {
        entry["key"]: entry for entry in (await asking.ask(context=context, kind="server")).json()["flags"]
    }

    for key, entry in bulk.items():
        answer = (await evaluated(asking, key, {"context": context})).json()
        assert answer.get("value") == entry.get("value")
        assert answer.get("error_code") == entry.get("errorCode")
        assert (answer["variant"] or "") == entry.get("variant", "")


async def test_now_is_the_server_s_clock_or_the_one_asked_about(asking: Asking) -> None:
    """A rule on `now` is compared with the clock, and with the instant in the context where there is one."""
    rule = {"if": {"attribute": "now", "op": "after", "values": ["2020-01-01"]}, "serve": {"variant": "on"}}
    await asking.change("flags/words/environments/live", {"rules": {"since": rule}, "rule_order": ["since"]})

    today = (await evaluated(asking, "words", {"context": {}})).json()
    before = (await evaluated(asking, "words", {"context": {"now": "2019-12-31"}})).json()
    served = (await asking.ask("words", {"targetingKey": "ada"})).json()

    assert (today["rule"], before.get("rule")) == ("since", None)
    assert served["reason"] == "TARGETING_MATCH"


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"context": "ada"}, "#/context"),
        ({"context": None}, "#/context"),
        ({"contxt": {}}, "#/contxt"),
        ([], "#"),
    ],
)
async def test_a_body_that_is_none_is_refused(asking: Asking, body: Any, pointer: str) -> None:
    """What is no context is refused with a pointer to it."""
    response = await evaluated(asking, "beta", body)

    assert response.status_code == 422
    assert [problem["pointer"] for problem in response.json()["errors"]] == [pointer]


async def test_what_is_not_there_is_not_found(asking: Asking) -> None:
    """A flag, environment or project that does not exist is 404."""
    for path in ("flags/none/environments/live", "flags/beta/environments/none"):
        response = await evaluated(asking, "", {}, path=f"{PROJECT}/{path}/evaluate")
        assert response.status_code == 404


@pytest.mark.parametrize("kind", ["server", "client"])
async def test_applications_keys_may_not_ask_why(asking: Asking, kind: str) -> None:
    """The rules are shown to operators alone."""
    headers = {"Authorization": f"Bearer {asking.keys['live', kind]}"}

    assert (await evaluated(asking, "beta", {}, headers=headers)).status_code == 403
