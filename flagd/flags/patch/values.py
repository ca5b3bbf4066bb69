"""Whether a value fits a flag's kind, and the one form in which both databases give it back alike.

Pure. Numbers in JSON have no size, but the programs that read them do: integers are exact up to 2^53 - 1.
"""

from __future__ import annotations

import math
from typing import Any, Final

import orjson

from flagd.flags.model import Kind
from flagd.flags.patch.fields import Fields, at, in_words
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
    """The value with the members of every object in one order, which `jsonb` does not keep."""
    if isinstance(value, dict):
        return {name: canonical(value[name]) for name in sorted(value)}
    if isinstance(value, list):
        return [canonical(item) for item in value]
    return value


def checked_number(fields: Fields, value: float, pointer: str) -> int | float:
    """A number that every reader of JSON sees alike."""
    if not -MAX_INTEGER <= value <= MAX_INTEGER:  # NaN is not between any two numbers
        fields.refuse(pointer, f"must be a number between -{MAX_INTEGER} and {MAX_INTEGER} (2^53 - 1)")
        return 0
    return value + 0  # -0.0 becomes 0.0, the only zero that jsonb has


def checked_text(fields: Fields, text: str, pointer: str) -> str:
    """Text that both databases and every reader of JSON can hold."""
    if "\0" in text:
        fields.refuse(pointer, "must not hold a NUL character")
    elif not is_unicode(text):
        fields.refuse(pointer, "must be valid Unicode, without lone surrogates")
    return text


def _boolean(fields: Fields, value: Any, pointer: str) -> Any:
    return fields.boolean(value, pointer)


def _string(fields: Fields, value: Any, pointer: str) -> Any:
    if not isinstance(value, str):
        fields.refuse(pointer, f"must be a string, not {in_words(value)}")
    else:
        checked_text(fields, value, pointer)
    return value


def _integer(fields: Fields, value: Any, pointer: str) -> Any:
    if isinstance(value, bool) or not isinstance(value, int | float):
        fields.refuse(pointer, f"must be an integer, not {in_words(value)}")
        return value
    number = checked_number(fields, value, pointer)
    if number != int(number):
        fields.refuse(pointer, f"must be an integer, and {value} has a fraction")
    return int(number)


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
    return _json(fields, value, pointer)


def _json(fields: Fields, value: Any, pointer: str) -> Any:
    if isinstance(value, dict):
        for name in value:
            checked_text(fields, name, pointer)
        return {name: _json(fields, value[name], at(pointer, name)) for name in sorted(value)}
    if isinstance(value, list):
        return [_json(fields, item, at(pointer, index)) for index, item in enumerate(value)]
    if isinstance(value, str):
        checked_text(fields, value, pointer)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        return checked_number(fields, value, pointer)
    return value


_CHECKS: Final = {
    "boolean": _boolean,
    "string": _string,
    "integer": _integer,
    "float": _float,
    "object": _object,
}
