"""The main job with real processes: a flag changed at runtime reaches a running application."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from flagd_sdk import FlagClient
from tests.conftest import StartServer
from tests.e2e.operator import Operator
from tests.services.processes import FlagdServer

POLL_SECONDS = 0.5
USERS = [f"user-{number}" for number in range(10_000)]
WAIT_SECONDS = 10.0


@pytest.fixture(params=["sqlite", "postgresql"])
def any_server(request: pytest.FixtureRequest, start_server: StartServer) -> FlagdServer:
    """A server with the demo project: the embedded default, and PostgreSQL with Redis."""
    if request.param == "sqlite":
        return start_server()
    return start_server(
        DATABASE_URL=request.getfixturevalue("postgres_url"), REDIS_URL=request.getfixturevalue("redis_url")
    )


@pytest.fixture
def operator(any_server: FlagdServer) -> Iterator[Operator]:
    """Somebody who edits its flags."""
    found = Operator(any_server)
    yield found
    found.close()


def _client(server: FlagdServer, key: str | None = None, poll_interval: float = POLL_SECONDS) -> FlagClient:
    server_key = key or server.credentials()["server_keys"]["production"]
    return FlagClient(server.url, server_key, poll_interval=poll_interval)


def _seconds_until(condition: Callable[[], bool]) -> float:
    start = time.monotonic()
    while not condition():
        assert time.monotonic() - start < WAIT_SECONDS, "it never happened"
        time.sleep(0.002)
    return time.monotonic() - start


def test_a_toggle_is_seen_within_one_poll_interval(any_server: FlagdServer, operator: Operator) -> None:
    """A toggle through the REST API changes is_enabled() within one poll interval plus 100 ms, both ways."""
    with _client(any_server) as flags:
        assert flags.ready(5)
        for wanted in (False, True, False):
            operator.patch("payments", {"enabled": wanted})
            taken = _seconds_until(lambda expected=wanted: flags.is_enabled("payments", "anna") is expected)  # type: ignore[misc]
            assert taken <= POLL_SECONDS + 0.1


def test_shares_hold_and_widening_takes_nobody_out(any_server: FlagdServer, operator: Operator) -> None:
    """Of 10,000 users each step has its share within 3 standard errors, and keeps everyone of the step before."""
    with _client(any_server, poll_interval=60) as flags:
        before: set[str] = set()
        for percent in (0, 5, 20, 25, 60, 100):
            operator.roll_out("new-checkout", percent)
            _refresh_until(flags, operator.targeting("new-checkout").json()["revision"])
            now = {user for user in USERS if flags.is_enabled("new-checkout", user)}
            share = percent / 100
            error = math.sqrt(share * (1 - share) / len(USERS))
            assert abs(len(now) / len(USERS) - share) <= 3 * error
            assert before <= now
            before = now
        operator.patch("new-checkout", {"enabled": False})
        _refresh_until(flags, operator.targeting("new-checkout").json()["revision"])
        assert not any(flags.is_enabled("new-checkout", user) for user in USERS)


def _refresh_until(flags: FlagClient, revision: int) -> None:
    _seconds_until(lambda: flags.refresh() and (flags.revision or 0) >= revision)


def test_the_server_and_the_sdk_give_the_same_answers(any_server: FlagdServer, operator: Operator) -> None:
    """The same user gets the same value, variant and reason over OFREP and in the SDK, for every demo flag."""
    key = any_server.credentials()["server_keys"]["production"]
    operator.roll_out("new-checkout", 37.5)
    revision = operator.targeting("new-checkout").json()["revision"]
    with _client(any_server, poll_interval=60) as flags, httpx.Client(base_url=any_server.url) as http:
        http.headers["Authorization"] = f"Bearer {key}"
        _refresh_until(flags, revision)
        for number in range(100):
            context = {"targetingKey": f"user-{number}", "plan": "beta" if number % 3 == 0 else "free"}
            answer = (
                http.post("/ofrep/v1/evaluate/flags", json={"context": context}).raise_for_status().json()
            )
            assert len(answer["flags"]) == 5
            for remote in answer["flags"]:
                local = flags.evaluate(remote["key"], context)
                assert (local.value, local.variant, local.reason) == (
                    remote["value"],
                    remote["variant"],
                    remote["reason"],
                )


def test_both_databases_put_the_same_users_in(start_server: StartServer, postgres_url: str) -> None:
    """With the same salt, SQLite and PostgreSQL serve the same split to the same users, slot for slot."""
    servers = [start_server("embedded"), start_server("postgres", DATABASE_URL=postgres_url)]
    taken = [_taken_with_salt(server, "the-same-salt") for server in servers]
    assert taken[0] == taken[1]
    assert 0 < len(taken[0]) < len(USERS)


def _taken_with_salt(server: FlagdServer, salt: str) -> set[str]:
    operator = Operator(server)
    for percent in (10, 35, 20):
        operator.roll_out("free-shipping", percent, salt)
    revision = operator.targeting("free-shipping").json()["revision"]
    operator.close()
    with _client(server, poll_interval=60) as flags:
        _refresh_until(flags, revision)
        return {user for user in USERS if flags.is_enabled("free-shipping", user)}


def test_a_write_through_one_server_is_served_by_the_other(
    start_server: StartServer, postgres_url: str, redis_url: str
) -> None:
    """Two servers on one PostgreSQL and Redis: what one writes, the other serves within 200 ms."""
    shared = {"DATABASE_URL": postgres_url, "REDIS_URL": redis_url, "TAIL_INTERVAL": "30"}
    one = start_server("one", **shared)
    other = start_server("other", **shared)
    operator = Operator(one)
    key = one.credentials()["server_keys"]["production"]
    with httpx.Client(base_url=other.url, headers={"Authorization": f"Bearer {key}"}) as http:
        for percent in (10, 20, 30, 40, 50):
            revision = operator.roll_out("new-checkout", percent)["revision"]
            taken = _seconds_until(lambda at=revision: http.get("/sdk/v1/snapshot").json()["revision"] >= at)  # type: ignore[misc]
            assert taken < 0.2
    operator.close()


def test_without_redis_the_other_server_follows_the_log(start_server: StartServer, postgres_url: str) -> None:
    """Two servers on one PostgreSQL alone: the other serves a write at its next look at the log."""
    one = start_server("one", DATABASE_URL=postgres_url, TAIL_INTERVAL="0.2")
    other = start_server("other", DATABASE_URL=postgres_url, TAIL_INTERVAL="0.2")
    operator = Operator(one)
    key = one.credentials()["server_keys"]["production"]
    with httpx.Client(base_url=other.url, headers={"Authorization": f"Bearer {key}"}) as http:
        revision = operator.roll_out("new-checkout", 10)["revision"]
        assert _seconds_until(lambda: http.get("/sdk/v1/snapshot").json()["revision"] >= revision) < 1
    operator.close()


def test_a_killed_server_loses_no_acknowledged_write(any_server: FlagdServer, operator: Operator) -> None:
    """kill -9 amid 200 concurrent writes: every acknowledged one is there, and the snapshot equals the rows."""
    created = [f"flag-{number}" for number in range(200)]
    admin = {"Authorization": f"Bearer {any_server.credentials()['admin_key']}"}
    acknowledged: list[str] = []

    def create(key: str) -> None:
        try:
            answer = httpx.post(
                f"{any_server.url}/api/v1/projects/demo/flags",
                json={"key": key, "name": key, "kind": "boolean"},
                headers=admin,
                timeout=10,
            )
        except httpx.TransportError:
            return  # the server was gone: nothing was acknowledged
        if answer.status_code == httpx.codes.CREATED:
            acknowledged.append(key)
            if len(acknowledged) == 40:
                any_server.kill()

    with ThreadPoolExecutor(50) as pool:
        list(pool.map(create, created))
    assert 40 <= len(acknowledged) < len(created)
    any_server.start()
    kept = set(_all_flags(operator))
    assert set(acknowledged) <= kept
    key = any_server.credentials()["server_keys"]["production"]
    snapshot = httpx.get(
        f"{any_server.url}/sdk/v1/snapshot", headers={"Authorization": f"Bearer {key}"}
    ).json()
    assert set(snapshot["flags"]) == kept
    for name in sorted(kept):
        row = operator.targeting(name).json()
        assert snapshot["flags"][name]["enabled"] == row["enabled"]
        assert row["revision"] == snapshot["revision"]


def _all_flags(operator: Operator) -> Iterator[str]:
    cursor: str | None = None
    while True:
        params: dict[str, Any] = {"limit": 100} | ({"cursor": cursor} if cursor else {})
        page = operator.http.get("/flags", params=params).raise_for_status().json()
        yield from (flag["key"] for flag in page["items"])
        cursor = page["next_cursor"]
        if cursor is None:
            return
