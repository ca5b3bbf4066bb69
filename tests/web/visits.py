"""A person at the pages: signs in, opens pages, sends the forms that are on them, with what the pages put there."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, Final
from urllib.parse import urljoin

import httpx
from argon2 import PasswordHasher

from flagd.access.people.passwords import Passwords
from flagd.access.people.signin import SignIn
from flagd.access.people.users import NewUser, create_user
from flagd.infra.changes import Actor
from tests.services.application import ADDRESS, RunningApp
from tests.web.document import Element, parse

EMAIL: Final = "ada@example.com"
PASSWORD: Final = "correct horse battery staple"
FLAGS: Final = "/projects/shop/environments/production/flags"
API: Final = "/api/v1/projects/shop"
QUICK: Final = Passwords(PasswordHasher(time_cost=1, memory_cost=64, parallelism=1))
"""Passwords as in the program, but for what one comparison costs."""


@dataclass
class Site:
    """A running application with the project `shop` and a user, and its API for preparing and checking."""

    running: RunningApp

    def __post_init__(self) -> None:
        """Has signing in cost next to nothing."""
        state = self.running.app.state
        known = state.resources
        state.resources = replace(known, sign_in=SignIn(known.database, known.clock, QUICK))

    async def api(self, method: str, path: str, json: Any = None, version: int | None = None) -> Any:
        """Calls the API with a key that may do everything; returns the answer's document."""
        headers = dict(self.running.admin_headers)
        if version is not None:
            headers["If-Match"] = f'"v{version}"'
        answer = await self.running.client.request(method, path, json=json, headers=headers)
        assert answer.is_success, answer.text
        return answer.json()

    async def add_flag(self, key: str, **members: Any) -> None:
        """Creates a flag; boolean unless something else is said."""
        await self.api("POST", f"{API}/flags", {"key": key, "name": key, "kind": "boolean", **members})

    async def targeting(self, flag: str, environment: str = "production") -> Any:
        """How the flag answers."""
        return await self.api("GET", f"{API}/flags/{flag}/environments/{environment}")

    async def target(self, flag: str, patch: dict[str, Any]) -> None:
        """Changes how the flag answers in production, as somebody else would."""
        version = (await self.targeting(flag))["version"]
        await self.api("PATCH", f"{API}/flags/{flag}/environments/production", patch, version)

    async def add_user(self, email: str, name: str) -> None:
        """Somebody who may sign in with PASSWORD."""
        known = self.running.app.state.resources
        hashed = await QUICK.hash(PASSWORD)
        async with known.database.write() as tx:
            actor = Actor("system", "tests", "tests")
            await create_user(tx, actor, NewUser(email, name, hashed), known.clock.now())

    def visit(self) -> Visit:
        """A browser of its own, without cookies."""
        return Visit(httpx.AsyncClient(transport=httpx.ASGITransport(self.running.app), base_url=ADDRESS))


@dataclass
class Visit:
    """One browser: follows redirects as browsers do and knows the page it is at."""

    client: httpx.AsyncClient
    answer: httpx.Response = field(init=False)

    @property
    def page(self) -> Element:
        """The page it is at."""
        return parse(self.answer.text)

    @property
    def path(self) -> str:
        """The address it is at, without the host."""
        return self.answer.url.raw_path.decode()

    async def open(self, path: str) -> Element:
        """Opens an address."""
        self.answer = await self.client.get(path, follow_redirects=True)
        return self.page

    async def send(self, form: Element, **typed: str) -> Element:
        """Sends a form that is on the page, with what was typed into it."""
        address = urljoin(str(self.answer.url), form["action"])
        values = {**form.fields, **typed}
        searching = form["method"] == "get"
        self.answer = await self.client.request(
            form["method"],
            address,
            params=values if searching else None,
            data=None if searching else values,
            headers={"Referer": str(self.answer.url.copy_with(fragment=None))},
            follow_redirects=True,
        )
        return self.page

    async def sign_in(self, email: str = EMAIL, password: str = PASSWORD) -> Element:
        """Signs in at the sign-in page, opening it first where the browser is not there."""
        if not hasattr(self, "answer") or self.answer.url.path != "/login":
            await self.open("/login")
        return await self.send(self.page.one("form"), email=email, password=password)

    def row(self, flag: str) -> Element:
        """The flag's row."""
        return self.page.one("li", id=f"flag-{flag}")

    def switch(self, flag: str) -> Element:
        """The form around the flag's switch."""
        return form_to(self.row(flag), f"/{flag}/enabled")

    def rollout(self, flag: str) -> Element:
        """The form around the flag's percentage."""
        return form_to(self.row(flag), f"/{flag}/rollout")


def form_to(place: Element, end: str) -> Element:
    """The first form whose address ends so, its query left out."""
    return next(form for form in place.all("form") if form["action"].partition("?")[0].endswith(end))


def is_on(row: Element) -> bool:
    """What the row's switch says."""
    return row.one("button", role="switch")["aria-checked"] == "true"
