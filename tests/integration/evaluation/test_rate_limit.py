"""A limit on how often a key may ask, as its clients learn of it."""

from __future__ import annotations

import pytest

from tests.services.application import StartApp

from .asking import Asking

LIMITS = {"ratelimit", "ratelimit-policy", "retry-after"}


@pytest.mark.asyncio(loop_scope="module")
async def test_there_is_none_unless_it_is_set(asking: Asking) -> None:
    """Without the setting nobody is refused and no answer speaks of limits."""
    answers = [await asking.ask() for _ in range(30)]
    assert {answer.status_code for answer in answers} == {200}
    assert not LIMITS & set(answers[-1].headers)


async def test_a_key_that_asks_too_often_is_told_when_to_come_back(
    start_app: StartApp, sqlite_url: str
) -> None:
    """Beyond the rate each path answers 429 in OFREP's shape, with whole seconds to wait; other keys are answered."""
    shop = await Asking(await start_app(database_url=sqlite_url, ofrep_rate=0.2)).open()
    first = await shop.ask()
    assert first.headers["RateLimit-Policy"] == '"key";q=2;w=10'
    assert first.headers["RateLimit"] == '"key";r=1;t=5'
    assert (await shop.ask("nowhere")).status_code == 404

    for flag in ("", "beta"):
        refused = await shop.ask(flag, headers={"If-None-Match": "*"})
        assert (refused.status_code, refused.json()["errorCode"]) == (429, "GENERAL")
        assert refused.json().get("key", "") == flag
        assert refused.headers["content-type"] == "application/json"
        assert 1 <= int(refused.headers["Retry-After"]) <= 5
        assert refused.headers["RateLimit"].startswith('"key";r=0;t=')

    assert (await shop.ask(kind="server")).status_code == 200
    assert (await shop.ask(key=None)).status_code == 401
    snapshot = {"X-API-Key": shop.keys["live", "server"]}
    assert (await shop.http.get("/sdk/v1/snapshot", headers=snapshot)).status_code == 200


async def test_a_page_can_read_that_it_asks_too_often(start_app: StartApp, sqlite_url: str) -> None:
    """The refusal carries what a browser needs to hand it to the page."""
    shop = await Asking(await start_app(database_url=sqlite_url, ofrep_rate=0.1)).open()
    await shop.change("environments/live", {"client_origins": ["https://shop.example.com"]})
    answers = [await shop.ask(headers={"Origin": "https://shop.example.com"}) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 429]
    for answer in answers:
        assert answer.headers["access-control-allow-origin"] == "https://shop.example.com"
        assert "Retry-After" in answer.headers["access-control-expose-headers"]
