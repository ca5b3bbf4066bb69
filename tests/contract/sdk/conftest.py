"""A server that misbehaves on demand, and clients of it that poll fast and are always closed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from flagd_sdk import FlagClient
from tests.contract.sdk.misbehaving import KEY, MisbehavingServer, serving
from tests.unit.sdk.snapshots import snapshot

MakeClient = Callable[..., FlagClient]


@pytest.fixture
def server() -> Iterator[MisbehavingServer]:
    """A server that behaves, with revision 5, until told otherwise."""
    running = MisbehavingServer(serving(snapshot(revision=5)))
    yield running
    running.close()


@pytest.fixture
def make_client(server: MisbehavingServer) -> Iterator[MakeClient]:
    """Clients of that server; they poll ten times a second unless told otherwise."""
    made: list[FlagClient] = []

    def make(**options: Any) -> FlagClient:
        client = FlagClient(server.url, KEY, **{"poll_interval": 0.1, "timeout": 2.0, **options})
        made.append(client)
        return client

    yield make
    for client in made:
        client.close()


@pytest.fixture
def client(make_client: MakeClient) -> FlagClient:
    """A client that polls so rarely that only `refresh` makes it, for tests that go step by step."""
    return make_client(poll_interval=3600.0)
