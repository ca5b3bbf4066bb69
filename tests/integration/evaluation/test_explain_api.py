"""Evaluating for an operator: the answer of the moment, and why."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest

from flagd.evaluation import explain as explain_api
from flagd.flags.patch.conditions import MAX_DEPTH
from flagd_core import explain as core
from flagd_core.explain import record
from flagd_core.model import MAX_CHAIN

from .asking import PROJECT

if TYPE_CHECKING:
    from httpx import Response

    from .asking import Asking


pytestmark = pytest.mark.asyncio(loop_scope="module")


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


def nested(inner: dict[str, Any]) -> dict[str, Any]:
    """The deepest condition that may be configured around this one."""
    for _ in range(MAX_DEPTH - 1):
        inner = {"not": inner}
    return inner


async def made(asking: Asking, what: str, document: dict[str, Any]) -> None:
    """Creates a flag or a segment."""
    response = await asking.http.post(f"{PROJECT}/{what}", json=document, headers=asking.admin)
    assert response.status_code == 201, response.text


async def test_the_deepest_configuration_is_explained(asking: Asking) -> None:
    """Chains of prerequisites and segments as long as may be, with conditions as deep: the answer, explained."""
    inner = {"attribute": "plan", "op": "equals", "values": ["free"]}
    for number in range(MAX_CHAIN + 1):
        await made(asking, "segments", {"key": f"deep-{number}", "if": nested(inner)})
        inner = {"segment": f"deep-{number}"}
    for number in range(MAX_CHAIN + 1):
        condition = nested(inner) if number else {"attribute": "plan", "op": "exists"}
        rule = {"if": condition, "serve": {"variant": "on"}}
        below = {f"deep-{number - 1}": ["on", "off"]} if number else {}
        await made(asking, "flags", {"key": f"deep-{number}", "kind": "boolean"})
        targeting = {"enabled": True, "rules": {"deep": rule}, "prerequisites": below}
        await asking.change(f"flags/deep-{number}/environments/live", targeting)

    response = await evaluated(asking, f"deep-{MAX_CHAIN}", {"context": {"plan": "free"}})
    served = await asking.ask(f"deep-{MAX_CHAIN}", {"plan": "free"}, kind="server")

    answer = response.json()
    assert (answer["value"], answer["reason"]) == (served.json()["value"], served.json()["reason"])
    assert (answer["reason"], answer["steps_left_out"] > 0) == ("TARGETING_MATCH", True)


async def test_a_large_flag_has_a_short_explanation(asking: Asking) -> None:
    """However many rules a flag has, the answer shows so many steps, and says how many more there were."""
    parts = [{"attribute": "plan", "op": "equals", "values": [f"plan-{number}"]} for number in range(20)]
    rules = {f"r{number}": {"if": {"any": parts}, "serve": {"variant": "on"}} for number in range(200)}
    await made(asking, "flags", {"key": "large", "kind": "boolean"})
    await asking.change("flags/large/environments/live", {"enabled": True, "rules": rules})

    response = await evaluated(asking, "large", {"context": {"plan": "none"}})

    answer = response.json()
    assert answer["steps_left_out"] > 100
    assert len(answer["sentences"]) < record.MAX_STEPS + 10
    assert len(response.content) < 300_000


async def test_applications_are_answered_meanwhile(asking: Asking, monkeypatch: pytest.MonkeyPatch) -> None:
    """An explanation is made beside the event loop, which answers applications."""
    threads: list[int] = []

    def noting(*args: Any) -> core.Explanation:
        threads.append(threading.get_ident())
        return core.explain(*args)

    monkeypatch.setattr(explain_api, "explain", noting)

    response = await evaluated(asking, "beta", {"context": {}})

    assert (response.status_code, len(threads)) == (200, 1)
    assert threads != [threading.get_ident()]


@pytest.mark.parametrize("number", [7, 2**53 + 1, 2**64 - 1, 2**65, 10**23, 1.5, 7.0])
async def test_numbers_are_read_as_applications_requests_are(asking: Asking, number: float) -> None:
    """A numeric key is the same unit, or none, for the explanation and for the answer."""
    context = {"targetingKey": number}

    answer = (await evaluated(asking, "split", {"context": context})).json()
    served = (await asking.ask("split", context, kind="server")).json()

    assert (answer["variant"], answer.get("error_code")) == (served.get("variant"), served.get("errorCode"))


async def test_a_context_that_applications_may_not_send_is_refused(asking: Asking) -> None:
    """Contexts beyond the limits of remote evaluation are refused with the same words."""
    deep: Any = "x"
    for _ in range(40):
        deep = [deep]

    response = await evaluated(asking, "beta", {"context": {"a": deep}})
    assert response.status_code == 422
    assert [problem["pointer"] for problem in response.json()["errors"]] == ["#/context"]
    assert (await evaluated(asking, "beta", {"context": {"a": "x" * 300_000}})).status_code == 413
