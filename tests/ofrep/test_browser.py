"""A page of another origin in a real browser, which keeps the rules of CORS itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

import pytest

from .backend import Backend

if TYPE_CHECKING:
    from playwright.async_api import Page

pytestmark = [pytest.mark.chromium, pytest.mark.services]

# What the web provider does: JSON to another origin, with a key, the tag it has, and a look at the answer's headers.
ASK: Final = """async ([url, key, tag]) => {
    const headers = {"Content-Type": "application/json; charset=utf-8", "Authorization": `Bearer ${key}`};
    if (tag) headers["If-None-Match"] = tag;
    try {
        const body = JSON.stringify({context: {targetingKey: "ada"}});
        const answer = await fetch(url + "/ofrep/v1/evaluate/flags", {method: "POST", headers, body});
        const text = await answer.text();
        return {status: answer.status, tag: answer.headers.get("ETag"), body: text ? JSON.parse(text) : null};
    } catch (error) {
        return {blocked: error.name};
    }
}"""


@pytest.fixture
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Backend]:
    """A server whose origins the test changes."""
    started = Backend(tmp_path_factory.mktemp("pages"), ("yes",))
    yield started
    started.stop()


async def test_a_page_of_another_origin_asks_once_it_is_allowed(shop: Backend, page: Page) -> None:
    """A browser keeps answers from a page until its origin is allowed; then it hands over values, tags and errors."""
    origin = shop.url.replace("127.0.0.1", "localhost")
    await page.goto(f"{origin}/livez")
    key = shop.new_key("client")

    async def ask(shown: str = key, tag: str | None = None) -> dict[str, Any]:
        answer: dict[str, Any] = await page.evaluate(ASK, [shop.url, shown, tag])
        return answer

    assert await ask() == {"blocked": "TypeError"}
    shop.change("environments/live", {"client_origins": [origin]})
    shop.wait_until_served()

    first = await ask()
    assert (first["status"], first["body"]["flags"][0]["value"]) == (200, True)
    assert await ask(tag=first["tag"]) == {"status": 304, "tag": first["tag"], "body": None}
    refused = await ask(shown="flagd_client_" + "x" * 43)
    assert (refused["status"], refused["body"]["errorCode"]) == (401, "GENERAL")
