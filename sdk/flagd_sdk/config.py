"""What a client is told once: address, key, intervals, limits. Checked here, frozen afterwards; no I/O, no environment.

The key is kept out of every repr and every error text.
"""

from __future__ import annotations

import math
from typing import Final, NamedTuple

from flagd_sdk.errors import ConfigurationError

NAME = "flagd-sdk"
VERSION = "0.1.0"
SNAPSHOT_PATH = "/sdk/v1/snapshot"
MIN_POLL_INTERVAL = 0.1
MIN_TIMEOUT = 0.1


class HttpOptions(NamedTuple):
    """How polls travel.

    max_bytes   largest snapshot accepted, in bytes after decompression
    proxy       proxy URL; None takes HTTP_PROXY, HTTPS_PROXY and NO_PROXY from the environment, "" uses none
    ca_file     PEM bundle to trust in place of the default one
    """

    max_bytes: int = 64 * 1024 * 1024
    proxy: str | None = None
    ca_file: str | None = None

    def __repr__(self) -> str:
        # The URL of a proxy may hold a password.
        return f"HttpOptions(max_bytes={self.max_bytes}, ca_file={self.ca_file!r})"


class Config:
    """The checked settings of one client; times are in seconds. Not to be changed once made."""

    __slots__ = ("http", "key", "poll_interval", "snapshot_url", "timeout", "url")

    def __init__(
        self,
        url: str,
        key: str,
        poll_interval: float = 10.0,
        timeout: float = 10.0,
        http: HttpOptions | None = None,
    ) -> None:
        _check_key(key)
        _check_seconds("poll_interval", poll_interval, MIN_POLL_INTERVAL)
        _check_seconds("timeout", timeout, MIN_TIMEOUT)
        self.url: Final = _checked_url(url)
        self.key: Final = key
        self.poll_interval: Final = poll_interval
        self.timeout: Final = timeout
        self.http: Final = _checked_options(http if http is not None else HttpOptions())
        self.snapshot_url: Final = self.url + SNAPSHOT_PATH

    def __repr__(self) -> str:
        return (
            f"Config({self.url!r}, poll_interval={self.poll_interval}, timeout={self.timeout}, {self.http!r})"
        )


def _checked_url(url: object) -> str:
    # Imported here: it is slow to, and importing the SDK is not.
    from urllib.parse import urlsplit

    if not isinstance(url, str):
        raise ConfigurationError("url must be a string such as https://flags.example.com")
    try:
        parts = urlsplit(url.strip())
        _ = parts.port
    except ValueError:
        raise ConfigurationError(f"url cannot be parsed: {url!r}") from None
    if parts.username is not None or parts.password is not None:
        raise ConfigurationError("url must not hold a user name or a password")
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ConfigurationError(f"url must be http:// or https:// and name a host: {url!r}")
    if parts.query or parts.fragment:
        raise ConfigurationError(f"url must not hold a query or a fragment: {url!r}")
    return parts.geturl().rstrip("/")


def _check_key(key: object) -> None:
    """Refuse what could not travel in a header; the message never repeats the key."""
    if not isinstance(key, str) or not key:
        raise ConfigurationError("key must be a non-empty string: the server key of one environment")
    if not all("!" <= character <= "~" for character in key):
        raise ConfigurationError("key holds characters that no key has (spaces, line ends or non-ASCII)")


def _check_seconds(name: str, value: object, least: float) -> None:
    number = value if isinstance(value, (int, float)) and not isinstance(value, bool) else math.nan
    if not least <= number < math.inf:
        raise ConfigurationError(f"{name} must be a number of seconds, at least {least}")


def _checked_options(http: object) -> HttpOptions:
    if not isinstance(http, HttpOptions) or http.max_bytes < 1:
        raise ConfigurationError("http must be HttpOptions, with a max_bytes of at least 1")
    return http
