"""API keys over HTTP: managing them, and what each kind opens."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from flagd.access import keys
from flagd.access.service import NewApiKey, create_key
from flagd.access.store import write_last_used
from flagd.errors import Unavailable
from flagd.infra.changes import Actor
from flagd.infra.clock import SystemClock
from flagd.infra.db import Database
from tests.services.application import RunningApp

Headers = dict[str, str]
Make = Callable[..., Awaitable[dict[str, Any]]]

KEYS = "/api/v1/keys"
SNAPSHOT = "/sdk/v1/snapshot"
BULK = "/ofrep/v1/evaluate/flags"
CONTEXT = {"context": {"targetingKey": "ada"}}


def bearer(token: str) -> Headers:
    """The header that shows a key."""
    return {"Authorization": f"Bearer {token}"}


@pytest.fixture
async def places(client: httpx.AsyncClient, admin_headers: Headers) -> None:
    """The projects `shop` and `bank`, each with the environment `production`."""
    for key in ("shop", "bank"):
        body = {"key": key, "name": key}
        created = await client.post("/api/v1/projects", json=body, headers=admin_headers)
        assert created.status_code == 201
        environment = {"key": "production", "name": "Production"}
        path = f"/api/v1/projects/{key}/environments"
        assert (await client.post(path, json=environment, headers=admin_headers)).status_code == 201


@pytest.fixture
def make(client: httpx.AsyncClient, admin_headers: Headers, places: None) -> Make:
    """Creates a key."""

    async def create(kind: str, **fields: Any) -> dict[str, Any]:
        place = {} if kind == "admin" else {"project": "shop", "environment": "production"}
        body = {"kind": kind, "name": f"a {kind} key"} | place | fields
        created = await client.post(KEYS, json=body, headers=admin_headers)
        assert created.status_code == 201, created.text
        key: dict[str, Any] = created.json()
        return key

    return create


async def expired(database_url: str) -> str:
    """The text of an admin key that ran out a moment ago."""
    database = Database(database_url)
    now = SystemClock().now()
    before = now - timedelta(hours=2)
    async with database.write() as tx:
        new = NewApiKey("admin", "old", expires_at=now - timedelta(seconds=1))
        _, token = await create_key(tx, Actor("system", "tests", "tests"), new, before)
    await database.close()
    return token


async def test_a_key_is_shown_once(client: httpx.AsyncClient, admin_headers: Headers, make: Make) -> None:
    """The text of a key is in the answer that creates it, which nothing may store, and in no other."""
    body = {"kind": "server", "name": "Läden 🛒", "project": "shop", "environment": "production"}
    created = await client.post(KEYS, json=body, headers=admin_headers)
    key = created.json()
    assert created.headers["Cache-Control"] == "no-store"
    assert created.headers["Location"] == f"{KEYS}/{key['id']}"
    assert keys.kind_of(key["token"]) == "server"
    assert key["token"].endswith(key["hint"])

    read = await client.get(created.headers["Location"], headers=admin_headers)
    assert read.json() == {name: value for name, value in key.items() if name != "token"}
    secret = key["token"].split("_", 2)[2]
    for path in (KEYS, "/api/v1/changes", created.headers["Location"]):
        assert secret not in (await client.get(path, headers=admin_headers)).text
        assert keys.digest_of(key["token"]) not in (await client.get(path, headers=admin_headers)).text


async def test_a_new_key_works_from_the_moment_it_is_known(client: httpx.AsyncClient, make: Make) -> None:
    """An application may use its key at once, as a Bearer token or as X-API-Key."""
    token = (await make("server"))["token"]
    assert (await client.get(SNAPSHOT, headers=bearer(token))).status_code == 200
    assert (await client.get(SNAPSHOT, headers={"X-API-Key": token})).status_code == 200
    assert (await client.get(SNAPSHOT, headers={"Authorization": f"bearer {token}"})).status_code == 200
    admin = (await make("admin"))["token"]
    assert (await client.get(KEYS, headers={"X-API-Key": admin})).status_code == 200


async def test_each_kind_opens_what_it_is_for(client: httpx.AsyncClient, make: Make) -> None:
    """A server key reads snapshots and evaluates, a client key only evaluates, an admin key only manages."""
    server, client_key, admin = [(await make(kind))["token"] for kind in ("server", "client", "admin")]
    opened = {
        name: (
            (await client.get(SNAPSHOT, headers=bearer(token))).status_code,
            (await client.post(BULK, json=CONTEXT, headers=bearer(token))).status_code,
            (await client.get("/api/v1/projects", headers=bearer(token))).status_code,
        )
        for name, token in (("server", server), ("client", client_key), ("admin", admin))
    }
    assert opened == {"server": (200, 200, 403), "client": (403, 200, 403), "admin": (401, 401, 200)}


async def test_a_revoked_key_opens_nothing(
    client: httpx.AsyncClient, admin_headers: Headers, make: Make
) -> None:
    """A revoked key is refused from then on; revoking it again is no error and changes nothing."""
    for kind, path in (("server", SNAPSHOT), ("admin", KEYS)):
        key = await make(kind)
        assert (await client.get(path, headers=bearer(key["token"]))).status_code == 200
        revoked = await client.post(f"{KEYS}/{key['id']}/revoke", headers=admin_headers)
        assert revoked.json()["revoked_at"] is not None
        refused = await client.get(path, headers=bearer(key["token"]))
        assert (refused.status_code, refused.headers["WWW-Authenticate"]) == (401, "Bearer")
        again = await client.post(f"{KEYS}/{key['id']}/revoke", headers=admin_headers)
        assert again.json()["revoked_at"] == revoked.json()["revoked_at"]
    logged = await client.get("/api/v1/changes", params={"object_type": "api_key"}, headers=admin_headers)
    assert [item["action"] for item in logged.json()["items"]].count("revoke") == 2


async def test_an_expired_key_opens_nothing(client: httpx.AsyncClient, database_url: str) -> None:
    """A key past its expiry is refused like an unknown one."""
    refused = await client.get(KEYS, headers=bearer(await expired(database_url)))
    unknown = await client.get(KEYS, headers=bearer(keys.make("admin").token))
    assert (refused.status_code, refused.json()) == (401, unknown.json())


async def test_what_is_no_key_opens_nothing(client: httpx.AsyncClient, admin_headers: Headers) -> None:
    """Without a key, with another scheme, another text or half a key, every answer is 401."""
    token = admin_headers["Authorization"].partition(" ")[2]
    headers: list[Headers] = [
        {},
        {"Authorization": "Basic YTpi"},
        {"Authorization": "Bearer"},
        {"Authorization": f"Bearer {token[:-1]}"},
        {"Authorization": f"Token {token}"},
        {"X-API-Key": "nonsense"},
        {"X-API-Key": ""},
        bearer(keys.digest_of(token)),
    ]
    for sent in headers:
        assert (await client.get(KEYS, headers=sent)).status_code == 401, sent


BAD_KEYS: list[tuple[dict[str, Any], str]] = [
    ({"name": "x"}, "#/kind"),
    ({"kind": "owner", "name": "x"}, "#/kind"),
    ({"kind": "admin"}, "#/name"),
    ({"kind": "admin", "name": ""}, "#/name"),
    ({"kind": "admin", "name": "a\nb"}, "#/name"),
    ({"kind": "admin", "name": "x" * 129}, "#/name"),
    ({"kind": "admin", "name": "x", "token": "mine"}, "#/token"),
    ({"kind": "admin", "name": "x", "project": "nowhere"}, "#/project"),
    ({"kind": "admin", "name": "x", "project": "shop", "environment": "production"}, "#/environment"),
    ({"kind": "server", "name": "x"}, "#/project"),
    ({"kind": "server", "name": "x", "environment": "production"}, "#/project"),
    ({"kind": "client", "name": "x", "project": "shop"}, "#/environment"),
    ({"kind": "client", "name": "x", "project": "shop", "environment": "nowhere"}, "#/environment"),
    ({"kind": "admin", "name": "x", "expires_at": "2001-01-01T00:00:00Z"}, "#/expires_at"),
    ({"kind": "admin", "name": "x", "expires_at": "2100-01-01T00:00:00"}, "#/expires_at"),
    ({"kind": "admin", "name": "x", "expires_at": "soon"}, "#/expires_at"),
]


async def test_bad_input_names_the_field(
    client: httpx.AsyncClient, admin_headers: Headers, places: None
) -> None:
    """Whatever is wrong with a field of a key, the refusal points at that field, and no key is made."""
    before = (await client.get(KEYS, headers=admin_headers)).json()
    for body, pointer in BAD_KEYS:
        refused = await client.post(KEYS, json=body, headers=admin_headers)
        assert refused.status_code == 422, (body, refused.text)
        assert [error["pointer"] for error in refused.json()["errors"]] == [pointer], body
    nul = await client.post(KEYS, json={"kind": "admin", "name": "a\0"}, headers=admin_headers)
    assert nul.status_code == 400
    listed = (await client.get(KEYS, headers=admin_headers)).json()
    assert [key["id"] for key in listed["items"]] == [key["id"] for key in before["items"]]


async def test_no_key_is_made_for_what_is_archived(
    client: httpx.AsyncClient, admin_headers: Headers, places: None
) -> None:
    """An archived environment gets no new key."""
    path = "/api/v1/projects/shop/environments/production/archive"
    await client.post(path, headers=admin_headers | {"If-Match": '"v1"'})
    body = {"kind": "server", "name": "x", "project": "shop", "environment": "production"}
    refused = await client.post(KEYS, json=body, headers=admin_headers)
    assert [error["pointer"] for error in refused.json()["errors"]] == ["#/environment"]


async def test_an_admin_key_limited_to_a_project_stays_there(client: httpx.AsyncClient, make: Make) -> None:
    """It manages its project, is told nothing of others, not even whether they exist, and cannot free itself."""
    limited = bearer((await make("admin", project="shop"))["token"])
    assert (await client.get("/api/v1/projects/shop", headers=limited)).status_code == 200
    listed = (await client.get("/api/v1/projects", headers=limited)).json()["items"]
    assert [item["key"] for item in listed] == ["shop"]

    other, missing = [
        await client.get(f"/api/v1/projects/{key}", headers=limited) for key in ("bank", "none")
    ]
    assert (other.status_code, other.json()) == (403, missing.json())
    new = {"key": "mine", "name": "Mine"}
    assert (await client.post("/api/v1/projects", json=new, headers=limited)).status_code == 403
    environments = "/api/v1/projects/{}/environments"
    assert (await client.post(environments.format("shop"), json=new, headers=limited)).status_code == 201
    assert (await client.post(environments.format("bank"), json=new, headers=limited)).status_code == 403

    wanted: list[tuple[dict[str, Any], int]] = [
        ({"kind": "admin"}, 403),
        ({"kind": "admin", "project": "bank"}, 403),
        ({"kind": "admin", "project": "none"}, 403),
        ({"kind": "server", "project": "bank", "environment": "production"}, 403),
        ({"kind": "admin", "project": "shop"}, 201),
        ({"kind": "server", "project": "shop", "environment": "production"}, 201),
    ]
    for place, status in wanted:
        asked = await client.post(KEYS, json={"name": "x"} | place, headers=limited)
        assert asked.status_code == status, place


async def test_a_limited_key_sees_the_keys_of_its_project_only(
    client: httpx.AsyncClient, admin_headers: Headers, make: Make
) -> None:
    """Keys of other projects and of the installation are not listed, read or revoked by it."""
    limited = bearer((await make("admin", project="shop"))["token"])
    inside = await make("server")
    outside = [await make("server", project="bank"), await make("admin")]
    listed = (await client.get(KEYS, headers=limited)).json()["items"]
    assert {item["project"] for item in listed} == {"shop"}
    assert inside["id"] in [item["id"] for item in listed]
    for key in outside:
        assert (await client.get(f"{KEYS}/{key['id']}", headers=limited)).status_code == 404
        assert (await client.post(f"{KEYS}/{key['id']}/revoke", headers=limited)).status_code == 404
        assert (await client.get(f"{KEYS}/{key['id']}", headers=admin_headers)).json()["revoked_at"] is None


async def test_pages_of_keys_are_stable(
    client: httpx.AsyncClient, admin_headers: Headers, make: Make
) -> None:
    """Walking the list shows each key once, in the order they were made, while more are made."""
    made = [(await make("client", name=f"key {number}"))["id"] for number in range(5)]
    seen: list[str] = []
    query: dict[str, Any] = {"limit": 2}
    while True:
        page = (await client.get(KEYS, params=query, headers=admin_headers)).json()
        seen += [key["id"] for key in page["items"]]
        if page["next_cursor"] is None:
            break
        query["cursor"] = page["next_cursor"]
        if len(seen) < 4:
            made.append((await make("client", name="later"))["id"])
    assert [key for key in seen if key in made] == made
    assert len(seen) == len(set(seen))


async def test_what_is_no_id_is_not_found(client: httpx.AsyncClient, admin_headers: Headers) -> None:
    """An unknown id, a text that is none and a forged cursor are refused without an error of the database."""
    for key_id in ("0199c0de-0000-7000-8000-000000000000", "nonsense", "a%00b", "%F0%9F%9B%92"):
        assert (await client.get(f"{KEYS}/{key_id}", headers=admin_headers)).status_code == 404
        assert (await client.post(f"{KEYS}/{key_id}/revoke", headers=admin_headers)).status_code == 404
    for cursor in ("eyJpZCI6ICJub25zZW5zZSJ9", "eyJpZCI6IDF9", "x"):
        assert (await client.get(KEYS, params={"cursor": cursor}, headers=admin_headers)).status_code == 422


async def test_uses_of_a_key_are_written(
    client: httpx.AsyncClient, admin_headers: Headers, running_app: RunningApp, make: Make
) -> None:
    """The time of last use of a server key and of an admin key can be read once it was flushed."""
    server, admin = await make("server"), await make("admin")
    await client.get(SNAPSHOT, headers=bearer(server["token"]))
    await client.get(KEYS, headers=bearer(admin["token"]))
    resources = running_app.app.state.resources
    await resources.keyring.flush_last_used(resources.database)
    for key in (server, admin):
        read = (await client.get(f"{KEYS}/{key['id']}", headers=admin_headers)).json()
        assert abs(datetime.fromisoformat(read["last_used_at"]) - datetime.now(UTC)) < timedelta(minutes=1)


async def test_a_key_that_expires_is_shown_with_its_time(make: Make) -> None:
    """An expiry given in another time zone is kept as the same instant."""
    key = await make("server", expires_at="2100-01-01T02:00:00+02:00")
    assert datetime.fromisoformat(key["expires_at"]) == datetime(2100, 1, 1, tzinfo=UTC)


async def test_a_use_of_a_key_that_is_gone_is_forgotten(database: Database) -> None:
    """A time of last use for a key that no row holds any more is no error."""
    async with database.write() as tx:
        await write_last_used(tx, {"0199c0de-0000-7000-8000-000000000000": SystemClock().now()})


@pytest.mark.parametrize(
    "expires_at",
    [
        "9999-12-31T23:59:59-12:00",
        "9999-12-31T23:59:59Z",
        "0001-01-01T00:00:00+12:00",
        4102444800,
        4102444800.5,
        "4102444800",
        True,
        "2100-01-01T00:00:00",
        "2100-01-01",
    ],
)
async def test_an_expiry_is_an_instant_written_out(
    client: httpx.AsyncClient, admin_headers: Headers, expires_at: object
) -> None:
    """Numbers, days without a time, times without a zone and instants beyond the calendar are refused by field."""
    body = {"kind": "admin", "name": "k", "expires_at": expires_at}
    refused = await client.post(KEYS, json=body, headers=admin_headers)
    assert refused.status_code == 422
    assert [error["pointer"] for error in refused.json()["errors"]] == ["#/expires_at"]


async def test_what_was_written_is_answered_whatever_fails_afterwards(
    client: httpx.AsyncClient,
    admin_headers: Headers,
    running_app: RunningApp,
    make: Make,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A database that goes away right after the commit costs nobody the text of the key that was made."""

    async def away(database: Database) -> None:
        raise Unavailable("the database went away")

    keyring = running_app.app.state.resources.keyring
    monkeypatch.setattr(keyring, "refresh", away)
    made = await make("server")
    revoked = await client.post(f"{KEYS}/{made['id']}/revoke", headers=admin_headers)
    assert revoked.status_code == 200
    assert revoked.json()["revoked_at"] is not None
