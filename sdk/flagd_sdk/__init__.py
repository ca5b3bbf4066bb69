"""flagd SDK: feature flags, evaluated in-process from a snapshot that a background thread keeps fresh.

    import flagd_sdk

    flagd_sdk.configure("https://flags.example.com", "flagd_server_...")
    if flagd_sdk.is_enabled("new-checkout", "user-17"):
        ...

The functions of this module read from one client per process, the one given to `configure`. Use `FlagClient` to hold a
client of your own. Importing this package does no I/O and loads no HTTP library.
"""

from __future__ import annotations

import logging
from typing import Any

from flagd_core import Detail, ErrorCode, Reason
from flagd_sdk.client import FlagClient
from flagd_sdk.config import VERSION, HttpOptions
from flagd_sdk.context import Context
from flagd_sdk.errors import ConfigurationError, FlagdError
from flagd_sdk.reader import ContextLike, FlagReader, Structure
from flagd_sdk.status import Change, Status

__version__ = VERSION

__all__ = [
    "Change",
    "ConfigurationError",
    "Context",
    "ContextLike",
    "Detail",
    "ErrorCode",
    "FlagClient",
    "FlagReader",
    "FlagdError",
    "HttpOptions",
    "Reason",
    "Status",
    "Structure",
    "close",
    "configure",
    "evaluate",
    "get_boolean",
    "get_float",
    "get_int",
    "get_object",
    "get_string",
    "is_enabled",
    "ready",
    "use",
]


class _Unconfigured(FlagReader):
    """What the functions of this module read before `configure`: no flag, and a warning that says so."""

    _not_ready = (
        logging.WARNING,
        "read before flagd_sdk.configure() was called; answering the caller's default",
    )


class _Default:
    """Holds the reader behind the functions of this module."""

    reader: FlagReader = _Unconfigured()


def configure(url: str, key: str, **options: Any) -> FlagClient:
    """Make the client that this module's functions read from; takes what `FlagClient` takes. Closes the one before."""
    client = FlagClient(url, key, **options)
    use(client).close()
    return client


def use(reader: FlagReader) -> FlagReader:
    """Have this module's functions read from `reader`; returns the one before, which stays open."""
    before, _Default.reader = _Default.reader, reader
    return before


def close() -> None:
    """Stop polling for the default client. Evaluations go on from its last snapshot."""
    _Default.reader.close()


def ready(timeout: float = 5.0) -> bool:
    """Wait at most `timeout` seconds for flags; whether there are any to answer from. False before `configure`."""
    return _Default.reader.ready(timeout)


def is_enabled(flag: str, context: ContextLike = None, default: bool = False) -> bool:
    """See `FlagClient.is_enabled`."""
    return _Default.reader.is_enabled(flag, context, default)


def get_boolean(flag: str, context: ContextLike = None, *, default: bool) -> bool:
    """See `FlagClient.get_boolean`."""
    return _Default.reader.get_boolean(flag, context, default=default)


def get_string(flag: str, context: ContextLike = None, *, default: str) -> str:
    """See `FlagClient.get_string`."""
    return _Default.reader.get_string(flag, context, default=default)


def get_int(flag: str, context: ContextLike = None, *, default: int) -> int:
    """See `FlagClient.get_int`."""
    return _Default.reader.get_int(flag, context, default=default)


def get_float(flag: str, context: ContextLike = None, *, default: float) -> float:
    """See `FlagClient.get_float`."""
    return _Default.reader.get_float(flag, context, default=default)


def get_object(flag: str, context: ContextLike = None, *, default: Structure) -> Structure:
    """See `FlagClient.get_object`."""
    return _Default.reader.get_object(flag, context, default=default)


def evaluate(flag: str, context: ContextLike = None, *, default: object = None) -> Detail:
    """See `FlagClient.evaluate`."""
    return _Default.reader.evaluate(flag, context, default=default)
