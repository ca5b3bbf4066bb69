"""One HTTP exchange at a time with the server: bounded in time and in bytes, no redirects, no cookies.

The only module that touches httpx, which it imports at the first poll and never before. It decides nothing: it hands
back what came. The key leaves this module in the Authorization header and nowhere else.
"""

from __future__ import annotations

import sys
import time
import zlib
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from flagd_sdk.config import VERSION, Config
from flagd_sdk.host import importing
from flagd_sdk.polling.protocol import Answer, NoAnswer

if TYPE_CHECKING:
    import httpx

_MAX_DRAINED = 64 * 1024


class Transport:
    """A keep-alive connection to the snapshot endpoint. Used by one thread at a time, in the process that made it."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._http: httpx.HTTPTransport | None = None

    def get(self, headers: Mapping[str, str]) -> Answer | NoAnswer:
        """GET the snapshot. Failures of the network are returned, never raised."""
        with importing():
            import encodings.idna  # noqa: F401  (the socket module would import it while connecting)

            import httpx
        try:
            with importing():
                connection = self._http = self._http or _open(self._config)
            request = httpx.Request("GET", self._config.snapshot_url, headers=self._headers(headers))
            return self._exchange(connection, request)
        except httpx.TimeoutException as error:
            seconds = self._config.timeout
            return NoAnswer("timeout", f"no answer within {seconds:g} s ({type(error).__name__})")
        except (httpx.HTTPError, OSError) as error:
            return NoAnswer("network", f"{type(error).__name__}: {self._without_key(str(error))}"[:200])
        except _Unusable as error:
            return NoAnswer(error.cause, str(error))

    def close(self) -> None:
        if self._http is not None:
            self._http.close()
            self._http = None

    def _headers(self, more: Mapping[str, str]) -> dict[str, str]:
        return {
            "Authorization": f"Bearer {self._config.key}",
            "Accept": "application/json",
            "Accept-Encoding": "gzip",
            "User-Agent": f"flagd-sdk/{VERSION} python/{sys.version_info.major}.{sys.version_info.minor}",
            **more,
        }

    def _exchange(self, connection: httpx.HTTPTransport, request: httpx.Request) -> Answer:
        seconds = self._config.timeout
        deadline = time.monotonic() + seconds
        request.extensions["timeout"] = {
            "connect": seconds,
            "read": seconds,
            "write": seconds,
            "pool": seconds,
        }
        # The transport is used without httpx.Client around it: the client would log every poll at INFO, keep cookies,
        # and decompress without a bound.
        response = connection.handle_request(request)
        try:
            headers = dict(response.headers.items())
            if response.status_code == 200:
                body = self._body(response.iter_raw(), headers.get("content-encoding", ""), deadline)
            else:
                body = b""
                _drain(response.iter_raw(), deadline)
            return Answer(response.status_code, headers, body)
        finally:
            response.close()

    def _body(self, chunks: Iterable[bytes], encoding: str, deadline: float) -> bytes:
        body = _Body(self._config.http.max_bytes, encoding)
        for chunk in chunks:
            body.feed(chunk)
            if time.monotonic() > deadline:
                raise _Unusable("timeout", f"the answer was not complete within {self._config.timeout:g} s")
        return body.whole()

    def _without_key(self, text: str) -> str:
        return text.replace(self._config.key, "<key>")


def _drain(chunks: Iterable[bytes], deadline: float) -> None:
    """Read what comes with a status that says it all, so that the connection can be used again, within reason."""
    size = 0
    for chunk in chunks:
        size += len(chunk)
        if size > _MAX_DRAINED or time.monotonic() > deadline:
            return


class _Unusable(Exception):
    """An answer that cannot be read within the limits."""

    def __init__(self, cause: str, detail: str) -> None:
        super().__init__(detail)
        self.cause = cause


class _Body:
    """Collects a body, decompressing as it comes, and never holds more than `limit` bytes and one chunk."""

    def __init__(self, limit: int, encoding: str) -> None:
        if encoding.strip().lower() not in ("", "identity", "gzip", "x-gzip"):
            raise _Unusable("encoding", f"Content-Encoding {encoding[:40]!r} was not asked for")
        self._limit = limit
        self._parts: list[bytes] = []
        self._size = 0
        self._gzip = zlib.decompressobj(zlib.MAX_WBITS | 16) if "gzip" in encoding.lower() else None

    def feed(self, chunk: bytes) -> None:
        part = chunk if self._gzip is None else self._inflate(self._gzip.decompress, chunk)
        self._size += len(part)
        if self._size > self._limit:
            raise _Unusable("too-large", f"the answer is larger than {self._limit} bytes")
        self._parts.append(part)

    def whole(self) -> bytes:
        if self._gzip is not None and not self._gzip.eof:
            raise _Unusable("truncated", "the compressed answer ends early")
        return b"".join(self._parts)

    def _inflate(self, decompress: Callable[[bytes, int], bytes], chunk: bytes) -> bytes:
        try:
            return decompress(chunk, self._limit - self._size + 1)
        except zlib.error as error:
            raise _Unusable("encoding", f"the answer is not gzip: {error}") from None


def _open(config: Config) -> httpx.HTTPTransport:
    import ssl

    import httpx

    ca_file = config.http.ca_file
    verify = True if ca_file is None else ssl.create_default_context(cafile=ca_file)
    # The server closes idle connections on its own schedule; ours outlive the interval, so that polls reuse one.
    limits = httpx.Limits(
        max_connections=1, max_keepalive_connections=1, keepalive_expiry=2 * config.poll_interval + 5
    )
    return httpx.HTTPTransport(verify=verify, limits=limits, proxy=_proxy(config))


def _proxy(config: Config) -> str | None:
    """The proxy to go through, by the usual environment variables unless the option says otherwise."""
    if config.http.proxy is not None:
        return config.http.proxy or None
    from urllib.request import getproxies, proxy_bypass

    target = urlsplit(config.snapshot_url)
    if proxy_bypass(target.hostname or ""):
        return None
    proxies = getproxies()
    return proxies.get(target.scheme) or proxies.get("all")
