"""What an attacker may try: forged forms, hostile names, frames, addresses that mean something else."""

from __future__ import annotations

from collections.abc import AsyncIterator
from itertools import product
from typing import Any

import pytest

from tests.web.document import Element, parse
from tests.web.visits import FLAGS, Site, Visit, form_to

HOSTILE = "\"><script>alert(1)</script><img src=x onerror=alert(1)> {{ 7 * 7 }} ' & </title>"
HEADERS = {
    "x-frame-options": "DENY",
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cache-control": "no-store",
}
NOWHERE = (
    "/nowhere",
    "/projects/nowhere",
    "/projects/shop/environments/nowhere/flags",
    "/projects/%00/environments/production/flags",
    "/projects/shop%27--",
    "/static/../app.py",
    "/static/%2e%2e/app.py",
)
FORMS = ("/checkout/enabled", "/shipping/rollout", "/logout")


async def test_a_form_without_its_token_is_refused(site: Site, visit: Visit) -> None:
    """Every form that changes something is refused with 403, and nothing changes."""
    for end, token in product(FORMS, ("", "forged", "AAAAAAAAAAAAAAAA.AAAA", "é.ü")):
        await visit.send(form_to(await visit.open(FLAGS), end), csrf=token)
        assert visit.answer.status_code == 403
        assert visit.page.one("h1").text == "This is not allowed"
        assert visit.page.one("a", href=FLAGS).text == "Go back"
    assert (await site.targeting("checkout"))["enabled"] is False
    assert (await visit.open(FLAGS)).all(class_="person-name")


async def test_the_token_of_another_session_is_refused(site: Site, visit: Visit) -> None:
    """A token belongs to one session: another person's, or one's own of an earlier session, is worth nothing."""
    other = site.visit()
    await other.sign_in()
    await other.open(FLAGS)
    await visit.send(visit.switch("checkout"), csrf=other.switch("checkout").fields["csrf"])

    assert visit.answer.status_code == 403
    assert (await site.targeting("checkout"))["enabled"] is False
    await other.client.aclose()


async def test_the_token_of_the_sign_in_form_opens_no_other_form(site: Site, visit: Visit) -> None:
    """Tokens are made for one purpose each."""
    stranger = site.visit()
    token = (await stranger.open("/login")).one("form").fields["csrf"]
    await visit.send(visit.switch("checkout"), csrf=token)

    assert visit.answer.status_code == 403
    await stranger.client.aclose()


async def test_the_sign_in_form_itself_cannot_be_forged(site: Site) -> None:
    """Nobody can be signed in as somebody else by a foreign form; the form comes back, with what was typed."""
    visit = site.visit()
    page = await visit.open("/login")
    visit.client.cookies.clear()
    form = page.one("form")
    page = await visit.send(form, email="ada@example.com", password="correct horse battery staple")

    assert visit.answer.status_code == 403
    assert page.one("input", name="email")["value"] == "ada@example.com"
    assert "flagd_session" not in visit.client.cookies
    await visit.client.aclose()


async def test_hostile_names_stay_text(site: Site) -> None:
    """Names of projects, environments, flags and people, searches and typed values never become elements."""
    await site.api("POST", "/api/v1/projects", {"key": "evil", "name": HOSTILE})
    await site.api("POST", "/api/v1/projects/evil/environments", {"key": "evil", "name": HOSTILE})
    await site.api(
        "POST",
        "/api/v1/projects/evil/flags",
        {"key": "evil", "name": HOSTILE, "kind": "boolean", "description": HOSTILE},
    )
    await site.add_user("mallory@example.com", HOSTILE)
    visit = site.visit()
    await visit.sign_in("mallory@example.com")
    page = await visit.open("/projects/evil/environments/evil/flags")
    row = visit.row("evil")

    assert row.one("h2").text == HOSTILE
    assert row.one("h2")["title"] == HOSTILE
    assert page.one("nav", **{"aria-label": "Environments"}).one("a").text == HOSTILE
    assert page.one(class_="person-name").text == HOSTILE
    assert _is_harmless(page)
    page = await visit.send(visit.rollout("evil"), percent=HOSTILE)
    assert visit.row("evil").one("input", name="percent")["value"] == HOSTILE[:40]
    assert _is_harmless(page)
    await visit.open("/projects/evil/environments/evil/flags")
    page = await visit.send(page.one("form", role="search"), q=f"{HOSTILE}?")
    assert HOSTILE in page.one(class_="empty").one("h2").text
    assert _is_harmless(page)
    await visit.client.aclose()


async def test_every_page_forbids_scripts_frames_and_sniffing(visit: Visit) -> None:
    """Pages, errors and redirects carry the same headers, and no page has a script or an inline style to begin with."""
    for path in ("/", "/login", FLAGS, "/nowhere", "/projects/nowhere", "/static/nowhere"):
        answer = await visit.client.get(path)

        policy = dict(part.split(" ", 1) for part in answer.headers["content-security-policy"].split("; "))
        assert policy["default-src"] == "'none'"
        assert policy["style-src"] == "'self'"
        assert policy["frame-ancestors"] == "'none'"
        assert "script-src" not in policy
        assert {name: answer.headers[name] for name in HEADERS} == HEADERS
        if answer.text:
            assert _is_harmless(parse(answer.text))


async def test_static_files_are_kept_by_browsers_until_they_change(visit: Visit) -> None:
    """The style sheet's address names its content and may be kept for ever; without that, it is not kept."""
    address = visit.page.one("link", rel="stylesheet")["href"]
    kept, bare = [await visit.client.get(path) for path in (address, address.partition("?")[0])]

    assert kept.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert kept.headers["content-type"].startswith("text/css")
    assert bare.headers["cache-control"] == "no-store"


async def test_what_is_not_there_is_a_page_that_says_so(visit: Visit) -> None:
    """404, in words, with a way on."""
    for path in NOWHERE:
        answer = await visit.client.get(path)

        assert answer.status_code == 404, path
        page = parse(answer.text)
        assert page.one("h1").text == "There is nothing here"
        assert page.one("a", href="/")


async def test_the_apis_keep_answering_for_themselves(visit: Visit) -> None:
    """Below the paths of the APIs an error is a document for programs, never a page; a wrong method is still a 405."""
    expected = {
        ("GET", "/api/v1/nowhere"): 404,
        ("GET", "/sdk/nowhere"): 404,
        ("PUT", "/api/v1/projects"): 405,
    }
    for (method, path), status in expected.items():
        answer = await visit.client.request(method, path)
        assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    assert (await visit.client.get("/ofrep/nowhere")).headers["content-type"] == "application/json"


async def test_a_form_no_page_has_is_refused(visit: Visit) -> None:
    """Another content type, a broken encoding, no version, too many bytes: refused as such, never a failure."""
    form = visit.switch("checkout")
    fields = dict(form.fields)
    del fields["version"]
    expected = {
        400: [
            {"json": form.fields},
            {"data": fields},
            _body(b"csrf=%ff&version=1"),
            _body("csrf=ä".encode()),
        ],
        413: [_body(b"csrf=" + b"x" * 20_000)],
    }
    for status, requests in expected.items():
        for request in requests:
            answer = await visit.client.post(form["action"], **request)
            assert answer.status_code == status, request


async def test_a_form_that_is_too_large_is_refused_in_words(visit: Visit) -> None:
    """Too many bytes, announced or not, get a page like every other refusal."""

    async def unannounced() -> AsyncIterator[bytes]:
        for _ in range(3):
            yield b"x" * 8_000

    for content in (b"x" * 20_000, unannounced()):
        answer = await visit.client.post("/login", **_body(content))
        assert answer.status_code == 413
        assert parse(answer.text).one("h1").text == "That is too much at once"
        assert answer.headers["x-frame-options"] == "DENY"


async def test_what_no_browser_sends_is_no_failure(site: Site, visit: Visit) -> None:
    """A broken Referer and a path that is none are answered like anything else."""
    answer = await visit.client.post(f"{FLAGS}/checkout/enabled", headers={"Referer": "http://["})
    assert answer.status_code == 400
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    scope: dict[str, Any] = {
        "type": "http",
        "method": "OPTIONS",
        "path": "*",
        "raw_path": b"*",
        "query_string": b"",
        "headers": [],
    }
    scope |= {
        "http_version": "1.1",
        "scheme": "http",
        "server": ("flagd.test", 80),
        "client": None,
        "root_path": "",
    }
    await site.running.app(scope, receive, send)
    assert sent[0]["status"] == 404


async def test_a_failure_is_a_page_and_says_nothing_of_its_cause(
    site: Site, visit: Visit, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An unexpected error becomes a 500 in words with the same headers; the error itself goes to the log."""
    import httpx

    from flagd.web import listing

    async def fail(*_: object) -> None:
        raise RuntimeError("a secret detail")

    monkeypatch.setattr(listing, "flags_page", fail)
    transport = httpx.ASGITransport(site.running.app, raise_app_exceptions=False)
    async with httpx.AsyncClient(
        transport=transport, cookies=visit.client.cookies, base_url=str(visit.client.base_url)
    ) as client:
        answer = await client.get(FLAGS)

    assert answer.status_code == 500
    assert "secret" not in answer.text
    assert parse(answer.text).one("h1").text == "Something went wrong here"
    assert answer.headers["x-frame-options"] == "DENY"


async def test_a_message_somebody_else_wrote_is_not_shown(visit: Visit) -> None:
    """The message cookie is sealed: only what the pages themselves said is repeated."""
    visit.client.cookies.set("flagd_flash", "c2F5IHRoaXM.AAAA", domain="flagd.test", path="/")
    assert not (await visit.open(FLAGS)).all(class_="toast")


def _body(content: bytes | AsyncIterator[bytes]) -> dict[str, Any]:
    return {"content": content, "headers": {"Content-Type": "application/x-www-form-urlencoded"}}


def _is_harmless(page: Element) -> bool:
    """Whether nothing in the page runs, styles or loads from elsewhere."""
    for element in page.walk():
        loaded = [element[name] for name in ("src", "href", "action") if name in element.attributes]
        assert element.tag not in ("script", "style", "iframe", "object"), element
        assert not [name for name in element.attributes if name.startswith("on") or name == "style"], element
        assert all(address.startswith(("/", "#")) and not address.startswith("//") for address in loaded), (
            element
        )
    return True
