"""Origins of web pages, spelled as browsers send them: which texts are one, and what is wrong with the others.

Pure. Source: RFC 6454, and the serialisation of origins in the WHATWG's URL standard.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from ipaddress import AddressValueError, IPv6Address
from typing import Final
from urllib.parse import SplitResult, urlsplit

from flagd.errors import Problem

ANY_ORIGIN: Final = "*"
MAX_ORIGINS: Final = 50
ORIGIN_LENGTH: Final = 300

_DEFAULT_PORTS: Final = {"http": 80, "https": 443}
_HOST: Final = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)(\.(?!-)[a-z0-9_-]{1,63}(?<!-))*", re.ASCII)
_EXAMPLE: Final = "https://shop.example.com"


def origins_problems(origins: Sequence[str], pointer: str) -> tuple[Problem, ...]:
    """What keeps texts from being the origins an environment allows: each once, and spelled as a browser does."""
    if len(origins) > MAX_ORIGINS:
        return (Problem(pointer, f"must be at most {MAX_ORIGINS} origins"),)
    problems = []
    for index, origin in enumerate(origins):
        why = "must not be there twice" if origin in origins[:index] else _origin_problem(origin)
        if why is not None:
            problems.append(Problem(f"{pointer}/{index}", why))
    return tuple(problems)


def _origin_problem(text: str) -> str | None:
    if text == ANY_ORIGIN:
        return None
    if len(text) > ORIGIN_LENGTH:
        return f"must have at most {ORIGIN_LENGTH} characters"
    meant = _as_sent(text)
    if meant is None:
        return f"must be scheme and host, and a port if it is unusual: {_EXAMPLE!r}, or '*' for every page"
    return None if text == meant else f"must be spelled as browsers send it, without a path: {meant!r}"


def _as_sent(text: str) -> str | None:
    """How a browser spells the origin of the address; None for what has no origin."""
    try:
        parts = urlsplit(text)
        host, port = _host(parts), parts.port
    except ValueError:
        return None
    if host is None or not parts.scheme:
        return None
    unusual = port is not None and port != _DEFAULT_PORTS.get(parts.scheme)
    return f"{parts.scheme}://{host}:{port}" if unusual else f"{parts.scheme}://{host}"


def _host(parts: SplitResult) -> str | None:
    name = parts.hostname or ""
    if ":" in name:
        try:
            return f"[{IPv6Address(name).compressed}]"
        except AddressValueError:
            return None
    return name if _HOST.fullmatch(name) else None
