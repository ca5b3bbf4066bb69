"""What a flag is: the shapes of the snapshot, the kinds of value, and the limits.

Plain data, in the words of the snapshot document: this module must never read a document (see decode) or
answer for a flag (see compile).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, Final, NoReturn, TypedDict

TARGETING_KEY: Final = "targetingKey"
NOW: Final = "now"
"""The attribute that is the present instant, in seconds since 1970, where the context has no such attribute."""
FORMAT: Final = 1

MAX_NESTING: Final = 16
"""How deep a condition may nest. Deeper, the flag answers ERROR: a newer engine may allow more."""
MAX_CHAIN: Final = 16
"""How long a chain of prerequisites, or of segments in segments, may be."""
MAX_STEPS: Final = 1_000
"""How many evaluations of others one evaluation of a flag may cause, or one of a segment."""
MAX_VALUE_NESTING: Final = 64
"""How deep an object value may nest."""
MAX_INTEGER: Final = 2**53 - 1
"""The largest integer that every JSON reader keeps exactly."""

Context = str | Mapping[str, object] | None
"""For whom a flag is evaluated: a targeting key, attributes by name (`targetingKey` among them), or nobody."""

Condition = dict[str, Any]
"""A branch: `all` or `any` with a list of conditions, `not` with one, `segment` with a key.
Or a leaf: `attribute`, `op`, `values`, and the options `ignore_case` and `on_missing`."""


class Split(TypedDict):
    salt: str
    unit: str
    algorithm: str
    arcs: list[tuple[int, str]]


class Serve(TypedDict, total=False):
    """Exactly one of the two."""

    variant: str
    split: Split


Rule = TypedDict("Rule", {"id": str, "if": Condition, "serve": Serve})


class Prerequisite(TypedDict):
    flag: str
    variants: list[str]


class Layer(TypedDict):
    """The part of a layer's ring that is the flag's: half-open ranges of slots, in order."""

    key: str
    salt: str
    unit: str
    algorithm: str
    slots: list[tuple[int, int]]


class _FlagCore(TypedDict):
    kind: str
    enabled: bool
    variants: dict[str, object]
    default: Serve


class FlagDefinition(_FlagCore, total=False):
    version: int
    client_visible: bool
    off_variant: str | None
    targets: dict[str, list[str]]
    rules: list[Rule]
    prerequisites: list[Prerequisite]
    layer: Layer
    metadata: dict[str, object]


SegmentDefinition = TypedDict(
    "SegmentDefinition", {"included": list[str], "excluded": list[str], "if": "Condition | None"}, total=False
)


def refuse_value(kind: str, value: object) -> str | None:
    """Why a value is not of a kind, in words; None when it is. `kind` is one of KINDS."""
    return KINDS[kind](value)


def outgoing(kind: str, value: object) -> object:
    """A value that `refuse_value` accepts, as answers carry it: of the kind's Python type, and read-only."""
    if kind == "float":
        return float(value)  # type: ignore[arg-type]  # refuse_value has seen a number.
    if kind == "integer":
        return int(value)  # type: ignore[call-overload]  # The same.
    return frozen(value)


def _refuse_boolean(value: object) -> str | None:
    return None if type(value) is bool else "must be true or false"


def _refuse_string(value: object) -> str | None:
    return None if type(value) is str else "must be a text"


def _refuse_integer(value: object) -> str | None:
    if type(value) is int or (type(value) is float and value.is_integer()):
        return None if abs(value) <= MAX_INTEGER else f"must be between -{MAX_INTEGER} and {MAX_INTEGER}"
    return "must be an integer"


def _refuse_float(value: object) -> str | None:
    if type(value) is float:
        return None if math.isfinite(value) else "must be a finite number"
    if type(value) is int:
        return (
            None
            if abs(value) <= MAX_INTEGER
            else f"must be between -{MAX_INTEGER} and {MAX_INTEGER} or have a fraction"
        )
    return "must be a number"


def _refuse_object(value: object) -> str | None:
    return _refuse_json(value, 0) if type(value) in (dict, list) else "must be an object or a list"


def _refuse_json(value: object, depth: int) -> str | None:
    if value is None or type(value) in (str, bool, int):
        return None
    if type(value) is float:
        return None if math.isfinite(value) else "must hold finite numbers only"
    if depth == MAX_VALUE_NESTING:
        return f"must not nest deeper than {MAX_VALUE_NESTING} levels"
    if isinstance(value, dict):
        if not {str}.issuperset(map(type, value)):
            return "must have texts as names"
        return next((why for each in value.values() if (why := _refuse_json(each, depth + 1))), None)
    if isinstance(value, list):
        return next((why for each in value if (why := _refuse_json(each, depth + 1))), None)
    return "must be made of what JSON has"


KINDS: Final[Mapping[str, Callable[[object], str | None]]] = {
    "boolean": _refuse_boolean,
    "string": _refuse_string,
    "integer": _refuse_integer,
    "float": _refuse_float,
    "object": _refuse_object,
}


def frozen(value: object) -> object:
    """A read-only copy of a JSON value. It still is a dict or a list, so it can be compared and written as JSON."""
    if isinstance(value, dict):
        return FrozenDict((name, frozen(each)) for name, each in value.items())
    if isinstance(value, list):
        return FrozenList(frozen(each) for each in value)
    return value


def thawed(value: object) -> object:
    """A plain copy, which may be changed."""
    if isinstance(value, dict):
        return {name: thawed(each) for name, each in value.items()}
    if isinstance(value, list):
        return [thawed(each) for each in value]
    return value


class _ReadOnly:
    """What makes a container read-only: answers are shared, and a caller who changed one would change everybody's."""

    __slots__ = ()

    def _refuse(self, *_args: object, **_kwargs: object) -> NoReturn:
        raise TypeError(
            "the value of a flag is shared and read-only: use copy.deepcopy(value) to get one of your own"
        )

    def __copy__(self) -> object:
        return thawed(self)

    def __deepcopy__(self, memo: object) -> object:
        return thawed(self)

    def __reduce__(self) -> tuple[Callable[[object], object], tuple[object]]:
        return frozen, (thawed(self),)

    __setitem__ = __delitem__ = __ior__ = __iadd__ = __imul__ = _refuse
    clear = pop = popitem = setdefault = update = append = extend = insert = remove = reverse = sort = _refuse


class FrozenDict(_ReadOnly, dict[str, object]):
    """A dict that cannot be changed."""

    __slots__ = ()


class FrozenList(_ReadOnly, list[object]):
    """A list that cannot be changed."""

    __slots__ = ()
