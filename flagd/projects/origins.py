"""Origins of web pages, spelled as browsers send them: which texts are one, and what is wrong with the others.

Pure. Source: RFC 6454, and the serialisation of origins in the WHATWG's URL standard.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from ipaddress import AddressValueError, IPv4Address, IPv6Address
from typing import Final
from urllib.parse import urlsplit

from flagd.errors import Problem

ANY_ORIGIN: Final = "*"
MAX_ORIGINS: Final = 50
ORIGIN_LENGTH: Final = 300

_DEFAULT_PORTS: Final = {"http": 80, "https": 443}
_HOST: Final = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)(\.(?!-)[a-z0-9_-]{1,63}(?<!-))*", re.ASCII)
_NUMERIC: Final = re.compile(r"[0-9]+|0x[0-9a-f]*", re.ASCII)
_OPAQUE: Final = frozenset({"about", "blob", "data", "file", "javascript"})
"""Schemes of pages that share one origin, which browsers send as null."""

_LOCAL: Final = "http://127.0.0.1:8080"
_GENERAL: Final = (
    "must be scheme and host, and a port if it is unusual: 'https://shop.example.com', or '*' for every page"
)


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
    try:
        parts = urlsplit(text)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return _GENERAL
    if not parts.scheme:
        return _GENERAL
    if parts.scheme in _OPAQUE:
        return f"no page has an origin with the scheme {parts.scheme!r}: browsers send null, which only '*' allows"
    unusual = port is not None and port != _DEFAULT_PORTS.get(parts.scheme)
    return _host_problem(text, host, f"{parts.scheme}://{{}}" + (f":{port}" if unusual else ""))


def _host_problem(text: str, host: str, origin: str) -> str | None:
    """What is wrong with a text whose origin is `origin`, once the host as browsers send it is put in."""
    name = _punycode(host).removesuffix(".")
    sent = _host_as_sent(name)
    if sent is None:
        return f"must have an IPv4 address as four numbers: {_LOCAL!r}" if _is_numeric(name) else _GENERAL
    meant = origin.format(sent)
    if not host.isascii():
        return f"must be written in punycode: {meant!r}"
    if host.endswith("."):
        return f"must be written without a dot at the end: {meant!r}"
    return None if text == meant else f"must be spelled as browsers send it, without a path: {meant!r}"


def _host_as_sent(host: str) -> str | None:
    """How a browser spells the host; None for what is none, or what browsers spell in another way altogether."""
    if ":" in host:
        return _ipv6(host)
    if not _HOST.fullmatch(host):
        return None
    return host if not _is_numeric(host) or _is_ipv4(host) else None


def _is_numeric(host: str) -> bool:
    """Whether it ends in a number, and so is an address to browsers and no name."""
    return _NUMERIC.fullmatch(host.rpartition(".")[2]) is not None


def _is_ipv4(host: str) -> bool:
    try:
        IPv4Address(host)
    except AddressValueError:
        return False
    return True


def _ipv6(host: str) -> str | None:
    try:
        address = IPv6Address(host)
    except AddressValueError:
        return None
    if address.scope_id is not None:
        return None
    if address.ipv4_mapped is None:
        return f"[{address.compressed}]"
    # Python has come to write the end of these with dots, which browsers do not.
    low = int(address.ipv4_mapped)
    return f"[::ffff:{low >> 16:x}:{low & 0xFFFF:x}]"


def _punycode(host: str) -> str:
    """The host in ASCII, as browsers have it for what people write. Only ever proposed: it may still be no name."""
    labels = unicodedata.normalize("NFKC", host).replace("\u3002", ".").lower().split(".")
    return ".".join(
        label if label.isascii() else f"xn--{label.encode('punycode').decode()}" for label in labels
    )
