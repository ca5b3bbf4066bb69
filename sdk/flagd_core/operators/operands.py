"""What an attribute or a rule's value means to an operator: text, number, version, instant, address.

Pure parsing: each function gives the parsed operand, or None for what it does not take ("cannot be read as
one"). This module must never raise for any value, know an operator, or read a clock.
"""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta, timezone
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from math import isfinite
from typing import Final

Version = tuple[int, int, int, tuple[tuple[int, int, str], ...]]
Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

LISTS: Final = (list, tuple, set, frozenset)
"""The types of an attribute that holds several values."""

_DECIMAL: Final = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_VERSION: Final = re.compile(
    r"[vV]?(0|[1-9][0-9]*)(?:\.(0|[1-9][0-9]*))?(?:\.(0|[1-9][0-9]*))?"
    r"(?:-([0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*))?(?:\+[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?"
)
_INSTANT: Final = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})"
    r"(?:[Tt ]([0-9]{2}):([0-9]{2})(?::([0-9]{2})(?:[.,]([0-9]{1,9})[0-9]*)?)?"
    r"(?:[Zz]|([+-])([0-9]{2}):?([0-9]{2}))?)?"
)
LONGEST: Final = 256
"""Longer text is no number, version, instant or address: it bounds the work a context can cause."""
_SECOND: Final = 10**9
_MILLISECOND: Final = 10**6
_FIRST_MILLISECONDS: Final = 10**11
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=timezone.utc)
_EPOCH_DAY: Final = date(1970, 1, 1).toordinal()
_MICROSECOND: Final = timedelta(microseconds=1)
_RELEASE: Final = (2, 0, "")  # A release follows all of its pre-releases.
_END: Final = (-1, 0, "")  # A shorter list of identifiers comes before a longer one that begins with it.


def text(value: object) -> str | None:
    """The canonical text of a scalar: strings as they are, true, false, 1 for both 1 and 1.0, 1.5."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        if not value.is_integer():
            return float.__repr__(value) if value == value and abs(value) != float("inf") else None
        value = int(value)
    if isinstance(value, int):
        try:
            return int.__repr__(value)
        except ValueError:  # Thousands of digits, which Python refuses to write.
            return None
    return None


def number(value: object) -> int | float | None:
    """A finite number, or strict decimal text (JSON's way of writing one). Booleans are no numbers."""
    if isinstance(value, str):
        return _decimal(value)
    if isinstance(value, bool):
        return None
    if isinstance(value, float):
        return value if isfinite(value) else None
    return value if isinstance(value, int) else None


def _decimal(value: str) -> int | float | None:
    if len(value) > LONGEST or not _DECIMAL.fullmatch(value):
        return None
    found = float(value) if not value.removeprefix("-").isdigit() else int(value)
    return found if isfinite(found) else None


def version(value: object) -> Version | None:
    """A version as SemVer 2.0 orders it. A leading v is allowed, missing parts are 0, build metadata is ignored."""
    return _version(value) if isinstance(value, str) and len(value) <= LONGEST else None


@lru_cache(maxsize=4096)
def _version(value: str) -> Version | None:
    match = _VERSION.fullmatch(value)
    if match is None:
        return None
    major, minor, patch, before = match.groups()
    if before is None:
        return int(major), int(minor or 0), int(patch or 0), (_RELEASE,)
    identifiers = []
    for identifier in before.split("."):
        if not identifier.isdigit():
            identifiers.append((1, 0, identifier))
        elif identifier == "0" or identifier[0] != "0":
            identifiers.append((0, int(identifier), ""))
        else:
            return None
    return int(major), int(minor or 0), int(patch or 0), (*identifiers, _END)


def instant(value: object) -> int | None:
    """Nanoseconds since 1970 of an RFC 3339 text, a date (midnight UTC), a datetime, or a number.

    Without a zone it is UTC. A number of 1e11 and more, either side of zero, is milliseconds, below that
    seconds. A number in quotes is no date.
    """
    if isinstance(value, str):
        return _instant(value) if len(value) <= LONGEST else None
    if isinstance(value, bool):
        return None
    if isinstance(value, (int, float)):
        if not abs(value) < 1e18:
            return None
        unit = _SECOND if abs(value) < _FIRST_MILLISECONDS else _MILLISECOND
        # Apart, because a product of floats is rounded: 1.0 has to be the instant that 1 is.
        whole = int(value)
        return whole * unit + int((value - whole) * unit)
    return _calendar_instant(value)


@lru_cache(maxsize=4096)
def _instant(value: str) -> int | None:
    match = _INSTANT.fullmatch(value)
    if match is None:
        return None
    year, month, day, hour, minute, second, fraction, sign, offset_hours, offset_minutes = match.groups()
    try:
        days = date(int(year), int(month), int(day)).toordinal() - _EPOCH_DAY
    except ValueError:
        return None
    hours, minutes, seconds = int(hour or 0), int(minute or 0), int(second or 0)
    offset = int(offset_hours or 0) * 60 + int(offset_minutes or 0)
    # 60 is a leap second; anything else out of range is a typing error, and no date.
    if (
        hours > 23
        or minutes > 59
        or seconds > 60
        or int(offset_hours or 0) > 23
        or int(offset_minutes or 0) > 59
    ):
        return None
    minutes += hours * 60 - (-offset if sign == "-" else offset)
    return (days * 86_400 + minutes * 60 + seconds) * _SECOND + int((fraction or "0").ljust(9, "0"))


def _calendar_instant(value: object) -> int | None:
    """The instant of Python's own datetime and date, which a caller may well have at hand."""
    if isinstance(value, datetime):
        try:
            aware = value if value.tzinfo is not None else value.replace(tzinfo=timezone.utc)
            return (aware - _EPOCH) // _MICROSECOND * 1_000
        except Exception:  # noqa: BLE001 - a tzinfo of the caller's own may raise anything
            return None
    return (value.toordinal() - _EPOCH_DAY) * 86_400 * _SECOND if isinstance(value, date) else None


def address(value: object) -> Address | None:
    """An IP address; an IPv4 address written in IPv6 (`::ffff:192.0.2.1`) is the IPv4 address."""
    return _address(value) if isinstance(value, str) and len(value) <= LONGEST else None


@lru_cache(maxsize=4096)
def _address(value: str) -> Address | None:
    try:
        found = ip_address(value)
    except ValueError:
        return None
    return found if found.version == 4 else found.ipv4_mapped or found


def network(value: object) -> Network | None:
    """A range in CIDR notation, host bits allowed, or a single address."""
    if not isinstance(value, str) or len(value) > LONGEST:
        return None
    _, slash, length = value.partition("/")
    if slash and not (length.isascii() and length.isdigit()):  # A netmask, which the library would take too.
        return None
    try:
        found = ip_network(value, strict=False)
    except ValueError:
        return None
    mapped = found.network_address.ipv4_mapped if found.version == 6 else None
    return found if mapped is None or found.prefixlen < 96 else ip_network((mapped, found.prefixlen - 96))
