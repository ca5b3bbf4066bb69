"""Connections to the server, direct or through a proxy, that end with the time of a poll.

The only module that touches httpx and httpcore; importing it loads them, so nothing imports it before the first poll.
It knows no snapshot: it gets an address. httpcore alone times each read on its own, and a server that says a little now
and then would hold a poll for ever. So every wait of a connection is given what is left of the poll instead.
"""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Final, NamedTuple
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import httpcore
import httpx

from flagd_sdk.config import Config

Late = httpcore.TimeoutException
"""The time is over."""
FAILURES: Final = (
    httpcore.NetworkError,
    httpcore.ProtocolError,
    httpcore.ProxyError,
    httpcore.UnsupportedProtocol,
    httpx.InvalidURL,
    OSError,
)
"""What goes wrong with a network."""


class Response(NamedTuple):
    """A response whose body is still to be read: header names in lower case, chunks as they come."""

    status: int
    headers: Mapping[str, str]
    chunks: Iterable[bytes]

    def drain(self, most: int) -> None:
        """Read what comes with a status that says it all, so that the connection can be used again, within reason."""
        size = 0
        with suppress(Late):
            for chunk in self.chunks:
                size += len(chunk)
                if size > most:
                    return


class Network:
    """The one connection of a client, kept open between polls. Used by one thread at a time."""

    def __init__(self, config: Config) -> None:
        self._seconds = config.timeout
        self._deadline = _Deadline()
        self._pool = _pool(config, _Backend(self._deadline))

    @contextmanager
    def get(self, url: str, headers: Mapping[str, str]) -> Iterator[Response]:
        """GET an address: no redirects, no cookies, no more time than a poll has. Raises Late or one of FAILURES."""
        asked = httpx.Request("GET", url, headers=headers)
        self._deadline.begin(self._seconds)
        timeout = dict.fromkeys(("connect", "read", "write", "pool"), self._seconds)
        response = self._pool.handle_request(
            httpcore.Request(
                "GET", _plain(asked.url), headers=asked.headers.raw, extensions={"timeout": timeout}
            )
        )
        try:
            yield Response(
                response.status, dict(httpx.Headers(response.headers).items()), response.iter_stream()
            )
        finally:
            response.close()

    def close(self) -> None:
        self._pool.close()


class _Deadline:
    """When the present poll must be over."""

    def __init__(self) -> None:
        self._end = 0.0

    def begin(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds

    def left(self) -> float:
        """The seconds that are left, more than none. Late if there are none."""
        left = self._end - time.monotonic()
        if left <= 0:
            raise Late("the time of the poll is over")
        return left


class _Backend(httpcore.NetworkBackend):
    """Connects within the deadline; the addresses of a host share what is left evenly, in case one does not answer."""

    def __init__(self, deadline: _Deadline) -> None:
        self._deadline = deadline
        self._sockets = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        addresses = _addresses(host, port)
        for tries_left in range(len(addresses), 0, -1):
            address = addresses[-tries_left]
            seconds = self._deadline.left() / tries_left
            try:
                stream = self._sockets.connect_tcp(address, port, seconds, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                if tries_left == 1:
                    raise
            else:
                return _Stream(stream, self._deadline)
        raise httpcore.ConnectError(f"{host} has no address")


class _Stream(httpcore.NetworkStream):
    """A connection whose every wait ends at the deadline, whatever time it was to have."""

    def __init__(self, stream: httpcore.NetworkStream, deadline: _Deadline) -> None:
        self._stream = stream
        self._deadline = deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, self._deadline.left())

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, self._deadline.left())

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        try:
            left = self._deadline.left()
        except Late:
            self.close()
            raise
        return _Stream(self._stream.start_tls(ssl_context, server_hostname, left), self._deadline)

    def get_extra_info(self, info: str) -> object:
        return self._stream.get_extra_info(info)


def _addresses(host: str, port: int) -> list[str]:
    """The numeric addresses of a host, in the order in which the system would try them."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise httpcore.ConnectError(str(error)) from error
    numeric = socket.NI_NUMERICHOST | socket.NI_NUMERICSERV
    return list(dict.fromkeys(socket.getnameinfo(address, numeric)[0] for *_, address in found))


def _pool(config: Config, backend: httpcore.NetworkBackend) -> httpcore.ConnectionPool:
    ca_file = config.http.ca_file
    trusted = httpx.create_ssl_context() if ca_file is None else ssl.create_default_context(cafile=ca_file)
    # The server closes idle connections on its own schedule; ours outlive the interval, so that polls reuse one.
    keep = 2 * config.poll_interval + 5
    address = _proxy(config)
    if address is None:
        return httpcore.ConnectionPool(
            trusted, keepalive_expiry=keep, max_connections=1, network_backend=backend
        )
    proxy = httpx.Proxy(address)
    if proxy.url.scheme.startswith("socks"):
        return httpcore.SOCKSProxy(
            _plain(proxy.url),
            proxy.raw_auth,
            trusted,
            max_connections=1,
            keepalive_expiry=keep,
            network_backend=backend,
        )
    return httpcore.HTTPProxy(
        _plain(proxy.url),
        proxy.raw_auth,
        ssl_context=trusted,
        max_connections=1,
        keepalive_expiry=keep,
        network_backend=backend,
    )


def _plain(url: httpx.URL) -> httpcore.URL:
    return httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path)


def _proxy(config: Config) -> str | None:
    """The proxy to go through, by the usual environment variables unless the option says otherwise."""
    if config.http.proxy is not None:
        return config.http.proxy or None
    target = urlsplit(config.snapshot_url)
    if proxy_bypass(target.hostname or ""):
        return None
    proxies = getproxies()
    return proxies.get(target.scheme) or proxies.get("all")
