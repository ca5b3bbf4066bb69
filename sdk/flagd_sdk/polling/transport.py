"""One HTTP exchange at a time with the server: bounded in time and in bytes, no redirects, no cookies.

It loads network, and with it an HTTP library, at the first poll and never before. It decides nothing: it hands back
what came. The key leaves this module in the Authorization header and nowhere else.
"""

from __future__ import annotations

import sys
import zlib
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from flagd_sdk.config import VERSION, Config
from flagd_sdk.host import importing
from flagd_sdk.polling.protocol import Answer, NoAnswer

if TYPE_CHECKING:
    from flagd_sdk.polling.network import Network

_MAX_DRAINED = 64 * 1024


class Transport:
    """A keep-alive connection to the snapshot endpoint. Used by one thread at a time, in the process that made it."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._network: Network | None = None

    def get(self, headers: Mapping[str, str]) -> Answer | NoAnswer:
        """GET the snapshot. Failures of the network are returned, never raised."""
        with importing():
            import encodings.idna  # noqa: F401  (the socket module would import it while connecting)

            from flagd_sdk.polling.network import FAILURES, Late, Network
        try:
            with importing():
                network = self._network = self._network or Network(self._config)
            return self._exchange(network, self._headers(headers))
        except Late as error:
            seconds = self._config.timeout
            return NoAnswer("timeout", f"no answer within {seconds:g} s ({type(error).__name__})")
        except FAILURES as error:
            return NoAnswer("network", f"{type(error).__name__}: {self._without_key(str(error))}"[:200])
        except _Unusable as error:
            return NoAnswer(error.cause, str(error))

    def close(self) -> None:
        if self._network is not None:
            self._network.close()
            self._network = None

    def _headers(self, more: Mapping[str, str]) -> dict[str, str]:
        return {
            "Authorization": f"Bearer {self._config.key}",
            "Accept": "application/json",
            "Accept-Encoding": "gzip",
            "User-Agent": f"flagd-sdk/{VERSION} python/{sys.version_info.major}.{sys.version_info.minor}",
            **more,
        }

    def _exchange(self, network: Network, headers: Mapping[str, str]) -> Answer:
        with network.get(self._config.snapshot_url, headers) as response:
            if response.status != 200:
                response.drain(_MAX_DRAINED)
                return Answer(response.status, response.headers)
            body = _Body(self._config.http.max_bytes, response.headers.get("content-encoding", ""))
            for chunk in response.chunks:
                body.feed(chunk)
            return Answer(response.status, response.headers, body.whole())

    def _without_key(self, text: str) -> str:
        return text.replace(self._config.key, "<key>")


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
