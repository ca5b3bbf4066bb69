"""Values as an explanation shows them: as JSON, and short.

Pure: this module must never look at more of a value than it shows, nor raise, whatever a caller put into a context.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice
from typing import Any, Final

MAX_SHOWN: Final = 20
"""Elements of a list that an explanation shows; how many more there are is said."""
MAX_TEXT: Final = 200
"""Characters of a text that an explanation shows."""

_LISTS: Final = (list, tuple, set, frozenset)
_LONGEST_INTEGER: Final = 63
"""Bits; writers of JSON refuse more."""


def members(name: str, value: object) -> dict[str, Any]:
    """A value under a name; of a list, beside it, how many elements are left out."""
    if not isinstance(value, _LISTS):
        return {name: shown(value)}
    elements = [_text(each) if isinstance(each, _LISTS) else shown(each) for each in islice(value, MAX_SHOWN)]
    more = len(value) - len(elements)
    return {name: elements, f"{name}_left_out": more} if more > 0 else {name: elements}


def seen(name: str, read: Callable[[], object]) -> dict[str, Any]:
    """An attribute under a name; the type alone of one that raises when it is looked at."""
    try:
        value = read()
    except Exception:  # noqa: BLE001 - a context may raise anything; the evaluation answers for that
        return {name: "unreadable"}
    try:
        return members(name, value)
    except Exception:  # noqa: BLE001 - the same, of a value
        return {name: type(value).__name__}


def shown(value: object) -> object:
    """One value: a text cut, a number that JSON has, the name of the type of what is no text, number, true or false."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, float):
        return float(value) if value - value == 0 else repr(value)
    if isinstance(value, int):
        return int(value) if abs(value) < 1 << _LONGEST_INTEGER else "an integer of more than 64 bits"
    return _text(value)


def _text(value: object) -> str:
    text = value if isinstance(value, str) else type(value).__name__
    return text[:MAX_TEXT].encode("utf-8", "backslashreplace").decode()
