"""The time a poll may take, in every phase of a connection: addresses, proxies, handshakes."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import httpcore
import pytest

from flagd_sdk import FlagClient, HttpOptions
from flagd_sdk.config import Config
from flagd_sdk.polling.network import Late, Network
from tests.contract.sdk.conftest import MakeClient
from tests.contract.sdk.misbehaving import KEY, MisbehavingServer

Talk = Callable[[socket.socket], None]


class Listener:
    """Accepts connections on a free port of loopback and talks to each in a thread."""

    def __init__(self, talk: Talk) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._talk = talk
        threading.Thread(target=self._serve, daemon=True).start()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self._socket.getsockname()[1]}"

    def close(self) -> None:
        self._socket.close()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            threading.Thread(target=self._serve_one, args=(connection,), daemon=True).start()

    def _serve_one(self, connection: socket.socket) -> None:
        with connection:
            try:
                self._talk(connection)
            except OSError:
                """The client went away, as it should."""


@pytest.fixture
def listen() -> Iterator[Callable[[Talk], Listener]]:
    """Listeners that are closed afterwards."""
    made: list[Listener] = []

    def make(talk: Talk) -> Listener:
        made.append(Listener(talk))
        return made[-1]

    yield make
    for listener in made:
        listener.close()


def dripping(start: bytes, drop: bytes, seconds: float) -> Talk:
    """Say something that is never complete, a little at a time."""

    def talk(connection: socket.socket) -> None:
        connection.sendall(start)
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            time.sleep(0.05)
            connection.sendall(drop)

    return talk


# The beginning of a TLS record of 16 KiB with a ServerHello in it.
HANDSHAKE = dripping(b"\x16\x03\x03\x40\x00\x02\x00\x3f\xf0", b"\x03", 3.0)
CONNECT = dripping(b"HTTP/1.1 200 Connection established\r\n", b"X-More: to come\r\n", 3.0)


def given_up_on(client: FlagClient) -> bool:
    """Whether a poll fails for want of time, in about the time it has (which is 0.4 s)."""
    start = time.monotonic()
    failed = client.refresh() is False
    return failed and time.monotonic() - start < 2.0 and "within 0.4 s" in str(client.status.problem)


def test_a_handshake_that_does_not_end_is_given_up_on(listen: Callable[[Talk], Listener]) -> None:
    """A server that drips bytes of a TLS handshake holds a poll no longer than the timeout."""
    with FlagClient(f"https://{listen(HANDSHAKE).address}", KEY, timeout=0.4) as client:
        assert given_up_on(client)


def test_a_proxy_that_does_not_end_is_given_up_on(listen: Callable[[Talk], Listener]) -> None:
    """A proxy that drips headers, or bytes of the server behind it, holds a poll no longer than the timeout."""

    def tunnel(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
        HANDSHAKE(connection)

    for talk in (CONNECT, tunnel):
        http = HttpOptions(proxy=f"http://{listen(talk).address}")
        with FlagClient("https://flags.example.com", KEY, timeout=0.4, http=http) as client:
            assert given_up_on(client)


def test_the_time_begins_anew_with_each_poll(server: MisbehavingServer, make_client: MakeClient) -> None:
    """A connection that is older than the timeout still serves."""
    client = make_client(poll_interval=3600.0, timeout=0.3)
    assert client.refresh()
    time.sleep(0.4)
    assert client.refresh()
    assert len({seen.client_port for seen in server.seen}) == 1


class Addresses:
    """Stands for the system's connections: addresses that never answer, each of which takes all its time."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, found: list[str]) -> None:
        self.tried: list[tuple[str, float]] = []
        self.clock = 1000.0
        monkeypatch.setattr(
            socket, "getaddrinfo", lambda *_, **__: [(0, 0, 0, "", (each, 80)) for each in found]
        )
        monkeypatch.setattr(socket, "getnameinfo", lambda address, flags: address)
        monkeypatch.setattr(time, "monotonic", lambda: self.clock)
        monkeypatch.setattr(httpcore.SyncBackend, "connect_tcp", self._connect)

    def _connect(self, host: str, port: int, timeout: float, *_: Any) -> httpcore.NetworkStream:
        self.tried.append((host, timeout))
        self.clock += timeout
        raise httpcore.ConnectTimeout("planted")


def test_addresses_of_a_host_share_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many addresses a host has, each is tried, and all of them together take the time of one poll."""
    network = Network(Config("http://flags.example.com", KEY, timeout=9.0, http=HttpOptions(proxy="")))
    silent = Addresses(monkeypatch, ["a", "b", "b", "c"])
    with pytest.raises(Late), network.get("http://flags.example.com/sdk/v1/snapshot", {}):
        pass
    assert silent.tried == [("a", 3.0), ("b", 3.0), ("c", 3.0)]
    assert silent.clock == 1009.0


def test_an_address_that_refuses_leaves_its_time_to_the_others(server: MisbehavingServer) -> None:
    """A host whose first address does not listen is reached at the next."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("flagd_sdk.polling.network._addresses", lambda host, port: ["127.0.0.2", "127.0.0.1"])
        with FlagClient(
            f"http://localhost:{server.port}", KEY, poll_interval=3600.0, http=HttpOptions(proxy="")
        ) as client:
            assert client.refresh()
