"""The parts of a JSON Schema that are schemas themselves: where they refer to, and what checking a value takes.

Pure, and no judge of what a schema means. It knows the keywords of draft 7 to 2020-12 that hold schemas, so that
a reference is told from data that looks like one, and it counts what may double: parts that are referred to again
and again, and `unevaluated...`, for which the library looks at every part once more on each level.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final, NamedTuple
from urllib.parse import unquote

from flagd.errors import Problem
from flagd.flags.model import Document
from flagd.flags.patch.fields import MAX_DEPTH, at, pointer_to

_SINGLE: Final = (
    *("additionalItems", "additionalProperties", "contains", "contentSchema", "else", "if", "items", "not"),
    *("propertyNames", "then", "unevaluatedItems", "unevaluatedProperties"),
)
_LISTS: Final = ("allOf", "anyOf", "items", "oneOf", "prefixItems")
_DEFINITIONS: Final = ("$defs", "definitions")
_MAPS: Final = (*_DEFINITIONS, "dependencies", "dependentSchemas", "patternProperties", "properties")
_SCHEMAS: Final = frozenset((*_SINGLE, *_LISTS, *_MAPS))
_ALTERNATIVES: Final = ("anyOf", "oneOf")
_UNEVALUATED: Final = ("unevaluatedItems", "unevaluatedProperties")

_LOCAL: Final = "must lead to a part of this schema that is a schema, such as #/$defs/name"
_REFUSED: Final = {"$dynamicRef": f"{_LOCAL}, by $ref", "$recursiveRef": f"{_LOCAL}, by $ref"}
_INNER: Final = {"$id": "can only be at the top of a schema", "$schema": "can only be at the top of a schema"}

_UNEVALUATED_TIMES: Final = 4
"""Measured: what `unevaluated...` multiplies the work for the parts beside it with, on each level."""
_WEIGHTS: Final = {"format": 10, "uniqueItems": 5}
"""Measured: what these keywords take, in steps."""
_TINY: Final = 1e-9
"""Numbers nearer to zero than this are compared as fractions of many digits."""
_TINY_TIMES: Final = 10


class Cost(NamedTuple):
    """What a value is compared with: steps for each byte of it, numbers for each number in it."""

    steps: int
    numbers: int
    height: int
    """Levels, all references followed."""


_NONE: Final = Cost(0, 0, 0)


@dataclass(frozen=True, slots=True)
class _Part:
    """One schema: the steps of its own, and the schemas it applies, which cost as often as `times` says."""

    steps: int
    numbers: int
    times: int
    patterns: tuple[str, ...]
    inner: tuple[str, ...]
    ref: str | None


class Walk:
    """All of one schema. Pointers begin at its top; `patterns` are by the place where they stand."""

    def __init__(self, schema: Document) -> None:
        self.problems: list[Problem] = []
        self.patterns: dict[str, str] = {}
        self.has_alternatives = False
        self._parts: dict[str, _Part] = {}
        self._known: dict[str, Cost] = {}
        self._way: list[str] = []
        self._visit(schema, "")
        self._check_references()

    def cost(self, pattern_steps: Callable[[str], int]) -> Cost:
        """What checking one value may take. Nothing where there are problems, found now or before."""
        cost = _NONE if self.problems else self._cost("", pattern_steps)
        return _NONE if self.problems else cost

    def has(self, names: Iterable[str | int]) -> bool:
        """Whether a part that is a schema stands there."""
        return pointer_to(names) in self._parts

    def _visit(self, schema: Any, pointer: str) -> None:
        if not isinstance(schema, dict):  # true or false
            self._parts[pointer] = _Part(1, 0, 1, (), (), None)
            return
        inner: list[str] = []
        for names, part in _schemas_in(schema):
            place = pointer + pointer_to(names)
            self._visit(part, place)
            if names[0] not in _DEFINITIONS:
                inner.append(place)
        patterns = self._patterns(schema, pointer)
        self.patterns |= patterns
        self.has_alternatives |= any(name in schema for name in _ALTERNATIVES)
        data = {name: value for name, value in schema.items() if name not in _SCHEMAS}
        self._parts[pointer] = _Part(
            steps=1 + len(schema) + _size(data) + sum(_WEIGHTS.get(name, 0) for name in data),
            numbers=numbers_in(data),
            times=_UNEVALUATED_TIMES if any(name in schema for name in _UNEVALUATED) else 1,
            patterns=tuple(patterns.values()),
            inner=tuple(inner),
            ref=self._reference(schema, pointer),
        )

    @staticmethod
    def _patterns(schema: Document, pointer: str) -> dict[str, str]:
        named = _members(schema.get("patternProperties"))
        patterns = {pointer + pointer_to(("patternProperties", name)): name for name in named}
        own = schema.get("pattern")
        return patterns | ({at(pointer, "pattern"): own} if isinstance(own, str) else {})

    def _reference(self, schema: Document, pointer: str) -> str | None:
        for name, detail in {**_REFUSED, **(_INNER if pointer else {})}.items():
            if name in schema:
                self.problems.append(Problem(at(pointer, name), detail))
        ref = schema.get("$ref", "")
        if isinstance(ref, str) and ref.startswith("#"):
            return unquote(ref[1:])
        if "$ref" in schema:
            self.problems.append(Problem(at(pointer, "$ref"), _LOCAL))
        return None

    def _check_references(self) -> None:
        for pointer, part in self._parts.items():
            if part.ref is not None and part.ref not in self._parts:
                self.problems.append(Problem(at(pointer, "$ref"), _LOCAL))

    def _cost(self, pointer: str, pattern_steps: Callable[[str], int]) -> Cost:
        if pointer in self._known:
            return self._known[pointer]
        part = self._parts[pointer]
        self._way.append(pointer)
        steps, numbers, height = part.steps + sum(map(pattern_steps, part.patterns)), part.numbers, 0
        for place in part.inner if part.ref is None else (*part.inner, part.ref):
            if place in self._way:
                where = at(pointer, "$ref") if place == part.ref else place
                self.problems.append(Problem(where, "leads back to itself; a schema must come to an end"))
            # Here it ends at the latest; what is known already may be high itself.
            cost = _NONE if self.problems or len(self._way) == MAX_DEPTH else self._cost(place, pattern_steps)
            if not self.problems and len(self._way) + max(cost.height, 1) > MAX_DEPTH:
                detail = f"is more than {MAX_DEPTH} levels deep, all references followed"
                self.problems.append(Problem(place, detail))
            if self.problems:
                return _NONE
            steps += part.times * cost.steps
            numbers += part.times * cost.numbers
            height = max(height, cost.height)
        self._way.pop()
        self._known[pointer] = Cost(steps, numbers, height + 1)
        return self._known[pointer]


def numbers_in(value: Any) -> int:
    """How many numbers there are in a value, those that take long to compare counted for several."""
    return sum(
        _TINY_TIMES if 0 < abs(item) < _TINY else 1
        for item in _items(value)
        if isinstance(item, int | float) and not isinstance(item, bool)
    )


def _schemas_in(schema: Document) -> Iterator[tuple[tuple[str | int, ...], Any]]:
    for name, value in schema.items():
        if name in _SINGLE and _is_schema(value):
            yield (name,), value
        elif name in _LISTS and isinstance(value, list):
            yield from (((name, index), part) for index, part in enumerate(value) if _is_schema(part))
        elif name in _MAPS:
            yield from (((name, key), part) for key, part in _members(value).items() if _is_schema(part))


def _size(data: Document) -> int:
    """How many values there are in what a schema holds itself: those of `enum`, `required` and the like."""
    return sum(1 for _ in _items(data)) - 1


def _items(value: Any) -> Iterator[Any]:
    """A value and everything in it."""
    waiting = [value]
    while waiting:
        item = waiting.pop()
        yield item
        if isinstance(item, dict):
            waiting += item.values()
        elif isinstance(item, list):
            waiting += item


def _is_schema(value: Any) -> bool:
    return isinstance(value, dict | bool)


def _members(value: Any) -> Document:
    return value if isinstance(value, dict) else {}
