"""Projects and environments over HTTP, on both databases."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest

Headers = dict[str, str]
Make = Callable[..., Awaitable[httpx.Response]]

NOWHERE = "/api/v1/projects/nowhere"


@pytest.fixture
def make(client: httpx.AsyncClient, admin_headers: Headers) -> Make:
    """Creates a project, or an environment of the project `within`."""

    async def create(key: str, within: str | None = None, **fields: Any) -> httpx.Response:
        path = "/api/v1/projects" if within is None else f"/api/v1/projects/{within}/environments"
        body = {"key": key, "name": key.title()} | fields
        return await client.post(path, json=body, headers=admin_headers)

    return create


@pytest.fixture
async def shop(make: Make) -> str:
    """The address of a project with the environment `production`."""
    created = await make("shop")
    assert created.status_code == 201
    assert (await make("production", within="shop")).status_code == 201
    return "/api/v1/projects/shop"


async def changes(client: httpx.AsyncClient, headers: Headers, **filters: str) -> list[dict[str, Any]]:
    """The change log, newest first."""
    answer = await client.get("/api/v1/changes", params=filters, headers=headers)
    assert answer.status_code == 200, answer.text
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


def pointers(answer: httpx.Response) -> list[str]:
    """Which fields of the body a refusal names."""
    return [error["pointer"] for error in answer.json()["errors"]]


async def test_a_project_is_created_read_and_changed(
    client: httpx.AsyncClient, admin_headers: Headers, make: Make
) -> None:
    """A project carries its version from creation through a change, in the body and as its entity tag."""
    created = await make("shop", name="Boutique Ünïcødé 🛒", description="Schuhe\nund Hüte")
    assert created.status_code == 201
    assert created.headers["ETag"] == '"v1"'
    assert created.headers["Location"] == "/api/v1/projects/shop"

    read = await client.get(created.headers["Location"], headers=admin_headers)
    assert read.json() == created.json()
    assert read.json()["name"] == "Boutique Ünïcødé 🛒"
    assert read.json()["archived"] is False
    assert read.json()["created_at"].endswith("Z")

    patched = await client.patch(
        "/api/v1/projects/shop", json={"name": "店"}, headers=admin_headers | {"If-Match": '"v1"'}
    )
    assert patched.status_code == 200
    assert patched.headers["ETag"] == '"v2"'
    assert patched.json()["name"] == "店"
    assert patched.json()["description"] == "Schuhe\nund Hüte"
    assert patched.json()["version"] == 2


async def test_a_key_is_used_once(make: Make, shop: str) -> None:
    """A second project or environment under a key is a conflict that names the field; elsewhere it is none."""
    again = await make("shop")
    assert again.status_code == 409
    assert again.headers["content-type"] == "application/problem+json"
    assert pointers(again) == ["#/key"]
    assert (await make("production", within="shop")).status_code == 409
    await make("other")
    assert (await make("production", within="other")).status_code == 201


async def test_a_race_for_a_key_has_one_winner(make: Make) -> None:
    """Of many creations of one key at once, one succeeds and the others are told that it is taken."""
    answers = await asyncio.gather(*(make("shop") for _ in range(6)))
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409, 409, 409]


BAD_PROJECTS: list[tuple[dict[str, Any], str]] = [
    ({"name": "No key"}, "#/key"),
    ({"key": "a b", "name": "A"}, "#/key"),
    ({"key": "a" * 129, "name": "A"}, "#/key"),
    ({"key": "a", "name": ""}, "#/name"),
    ({"key": "a", "name": " \t"}, "#/name"),
    ({"key": "a", "name": "two\nlines"}, "#/name"),
    ({"key": "a", "name": 1}, "#/name"),
    ({"key": "a", "name": "A", "description": "x" * 2001}, "#/description"),
    ({"key": "a", "name": "A", "nmae": "A"}, "#/nmae"),
    ({"key": "a", "name": "A", "a/b~": 1}, "#/a~1b~0"),
]


async def test_bad_input_names_the_field(client: httpx.AsyncClient, admin_headers: Headers) -> None:
    """Whatever is wrong with a field, the refusal points at that field."""
    for body, pointer in BAD_PROJECTS:
        refused = await client.post("/api/v1/projects", json=body, headers=admin_headers)
        assert refused.status_code == 422, (body, refused.text)
        assert pointers(refused) == [pointer], body


@pytest.mark.parametrize("field", ["key", "name", "description"])
async def test_nul_characters_never_reach_the_database(
    client: httpx.AsyncClient, admin_headers: Headers, field: str
) -> None:
    """A NUL in any text is refused as such, in a body, in a path and in a query."""
    body = {"key": "a", "name": "A", "description": ""} | {field: "a\0b"}
    assert (await client.post("/api/v1/projects", json=body, headers=admin_headers)).status_code == 400
    assert (await client.get("/api/v1/projects/a%00b", headers=admin_headers)).status_code == 404
    listed = await client.get("/api/v1/projects?cursor=%00", headers=admin_headers)
    assert listed.status_code == 422


async def test_a_name_given_twice_is_ambiguous(client: httpx.AsyncClient, admin_headers: Headers) -> None:
    """A body whose object repeats a name is not guessed at."""
    content = b'{"key": "a", "name": "A", "key": "b"}'
    headers = admin_headers | {"Content-Type": "application/json"}
    assert (await client.post("/api/v1/projects", content=content, headers=headers)).status_code == 400


async def test_nothing_is_changed_without_a_version(
    client: httpx.AsyncClient, admin_headers: Headers, shop: str
) -> None:
    """A write without If-Match is asked for it, and one with an unusable value is refused."""
    for method, path in (("PATCH", shop), ("POST", f"{shop}/archive"), ("POST", f"{shop}/restore")):
        body: dict[str, Any] = {"json": {}} if method == "PATCH" else {}
        missing = await client.request(method, path, headers=admin_headers, **body)
        assert missing.status_code == 428
        for value in ("*", "v1", '"1"', 'W/"v1"', '"v1", "v2"'):
            unusable = await client.request(method, path, headers=admin_headers | {"If-Match": value}, **body)
            assert unusable.status_code == 400, value


async def test_an_old_version_is_refused_with_the_current_one(
    client: httpx.AsyncClient, admin_headers: Headers, shop: str
) -> None:
    """A write based on a version that is no longer current changes nothing and is told the current one."""
    for path in (shop, f"{shop}/environments/production"):
        version = (await client.get(path, headers=admin_headers)).json()["version"]
        first = admin_headers | {"If-Match": f'"v{version}"'}
        assert (await client.patch(path, json={"name": "One"}, headers=first)).status_code == 200
        late = await client.patch(path, json={"name": "Two"}, headers=first)
        assert late.status_code == 412
        assert late.headers["ETag"] == f'"v{version + 1}"'
        assert (await client.get(path, headers=admin_headers)).json()["name"] == "One"


async def test_writers_at_once_do_not_overwrite_each_other(
    client: httpx.AsyncClient, admin_headers: Headers, shop: str
) -> None:
    """Of several writes based on the same version, one succeeds and the others learn of it."""
    headers = admin_headers | {"If-Match": '"v1"'}
    bodies = [{"name": f"Name {number}"} for number in range(5)]
    answers = await asyncio.gather(*(client.patch(shop, json=body, headers=headers) for body in bodies))
    assert sorted(answer.status_code for answer in answers) == [200, 412, 412, 412, 412]
    assert {a.headers["ETag"] for a in answers} == {'"v2"'}


async def test_a_patch_without_a_difference_writes_nothing(
    client: httpx.AsyncClient, admin_headers: Headers, shop: str
) -> None:
    """A patch that leaves everything as it was answers with the same version and is not logged."""
    before = await changes(client, admin_headers)
    for path in (shop, f"{shop}/environments/production"):
        current = (await client.get(path, headers=admin_headers)).json()
        for body in ({}, {"name": current["name"]}):
            same = await client.patch(path, json=body, headers=admin_headers | {"If-Match": '"v1"'})
            assert same.status_code == 200
            assert same.headers["ETag"] == '"v1"'
            assert same.json() == current
    assert await changes(client, admin_headers) == before


@pytest.mark.parametrize(
    ("body", "pointer"),
    [({"name": None}, "#/name"), ({"key": "other"}, "#/key"), ({"version": 1}, "#/version")],
)
async def test_a_patch_refuses_what_cannot_change(
    client: httpx.AsyncClient, admin_headers: Headers, shop: str, body: dict[str, Any], pointer: str
) -> None:
    """A key, a version and a name of null are refused by name."""
    refused = await client.patch(shop, json=body, headers=admin_headers | {"If-Match": '"v1"'})
    assert refused.status_code == 422
    assert pointers(refused) == [pointer]


async def test_a_null_description_is_an_empty_one(
    client: httpx.AsyncClient, admin_headers: Headers, make: Make
) -> None:
    """The merge patch removes a description by null."""
    await make("shop", description="something")
    patched = await client.patch(
        "/api/v1/projects/shop", json={"description": None}, headers=admin_headers | {"If-Match": '"v1"'}
    )
    assert patched.json()["description"] == ""


async def test_an_archived_project_is_closed_until_it_is_restored(
    client: httpx.AsyncClient, admin_headers: Headers, make: Make, shop: str
) -> None:
    """An archived project is readable, out of the list, and refuses every change in it; restoring opens it."""
    archived = await client.post(f"{shop}/archive", headers=admin_headers | {"If-Match": '"v1"'})
    assert (archived.status_code, archived.json()["archived"]) == (200, True)
    assert (await client.get(shop, headers=admin_headers)).json()["archived"] is True

    listed = (await client.get("/api/v1/projects", headers=admin_headers)).json()["items"]
    everything = await client.get("/api/v1/projects", params={"archived": "true"}, headers=admin_headers)
    assert "shop" not in [item["key"] for item in listed]
    assert "shop" in [item["key"] for item in everything.json()["items"]]

    version = admin_headers | {"If-Match": '"v2"'}
    assert (await client.patch(shop, json={"name": "X"}, headers=version)).status_code == 409
    assert (await make("staging", within="shop")).status_code == 409
    production = f"{shop}/environments/production"
    first = admin_headers | {"If-Match": '"v1"'}
    assert (await client.patch(production, json={"name": "X"}, headers=first)).status_code == 409
    assert (await client.post(f"{shop}/archive", headers=version)).headers["ETag"] == '"v2"'

    restored = await client.post(f"{shop}/restore", headers=version)
    assert (restored.headers["ETag"], restored.json()["archived"]) == ('"v3"', False)
    assert (await client.patch(production, json={"name": "X"}, headers=first)).status_code == 200
    assert (await make("shop")).status_code == 409


async def test_an_archived_environment_is_closed_until_it_is_restored(
    client: httpx.AsyncClient, admin_headers: Headers, shop: str
) -> None:
    """An archived environment is readable, out of the list, and refuses changes; restoring opens it."""
    production = f"{shop}/environments/production"
    archived = await client.post(f"{production}/archive", headers=admin_headers | {"If-Match": '"v1"'})
    assert (archived.headers["ETag"], archived.json()["archived"]) == ('"v2"', True)
    assert (await client.get(f"{shop}/environments", headers=admin_headers)).json()["items"] == []
    everything = await client.get(f"{shop}/environments", params={"archived": "true"}, headers=admin_headers)
    assert [item["key"] for item in everything.json()["items"]] == ["production"]

    version = admin_headers | {"If-Match": '"v2"'}
    assert (await client.patch(production, json={"position": 7}, headers=version)).status_code == 409
    assert (await client.post(f"{production}/restore", headers=version)).status_code == 200
    changed = await client.patch(
        production, json={"position": 7}, headers=admin_headers | {"If-Match": '"v3"'}
    )
    assert changed.json()["position"] == 7


async def test_environments_come_in_the_order_of_their_positions(
    client: httpx.AsyncClient, admin_headers: Headers, make: Make, shop: str
) -> None:
    """A new environment comes last; positions order the list, and ties go by key."""
    assert (await make("staging", within="shop")).json()["position"] == 1
    assert (await make("canary", within="shop", position=1)).json()["position"] == 1
    assert (await make("development", within="shop", position=0)).json()["position"] == 0
    seen: list[str] = []
    cursor = None
    while True:
        query = {"limit": 1} | ({} if cursor is None else {"cursor": cursor})
        page = await client.get(f"{shop}/environments", params=query, headers=admin_headers)
        seen += [item["key"] for item in page.json()["items"]]
        cursor = page.json()["next_cursor"]
        if cursor is None:
            break
    assert seen == ["development", "production", "canary", "staging"]


async def test_an_environment_counts_its_revisions(
    client: httpx.AsyncClient, admin_headers: Headers, shop: str
) -> None:
    """A new environment is at revision 1, and each change of it is the next one and shown at once."""
    production = f"{shop}/environments/production"
    assert (await client.get(production, headers=admin_headers)).json()["revision"] == 1
    patched = await client.patch(
        production, json={"name": "Live"}, headers=admin_headers | {"If-Match": '"v1"'}
    )
    assert patched.json()["revision"] == 2
    assert (await client.get(production, headers=admin_headers)).json() == patched.json()


async def test_every_write_is_in_the_change_log(
    client: httpx.AsyncClient, admin_headers: Headers, shop: str
) -> None:
    """Each write is logged once with who did it, what it did, and the object before and after."""
    await client.patch(shop, json={"name": "Boutique"}, headers=admin_headers | {"If-Match": '"v1"'})
    await client.post(f"{shop}/archive", headers=admin_headers | {"If-Match": '"v2"'})
    logged = await changes(client, admin_headers, project="shop")
    assert [(item["object_type"], item["action"]) for item in logged] == [
        ("project", "archive"),
        ("project", "update"),
        ("environment", "create"),
        ("project", "create"),
    ]
    update = logged[1]
    assert (update["before"]["name"], update["after"]["name"]) == ("Shop", "Boutique")
    assert logged[3]["before"] is None


async def test_pages_are_stable_while_projects_come_and_go(
    client: httpx.AsyncClient, admin_headers: Headers, make: Make
) -> None:
    """Walking the list shows every project that was there throughout once, whatever happens meanwhile."""
    for number in range(7):
        await make(f"p{number}")
    seen: list[str] = []
    cursor = None
    while True:
        query = {"limit": 2} | ({} if cursor is None else {"cursor": cursor})
        page = (await client.get("/api/v1/projects", params=query, headers=admin_headers)).json()
        seen += [item["key"] for item in page["items"]]
        await make(f"a-{len(seen)}")
        await client.post("/api/v1/projects/p2/archive", headers=admin_headers | {"If-Match": '"v1"'})
        cursor = page["next_cursor"]
        if cursor is None:
            break
    kept = ["p0", "p1", "p3", "p4", "p5", "p6"]
    assert [key for key in seen if key in kept] == kept
    assert len(seen) == len(set(seen))


BAD_QUERIES = [
    "cursor=nonsense",
    "cursor=e30",
    "cursor=eyJrZXkiOiJcdTAwMDAiLCJwb3NpdGlvbiI6MX0",  # a key with a NUL
    "cursor=eyJrZXkiOjEsInBvc2l0aW9uIjoiYSJ9",  # a number for a key, a text for a position
    "limit=0",
    "limit=101",
    "limit=x",
]


async def test_bad_parameters_are_named(client: httpx.AsyncClient, admin_headers: Headers, shop: str) -> None:
    """A limit out of bounds and a cursor that no list gave out are refused by the parameter's name."""
    for path in ("/api/v1/projects", f"{shop}/environments"):
        for query in BAD_QUERIES:
            refused = await client.get(f"{path}?{query}", headers=admin_headers)
            assert refused.status_code == 422, query
            named = [error["parameter"] for error in refused.json()["errors"]]
            assert named == [query.partition("=")[0]], query


async def test_what_is_missing_is_not_found(
    client: httpx.AsyncClient, admin_headers: Headers, shop: str
) -> None:
    """An unknown project or environment is a 404 that says which, also for writes."""
    version = admin_headers | {"If-Match": '"v1"'}
    for path in (NOWHERE, f"{shop}/environments/nowhere", f"{NOWHERE}/environments/nowhere"):
        read = await client.get(path, headers=admin_headers)
        assert read.status_code == 404
        assert "nowhere" in read.json()["detail"]
        assert (await client.patch(path, json={}, headers=version)).status_code == 404
        assert (await client.post(f"{path}/archive", headers=version)).status_code == 404
    assert (await client.get(f"{NOWHERE}/environments", headers=admin_headers)).status_code == 404


async def test_nobody_is_told_anything_without_a_key(client: httpx.AsyncClient, shop: str) -> None:
    """Without credentials every route of projects answers 401 and says which scheme to use."""
    for method, path in (("GET", "/api/v1/projects"), ("POST", "/api/v1/projects"), ("PATCH", shop)):
        refused = await client.request(method, path)
        assert refused.status_code == 401
        assert refused.headers["WWW-Authenticate"] == "Bearer"
