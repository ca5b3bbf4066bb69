"""Which web pages may ask: what a browser is told before it sends, and what it lets a page read."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, Final

import httpx
import pytest
import pytest_asyncio

from flagd.infra.http import MAX_BODY_BYTES

from .asking import BULK, Asking

SHOP: Final = "https://shop.example.com"
TESTERS: Final = "http://localhost:3000"
STRANGER: Final = "https://evil.example"
WANTS: Final = {
    "Access-Control-Request-Method": "POST",
    "Access-Control-Request-Headers": "authorization,content-type",
}


@pytest_asyncio.fixture(scope="module", loop_scope="module", autouse=True)
async def origins(asking: Asking) -> AsyncIterator[None]:
    """The shop's pages may ask in live, those of its testers in test."""
    await asking.change("environments/live", {"client_origins": [SHOP]})
    await asking.change("environments/test", {"client_origins": [TESTERS]})
    yield


pytestmark = pytest.mark.asyncio(loop_scope="module")


async def preflight(asking: Asking, origin: str, path: str = BULK) -> httpx.Response:
    """What a browser asks on its own before it sends what a page wants sent."""
    return await asking.http.options(path, headers=WANTS | {"Origin": origin})


def allowed(answer: httpx.Response) -> str | None:
    """The origin whose pages may read the answer; no answer leaves out what it depends on, or asks for cookies."""
    assert answer.headers["vary"] == "Origin"
    assert "access-control-allow-credentials" not in answer.headers
    origin: str | None = answer.headers.get("access-control-allow-origin")
    return origin


@pytest.mark.parametrize(
    "path", [BULK, f"{BULK}/beta", f"http://flagd.test/{BULK}/", "/ofrep/v1/configuration"]
)
async def test_a_preflight_is_answered_without_a_key(asking: Asking, path: str) -> None:
    """A browser asks first and shows no key: pages that some environment allows are told what they may send."""
    for origin in (SHOP, TESTERS):
        answer = await preflight(asking, origin, path)
        assert (answer.status_code, answer.content, allowed(answer)) == (204, b"", origin)
        assert answer.headers["access-control-allow-methods"] == "POST, OPTIONS"
        sendable = set(answer.headers["access-control-allow-headers"].split(", "))
        assert sendable == {"content-type", "authorization", "x-api-key", "if-none-match"}
        assert int(answer.headers["access-control-max-age"]) > 0


@pytest.mark.parametrize(
    "origin", [STRANGER, "null", f"{SHOP}.evil.example", f"{SHOP}:8443", SHOP.upper(), "*", ""]
)
async def test_a_page_that_nobody_allows_is_told_nothing(asking: Asking, origin: str) -> None:
    """An origin is compared as a whole; whoever is not allowed can neither send nor read."""
    refused = await preflight(asking, origin)
    assert (refused.status_code, allowed(refused)) == (403, None)
    assert "access-control-allow-methods" not in refused.headers
    assert refused.json()["errorCode"] == "GENERAL"
    answer = await asking.ask(headers={"Origin": origin})
    assert (answer.status_code, allowed(answer)) == (200, None)


ASKED: Final[list[tuple[str, dict[str, Any]]]] = [
    ("", {}),
    ("beta", {}),
    ("split", {}),
    ("nowhere", {}),
    ("", {"content": b"{"}),
]


@pytest.mark.parametrize(("environment", "own", "other"), [("live", SHOP, TESTERS), ("test", TESTERS, SHOP)])
async def test_an_answer_is_for_pages_of_the_key_s_own_environment(
    asking: Asking, environment: str, own: str, other: str
) -> None:
    """What a page may read is decided by the environment of the key it shows, errors included."""
    for flag, options in ASKED:
        for origin in (own, other, STRANGER):
            headers = {"Origin": origin}
            answer = await asking.ask(flag, environment=environment, headers=headers, **options)
            assert allowed(answer) == (own if origin == own else None), (flag, origin)


async def test_a_page_can_read_what_the_web_provider_reads(asking: Asking) -> None:
    """The tag, the time to wait and what is left of the rate are exposed, with 200, 304 and errors."""
    first = await asking.ask(headers={"Origin": SHOP})
    again = await asking.ask(headers={"Origin": SHOP, "If-None-Match": first.headers["ETag"]})
    assert again.status_code == 304
    for answer in (first, again, await asking.ask(headers={"Origin": SHOP}, content=b"{")):
        exposed = answer.headers["access-control-expose-headers"].split(", ")
        assert exposed == ["ETag", "Retry-After", "RateLimit", "RateLimit-Policy"]
        assert allowed(answer) == SHOP


FAULTS: Final[list[tuple[str, dict[str, Any], int]]] = [
    ("no key", {"key": None}, 401),
    ("a foreign key", {"key": "flagd_client_" + "x" * 43}, 401),
    ("no such path", {"path": "/ofrep/v1/nothing"}, 404),
    ("a large body", {"content": b" " * (MAX_BODY_BYTES + 1)}, 413),
]


@pytest.mark.parametrize(("fault", "options", "status"), FAULTS)
async def test_errors_can_be_read_too(
    asking: Asking, fault: str, options: dict[str, Any], status: int
) -> None:
    """Without a valid key no environment is known; a page that any of them allows learns what is wrong."""
    for origin, expected in ((SHOP, SHOP), (STRANGER, None)):
        answer = await asking.ask(headers={"Origin": origin}, **options)
        assert (answer.status_code, allowed(answer)) == (status, expected)


async def test_only_ofrep_is_for_pages_of_others(asking: Asking) -> None:
    """Snapshots, the management API and the health of the service are for no page."""
    for path in ("/sdk/v1/snapshot", "/api/v1/projects", "/livez"):
        for method in ("OPTIONS", "GET"):
            answer = await asking.http.request(method, path, headers=WANTS | {"Origin": SHOP})
            assert not [name for name in answer.headers if name.startswith("access-control-")], (method, path)


async def test_who_is_no_page_is_told_nothing_of_pages(asking: Asking) -> None:
    """Without an origin the answer is the plain one, which still says that it depends on the origin."""
    answer = await asking.ask()
    assert allowed(answer) is None
    assert "access-control-expose-headers" not in answer.headers
