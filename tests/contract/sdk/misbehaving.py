"""A snapshot server on loopback that does as it is told, good or bad: a real HTTP server in a thread."""

from __future__ import annotations

import gzip
import threading
import time
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

from tests.unit.sdk.snapshots import encoded, etag

KEY = "flagd_server_very-secret-key"
Respond = Callable[["Handler"], None]


class Seen(NamedTuple):
    """A request as it arrived."""

    path: str
    headers: Mapping[str, str]
    at: float
    client_port: int


class Handler(BaseHTTPRequestHandler):
    """Records the request and lets the server's present behaviour answer it."""

    protocol_version = "HTTP/1.1"
    server: Any

    def do_GET(self) -> None:
        """Any path: what is asked for is recorded, not judged."""
        headers = {name.lower(): value for name, value in self.headers.items()}
        owner: MisbehavingServer = self.server.owner
        owner.seen.append(Seen(self.path, headers, time.monotonic(), self.client_address[1]))
        respond = owner.behaviour
        respond(self)

    def answer(self, status: int, headers: Mapping[str, str] | None = None, body: bytes = b"") -> None:
        """A whole response; Content-Length is added unless given."""
        self.send_response(status)
        given = dict(headers or {})
        if status != 304:
            given.setdefault("Content-Length", str(len(body)))
        for name, value in given.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the name is inherited)
        """Be silent: the records of a test are the SDK's."""


class MisbehavingServer:
    """Serves on a free port of loopback until closed; assign `behaviour` to change what it does."""

    def __init__(self, behaviour: Respond, port: int = 0) -> None:
        self.behaviour = behaviour
        self.seen: list[Seen] = []
        self._http = _Server(("127.0.0.1", port), Handler)
        self._http.owner = self
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    @property
    def port(self) -> int:
        """The port it listens on."""
        return int(self._http.server_address[1])

    @property
    def url(self) -> str:
        """What a client is given."""
        return f"http://127.0.0.1:{self.port}"

    def close(self) -> None:
        """Stop listening and cut the connections."""
        self._http.shutdown()
        self._http.cut()
        self._http.server_close()
        self._thread.join(5)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    owner: MisbehavingServer

    def __init__(self, address: tuple[str, int], handler: type[Handler]) -> None:
        self._open: set[Any] = set()
        super().__init__(address, handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up is part of the tests."""

    def cut(self) -> None:
        for connection in list(self._open):
            super().shutdown_request(connection)


def serving(document: Mapping[str, object]) -> Respond:
    """Behave: 200 with gzip, or 304 for the ETag of this document."""

    def respond(handler: Handler) -> None:
        tag = etag(document)
        if handler.headers.get("If-None-Match") == tag:
            handler.answer(304, {"ETag": tag})
            return
        headers = {"Content-Type": "application/json", "ETag": tag, "Content-Encoding": "gzip"}
        handler.answer(200, headers, gzip.compress(encoded(document)))

    return respond


def status(code: int, headers: Mapping[str, str] | None = None, body: bytes = b"") -> Respond:
    """Answer everything with this."""
    return lambda handler: handler.answer(code, headers, body)


def truncated(document: Mapping[str, object]) -> Respond:
    """Announce the whole document, send half of it, and hang up."""

    def respond(handler: Handler) -> None:
        body = encoded(document)
        headers = {"Content-Type": "application/json", "ETag": '"half"', "Content-Length": str(len(body))}
        handler.answer(200, headers, body[: len(body) // 2])
        handler.close_connection = True

    return respond


def trickling(seconds: float) -> Respond:
    """Send a byte now and then, so that no single read takes long."""

    def respond(handler: Handler) -> None:
        handler.answer(200, {"Content-Type": "application/json", "Content-Length": "100000"}, b"{")
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            time.sleep(0.05)
            handler.wfile.write(b" ")
        handler.close_connection = True

    return respond


def dripping(seconds: float) -> Respond:
    """Send a header line now and then, and never the last."""

    def respond(handler: Handler) -> None:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\n")
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            time.sleep(0.05)
            handler.wfile.write(b"X-More: to come\r\n")
        handler.close_connection = True

    return respond


def silent(seconds: float) -> Respond:
    """Accept the request and say nothing."""

    def respond(handler: Handler) -> None:
        time.sleep(seconds)
        handler.close_connection = True

    return respond
