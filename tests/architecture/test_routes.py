"""Every route is guarded: it says what it asks for, and without credentials nobody gets in.

The routes are those the application really has; a new one is covered by being there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

import pytest
from fastapi import FastAPI
from starlette.routing import BaseRoute, Mount, Route

from flagd.access.guard import PERMISSION_MARK
from flagd.access.permissions import Action
from flagd.app import build_app, openapi
from flagd.settings import Settings
from tests.services.application import SECRET, RunningApp, StartApp

# What anybody may ask: whether the service is alive, what its API looks like, and for a way to sign in.
PUBLIC: Final = {"/livez", "/readyz", "/openapi.json", "/login"}
METHODS: Final = ("get", "put", "post", "patch", "delete")
REDIRECTS: Final = (302, 303)
REFUSALS: Final = (401, 403, 405)

Operation = tuple[str, str]


def operations() -> dict[Operation, dict[str, Any]]:
    """The management API: (method, path) and what its document says of it."""
    return {
        (method.upper(), path): item[method]
        for path, item in openapi()["paths"].items()
        for method in METHODS
        if method in item
    }


def plain_routes(app: FastAPI) -> list[Route]:
    """The routes beside the management API, pages included."""
    return list(_walk(app.router.routes))


def _walk(routes: list[BaseRoute]) -> Iterator[Route]:
    for route in routes:
        if isinstance(route, Mount):
            yield from _walk(getattr(_innermost(route.app), "routes", []))
        elif type(route) is Route:
            yield route


def _innermost(app: Any) -> Any:
    """The application inside what is wrapped around it."""
    while (
        not hasattr(app, "routes") and (inner := getattr(app, "app", getattr(app, "_app", None))) is not None
    ):
        app = inner
    return app


def _address(path: str) -> str:
    """The path with something in place of each parameter."""
    return re.sub(r"\{[^}]+\}", "x", path)


@pytest.fixture(scope="module")
def routes(tmp_path_factory: pytest.TempPathFactory) -> list[Route]:
    """The routes beside the management API; building the application starts nothing."""
    data = tmp_path_factory.mktemp("routes")
    return plain_routes(
        build_app(Settings(data_dir=data, database_url=f"sqlite:///{data / 'none.db'}"), SECRET)
    )


@pytest.fixture
async def without_data(start_app: StartApp, sqlite_url: str) -> RunningApp:
    """A started application that holds nothing."""
    return await start_app(database_url=sqlite_url)


def test_the_walk_finds_every_kind_of_route(routes: list[Route]) -> None:
    """The checks below are not kept by looking at nothing."""
    assert ("PATCH", "/api/v1/projects/{project}/flags/{flag}/environments/{environment}") in operations()
    paths = {route.path for route in routes}
    assert {"/sdk/v1/snapshot", "/ofrep/v1/evaluate/flags", "/livez", "/login"} <= paths
    assert "/projects/{project}/environments/{environment}/flags" in paths


def test_every_operation_says_that_it_needs_a_key() -> None:
    """The API's document names the credentials of each operation, which come with its permission."""
    assert [operation for operation, document in operations().items() if not document.get("security")] == []


async def test_the_api_refuses_everybody_without_a_key(without_data: RunningApp) -> None:
    """No operation of the management API answers a request without credentials, whatever it is asked for."""
    answers = {
        (method, path): (await without_data.client.request(method, _address(path))).status_code
        for method, path in operations()
    }
    assert {operation: status for operation, status in answers.items() if status != 401} == {}


def test_every_route_of_applications_names_its_permission(routes: list[Route]) -> None:
    """Snapshots and evaluations are guarded by a permission like everything else."""
    found = {
        route.path: getattr(route.endpoint, PERMISSION_MARK, None)
        for route in routes
        if route.path.startswith(("/sdk/", "/ofrep/"))
    }
    assert len(found) >= 3
    assert all(isinstance(action, Action) for action in found.values()), found


async def test_nothing_else_is_open(without_data: RunningApp, routes: list[Route]) -> None:
    """Beside a short list, every route refuses who brings nothing, or sends them to sign in."""
    open_to_all = set()
    for route in routes:
        for method in sorted(route.methods or ()):
            answer = await without_data.client.request(method, _address(route.path))
            sent_to_sign_in = answer.status_code in REDIRECTS and "/login" in answer.headers["location"]
            if not (sent_to_sign_in or answer.status_code in REFUSALS):
                open_to_all.add(route.path)
    assert open_to_all == PUBLIC
