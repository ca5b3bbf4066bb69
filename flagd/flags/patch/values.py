"""Whether a value fits a flag's kind, and the one form in which both databases give it back alike.

Pure. Numbers in JSON have no size, but the programs that read them do: integers are exact up to 2^53 - 1.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import islice
from typing import Any, Final

import orjson

from flagd.flags.model import Kind
from flagd.flags.patch.fields import MAX_PROBLEMS, Fields, in_words, pointer_to
from flagd_core.bucketing import is_unicode

MAX_INTEGER: Final = 2**53 - 1
MAX_VALUE_BYTES: Final = 65_536


def checked_value(fields: Fields, kind: Kind, value: Any, pointer: str) -> Any:
    """The value of a variant, normalised; problems go to `fields`, with the place inside the value."""
    if value is None:
        fields.refuse(pointer, f"a variant of a {kind} flag must have a value")
        return None
    found = _CHECKS[kind](fields, value, pointer)
    if not fields.problems and len(orjson.dumps(found)) > MAX_VALUE_BYTES:
        fields.refuse(pointer, f"must be at most {MAX_VALUE_BYTES} bytes of JSON")
    return found


def canonical(value: Any) -> Any:
    """The value in the form that `jsonb` keeps: the members of every object in one order, and a single zero."""
    if isinstance(value, dict):
        return {name: canonical(value[name]) for name in sorted(value)}
    if isinstance(value, list):
        return [canonical(item) for item in value]
    return plain_number(value) if isinstance(value, float) else value


def number_problem(value: float) -> str | None:
    """What keeps a number from being seen alike by every reader of JSON."""
    if -MAX_INTEGER <= value <= MAX_INTEGER:  # NaN is not between any two numbers
        return None
    return f"must be a number between -{MAX_INTEGER} and {MAX_INTEGER} (2^53 - 1)"


def plain_number(value: float) -> int | float:
    """The number without the sign of a zero, which jsonb does not keep."""
    return value + 0


def text_problem(text: str) -> str | None:
    """What keeps a text from being held by both databases and every reader of JSON."""
    if "\0" in text:
        return "must not hold a NUL character"
    return None if is_unicode(text) else "must be valid Unicode, without lone surrogates"


def _boolean(fields: Fields, value: Any, pointer: str) -> Any:
    return fields.boolean(value, pointer)


def _string(fields: Fields, value: Any, pointer: str) -> Any:
    reason = text_problem(value) if isinstance(value, str) else f"must be a string, not {in_words(value)}"
    if reason is not None:
        fields.refuse(pointer, reason)
    return value


def _integer(fields: Fields, value: Any, pointer: str) -> Any:
    if isinstance(value, bool) or not isinstance(value, int | float):
        fields.refuse(pointer, f"must be an integer, not {in_words(value)}")
        return value
    reason = number_problem(value)
    if reason is not None:
        fields.refuse(pointer, reason)
        return value
    if value != int(value):
        fields.refuse(pointer, f"must be an integer, and {value} has a fraction")
    return int(value)


def _float(fields: Fields, value: Any, pointer: str) -> Any:
    if isinstance(value, bool) or not isinstance(value, int | float):
        fields.refuse(pointer, f"must be a number, not {in_words(value)}")
        return value
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        fields.refuse(pointer, "must be a finite number")
    return number + 0.0


def _object(fields: Fields, value: Any, pointer: str) -> Any:
    if not isinstance(value, dict):
        fields.refuse(pointer, f"must be an object, not {in_words(value)}")
        return value
    for path, reason in islice(json_problems(value), MAX_PROBLEMS):
        fields.refuse(pointer + pointer_to(path), reason)
    return canonical(value) if not fields.problems else value


def json_problems(value: Any) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """What is wrong inside a JSON value and where. What is fine is passed without a word: a value has thousands."""
    if isinstance(value, dict | list):
        for name, item in value.items() if isinstance(value, dict) else enumerate(value):
            reason = text_problem(name) if isinstance(name, str) else None
            if reason is not None:
                yield (), reason
            for path, inner in json_problems(item):
                yield (name, *path), inner
        return
    reason = None
    if isinstance(value, str):
        reason = text_problem(value)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        reason = number_problem(value)
    if reason is not None:
        yield (), reason


_CHECKS: Final = {
    "boolean": _boolean,
    "string": _string,
    "integer": _integer,
    "float": _float,
    "object": _object,
}
