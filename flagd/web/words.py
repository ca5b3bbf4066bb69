"""How values are said on a page: percentages, splits, instants. Pure; touches no request, no database, no clock."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

ARROW: Final = "→"
MINUTE: Final = timedelta(minutes=1)
HOUR: Final = timedelta(hours=1)
DAY: Final = timedelta(days=1)
WEEK: Final = timedelta(days=7)


def number(value: Decimal | float) -> str:
    """A percentage as it is typed: at most three decimals, none that say nothing."""
    text = f"{value:.3f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def percent(value: Decimal | float) -> str:
    """A percentage as it is read, such as `12.5 %`."""
    return f"{number(value)} %"


def weights(shares: Mapping[str, Decimal | float]) -> str:
    """What a serve gives to whom: `20 % on / 80 % off`, or `on for everyone` where one variant holds all."""
    held = {variant: share for variant, share in shares.items() if share > 0}
    if len(held) == 1:
        return f"{next(iter(held))} for everyone"
    return " / ".join(f"{percent(share)} {variant}" for variant, share in shares.items())


def count(amount: int, noun: str) -> str:
    """`1 rule`, `2 rules`."""
    return f"{amount} {noun}" if amount == 1 else f"{amount} {noun}s"


def listing(parts: list[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    return " and ".join(filter(None, (", ".join(parts[:-1]), *parts[-1:])))


def ago(at: datetime, now: datetime) -> str:
    """How long ago, roughly; beyond a week the day itself."""
    past = now - at
    if past < MINUTE:
        return "just now"
    if past < HOUR:
        return f"{past // MINUTE} min ago"
    if past < DAY:
        return f"{past // HOUR} h ago"
    if past < WEEK:
        return "yesterday" if past // DAY == 1 else f"{past // DAY} days ago"
    return f"{at.day} {at:%b}" if at.year == now.year else f"{at.day} {at:%b %Y}"


def stamp(at: datetime) -> str:
    """The instant in full."""
    return f"{at:%Y-%m-%d %H:%M:%S} UTC"


def initials(name: str) -> str:
    """Up to two letters that stand for a person."""
    words = name.partition("@")[0].replace(".", " ").replace("_", " ").replace("-", " ").split()
    letters = [word[0] for word in words if word]
    return "".join(letters[:1] + letters[1:][-1:]).upper()
