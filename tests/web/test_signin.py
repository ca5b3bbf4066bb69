"""Signing in and out: the form, the session behind it, and where it leads."""

from __future__ import annotations

from datetime import timedelta
from http.cookies import Morsel, SimpleCookie
from typing import TYPE_CHECKING

import httpx
import pytest

from tests.web.visits import EMAIL, FLAGS, PASSWORD, Site, Visit, form_to

if TYPE_CHECKING:
    from tests.services.application import StartApp

SESSION = "flagd_session"
ELSEWHERE = (
    "https://evil.example/",
    "//evil.example/",
    "/\\evil.example",
    "\\\\evil.example",
    "/\t/evil.example",
    "\n//evil.example",
    " //evil.example",
    "javascript:alert(1)",
    "evil.example",
    "/%0a//evil.example/",
    "",
)


async def test_a_visitor_signs_in_and_arrives_where_they_were_going(site: Site) -> None:
    """A page that needs a session asks for one, and comes back to the same address."""
    visit = site.visit()
    await visit.open(f"{FLAGS}?q=ship")
    assert visit.answer.url.path == "/login"

    page = await visit.sign_in()
    assert visit.path == f"{FLAGS}?q=ship"
    assert page.one(class_="person-name").text == "Ada Lovelace"
    await visit.client.aclose()


async def test_a_wrong_password_says_no_more_than_that(site: Site) -> None:
    """An unknown address and a wrong password get one answer; the address stays in its field, the password does not."""
    visit = site.visit()
    texts = []
    for email, password in ((EMAIL, "not the password"), ("nobody@example.com", PASSWORD)):
        page = await visit.sign_in(email, password)
        assert visit.answer.status_code == 401
        assert page.one("input", name="email")["value"] == email
        assert page.one("input", name="password").get("value") is None
        texts.append(page.one(role="alert").text)
    assert texts == ["The email or the password is wrong."] * 2
    assert SESSION not in visit.client.cookies
    await visit.client.aclose()


async def test_guessing_is_slowed_down(site: Site) -> None:
    """After a few failures even the right password has to wait, and the page says how long."""
    visit = site.visit()
    for _ in range(5):
        await visit.sign_in(password="guess guess guess")
    page = await visit.sign_in()

    assert visit.answer.status_code == 429
    wait = visit.answer.headers["retry-after"]
    assert page.one(role="alert").text == f"Too many attempts. Try again in {wait} seconds."
    await visit.client.aclose()


async def test_signing_out_ends_the_session_itself(site: Site, visit: Visit) -> None:
    """The cookie is dropped, and a copy of it opens nothing any more."""
    copy = visit.client.cookies[SESSION]
    await visit.send(form_to(visit.page, "/logout"))
    assert visit.answer.url.path == "/login"
    assert SESSION not in visit.client.cookies

    thief = site.visit()
    thief.client.cookies.set(SESSION, copy)
    await thief.open(FLAGS)
    assert thief.answer.url.path == "/login"
    await thief.client.aclose()


async def test_an_ended_session_is_said_so(site: Site, visit: Visit) -> None:
    """Sending a form after the session ended leads to the sign-in page, which says why and leads back to the list."""
    form = visit.switch("checkout")
    visit.client.cookies.set(SESSION, "gone", domain="flagd.test", path="/")
    page = await visit.send(form)

    assert visit.answer.url.path == "/login"
    assert page.one(role="status").text == "Your session has ended. Sign in again to go on."
    assert (await site.targeting("checkout"))["enabled"] is False
    await visit.sign_in()
    assert visit.path == FLAGS


async def test_a_session_that_is_too_old_opens_nothing(
    site: Site, visit: Visit, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A session ends after a week, whatever the browser keeps."""
    clock = site.running.app.state.resources.clock
    later = clock.now() + timedelta(days=8)
    monkeypatch.setattr(type(clock), "now", lambda self: later)
    await visit.open(FLAGS)

    assert visit.answer.url.path == "/login"


async def test_signing_in_never_leads_to_another_site(site: Site) -> None:
    """`next` is followed only to a path of this site, whether it came by the address or was put into the form."""
    for target in ELSEWHERE:
        visit = site.visit()
        visit.answer = await visit.client.get("/login", params={"next": target})
        form = visit.page.one("form")
        fields = {**form.fields, "next": target, "email": EMAIL, "password": PASSWORD}
        sent = await visit.client.post("/login", data=fields)

        assert sent.status_code == 303
        for address in (form.fields["next"], sent.headers["location"]):
            assert address.startswith("/"), target
            assert not address.startswith(("//", "/\\")), target
            assert sent.url.join(address).host == "flagd.test"
        await visit.client.aclose()


async def test_who_is_signed_in_is_not_asked_again(visit: Visit) -> None:
    """The sign-in page leads on at once, and still only to this site."""
    await visit.open(f"/login?next={FLAGS}")
    assert visit.path == FLAGS

    answer = await visit.client.get("/login", params={"next": "//evil.example"})
    assert answer.headers["location"] == "/"


async def test_cookies_are_out_of_reach_of_scripts_and_other_sites(site: Site) -> None:
    """Every cookie is HttpOnly and SameSite=Lax for the whole site; without https none is Secure."""
    visit = site.visit()
    await visit.sign_in()
    cookies = [cookie for answer in (*visit.answer.history, visit.answer) for cookie in _set_by(answer)]

    assert SESSION in {cookie.key for cookie in cookies}
    for cookie in cookies:
        assert cookie["httponly"]
        assert cookie["samesite"] == "lax"
        assert cookie["path"] == "/"
        assert not cookie["secure"]
    await visit.client.aclose()


async def test_cookies_are_secure_behind_https(start_app: StartApp, sqlite_url: str) -> None:
    """With the setting, and for a request that came by https, cookies are Secure and bound to this very host."""
    plain = await start_app(database_url=sqlite_url)
    strict = await start_app(database_url=sqlite_url, secure_cookies=True)
    answers = [await plain.client.get("https://flagd.test/login"), await strict.client.get("/login")]

    for answer in answers:
        (cookie,) = _set_by(answer)
        assert cookie["secure"]
        assert cookie.key == "__Host-flagd_sign_in"


def _set_by(answer: httpx.Response) -> list[Morsel[str]]:
    cookies: list[Morsel[str]] = []
    for header in answer.headers.get_list("set-cookie"):
        cookies.extend(SimpleCookie(header).values())
    return cookies
