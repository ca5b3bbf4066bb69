"""What the management API says when something is wrong, on an application of three routes."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from fastapi import APIRouter, FastAPI, Query
from pydantic import BaseModel

from flagd import errors
from flagd.infra import http, logs
from flagd.infra.http import ExpectedVersion, StrictRoute


class Thing(BaseModel):
    """A body with a nested field."""

    name: str
    parts: dict[str, int] = {}


router = APIRouter(route_class=StrictRoute)


@router.post("/things")
async def make(thing: Thing, limit: int = Query(1, le=5)) -> Thing:
    return thing


@router.patch("/things")
async def change(thing: Thing, expected: ExpectedVersion) -> int:
    return expected


@router.get("/fail/{kind}")
async def fail(kind: str) -> None:
    raise {
        "stale": errors.Stale("somebody was faster", 9),
        "bug": RuntimeError("a secret detail"),
        "missing": errors.NotFound("no such thing"),
        "invalid": errors.Invalid(errors.Problem("/a~1b/0", "must be more")),
        "many": errors.Invalid(*(errors.Problem(f"/{at}", f"the problem {at}") for at in range(40))),
        "two": errors.Invalid(errors.Problem("/a", "the one"), errors.Problem("/b", "the other")),
        "throttled": errors.Throttled("slow down", 30),
        "unauthenticated": errors.Unauthenticated("who are you?"),
    }[kind]


@pytest.fixture
async def small() -> AsyncIterator[httpx.AsyncClient]:
    """A client of the small application."""
    app = FastAPI()
    http.install(app)
    app.include_router(router)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        yield client


def _problem(response: httpx.Response, status: int) -> dict[str, Any]:
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    body: dict[str, Any] = response.json()
    assert body["status"] == status
    return body


async def test_a_wrong_field_is_named_by_its_pointer(small: httpx.AsyncClient) -> None:
    """A body with a wrong type deep inside is refused with a pointer to it."""
    body = _problem(await small.post("/things", json={"name": "x", "parts": {"a/b": "many"}}), 422)
    assert body["errors"][0]["pointer"] == "#/parts/a~1b"


async def test_one_sentence_names_the_first_problem(
    small: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    """The answer lists every problem; its sentence, and the line of the log, tell the first and count the rest."""
    caplog.set_level(logging.INFO, logger="flagd.infra.http")
    body = _problem(await small.get("/fail/many"), 422)
    assert [error["pointer"] for error in body["errors"]] == [f"#/{number}" for number in range(40)]
    assert body["detail"] == "the problem 0 (and 39 more problems)"
    assert caplog.messages == [f"GET /fail/many refused: 422 {body['detail']}"]
    assert _problem(await small.get("/fail/two"), 422)["detail"] == "the one (and 1 more problem)"
    assert _problem(await small.get("/fail/invalid"), 422)["detail"] == "must be more"


async def test_a_wrong_parameter_is_named(small: httpx.AsyncClient) -> None:
    """A query parameter out of range is refused by its name."""
    assert (
        _problem(await small.post("/things?limit=9", json={"name": "x"}), 422)["errors"][0]["parameter"]
        == "limit"
    )


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"{", "not valid JSON"),
        (b'{"name": "x", "name": "y"}', "'name' appears twice"),
        (b'{"name": NaN}', "not valid JSON"),
        (b'{"name": "\\ud800"}', "not valid JSON"),
        (b'{"name": "a\\u0000b"}', "NUL"),
        (b'{"name": "\xff"}', "not valid JSON"),
        (b"[" * 100_000, "not valid JSON"),
    ],
    ids=["cut", "repeated name", "NaN", "surrogate", "NUL", "not UTF-8", "deep"],
)
async def test_ambiguous_json_is_refused(small: httpx.AsyncClient, body: bytes, says: str) -> None:
    """Text that parsers read differently, or not at all, is 400 with the reason."""
    answer = await small.post("/things", content=body, headers={"content-type": "application/json"})
    assert says in _problem(answer, 400)["detail"]


async def test_an_escaped_backslash_before_u0000_is_no_nul(small: httpx.AsyncClient) -> None:
    """Text that only looks like a NUL escape is kept as it is."""
    body = b'{"name": "a\\\\u0000"}'
    answer = await small.post("/things", content=body, headers={"content-type": "application/json"})
    assert answer.json()["name"] == "a\\u0000"


async def test_a_body_over_the_limit_is_refused(small: httpx.AsyncClient) -> None:
    """More than a megabyte is 413, whatever it holds."""
    _problem(await small.post("/things", json={"name": "x" * http.MAX_BODY_BYTES}), 413)


@pytest.mark.parametrize("header", ["v3", '"3"', "*", '"v3", "v4"', '"v-1"', '"v٣"', 'W/"v3"'])
async def test_an_unusable_if_match_is_refused_by_name(small: httpx.AsyncClient, header: str) -> None:
    """An If-Match that is not one tag of ours is 400 and names the header."""
    answer = await small.patch("/things", json={"name": "x"}, headers=[(b"If-Match", header.encode())])
    assert _problem(answer, 400)["errors"][0]["parameter"] == "If-Match"


async def test_a_write_without_a_version_is_428(small: httpx.AsyncClient) -> None:
    """Nobody overwrites what they have not seen."""
    _problem(await small.patch("/things", json={"name": "x"}), 428)


async def test_the_version_seen_reaches_the_route(small: httpx.AsyncClient) -> None:
    """The tag's number is what the route is handed."""
    assert (await small.patch("/things", json={"name": "x"}, headers={"If-Match": '"v12"'})).json() == 12


@pytest.mark.parametrize(
    ("kind", "status", "header", "value"),
    [
        ("stale", 412, "etag", '"v9"'),
        ("throttled", 429, "retry-after", "30"),
        ("unauthenticated", 401, "www-authenticate", "Bearer"),
        ("missing", 404, "content-type", "application/problem+json"),
    ],
)
async def test_errors_carry_their_status_and_header(
    small: httpx.AsyncClient, kind: str, status: int, header: str, value: str
) -> None:
    """Each kind of error has its status and the header that belongs to it."""
    answer = await small.get(f"/fail/{kind}")
    _problem(answer, status)
    assert answer.headers[header] == value


async def test_a_defect_says_nothing_of_itself(small: httpx.AsyncClient) -> None:
    """An unexpected error is a plain 500 that leaks no detail."""
    assert "secret" not in str(_problem(await small.get("/fail/bug"), 500))


async def test_unknown_paths_and_methods_are_problems_too(small: httpx.AsyncClient) -> None:
    """404 and 405 of the router have the same shape as every other error."""
    _problem(await small.get("/nothing"), 404)
    assert "POST" in (await small.put("/things")).headers["allow"]


async def test_a_flood_of_names_is_checked_in_linear_time(small: httpx.AsyncClient) -> None:
    """A megabyte of names, one of them repeated, is refused in the time it takes to read it."""
    names = [f'"n{number}": 0' for number in range(60_000)] + ['"n7": 1']
    body = ("{" + ",".join(names) + "}").encode()
    async with asyncio.timeout(5):
        answer = await small.post("/things", content=body, headers={"content-type": "application/json"})
    assert "'n7' appears twice" in _problem(answer, 400)["detail"]


async def test_deep_nesting_around_a_nul_is_refused(small: httpx.AsyncClient) -> None:
    """A NUL deep inside is found however deep it is."""
    body = b'{"name": ' + b"[" * 900 + b'"\\u0000"' + b"]" * 900 + b"}"
    answer = await small.post("/things", content=body, headers={"content-type": "application/json"})
    assert "NUL" in _problem(answer, 400)["detail"]


async def test_a_thousand_wrong_fields_are_not_all_repeated(small: httpx.AsyncClient) -> None:
    """An answer names at most fifty problems, and not the whole of a long name."""
    parts = {f"{number}{'x' * 1_000}": "many" for number in range(500)}
    answer = await small.post("/things", json={"name": "x", "parts": parts})
    problem = _problem(answer, 422)
    assert len(problem["errors"]) == http.MAX_PROBLEMS
    assert problem["detail"].endswith("(and 49 more problems)")
    assert len(problem["detail"]) < 500
    assert len(answer.content) < 50_000


@pytest.mark.parametrize(
    "content_type", [None, "text/plain", "application/x-www-form-urlencoded", "application/jsonx"]
)
async def test_another_media_type_is_refused_by_name(
    small: httpx.AsyncClient, content_type: str | None
) -> None:
    """A body that does not say it is JSON is 415 and names the header."""
    headers = {} if content_type is None else {"content-type": content_type}
    answer = await small.post("/things", content=b'{"name": "x"}', headers=headers)
    assert _problem(answer, 415)["errors"][0]["parameter"] == "Content-Type"


async def test_a_merge_patch_says_what_it_is(small: httpx.AsyncClient) -> None:
    """application/merge-patch+json is JSON too."""
    headers = {"content-type": "application/merge-patch+json; charset=utf-8", "If-Match": '"v1"'}
    assert (await small.patch("/things", content=b'{"name": "x"}', headers=headers)).json() == 1


def test_a_log_line_stays_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    """What a caller sent cannot write log lines of its own."""
    logs.configure("info")
    logging.getLogger("flagd.test").info("refused: %s", "x\n2026-01-01 INFO forged\x1b[2J")
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert "x\\x0a2026" in lines[0]
