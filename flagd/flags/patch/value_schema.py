"""A flag's JSON Schema: whether it can be kept, and whether the flag's values satisfy it.

What a schema means is jsonschema_rs' to say. This module must never let a schema fetch anything (references lead
to the schema itself, and nowhere else), nor let a schema or a value take a check without bound.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any, Final

import jsonschema_rs
import orjson

from flagd.errors import Problem
from flagd.flags.model import Document, Variant
from flagd.flags.patch.fields import MAX_PROBLEMS, Fields, at, in_words, pointer_to
from flagd.flags.patch.schema_engine import compiled, in_short, pattern_problems, pattern_steps
from flagd.flags.patch.schema_walk import Cost, Walk, numbers_in
from flagd.flags.patch.values import canonical, json_problems

MAX_SCHEMA_BYTES: Final = 16_384
MAX_STEPS: Final = 10_000
"""What a single value may have to be compared with, all references followed."""
MAX_WORK: Final = 8_000_000
"""Steps times bytes of values, and comparisons of numbers, in one write: a fifth of a second at the very worst,
measured, and as a rule next to none. The library lets nothing else run meanwhile, in no thread."""
_NUMBER_WORK: Final = 300
"""Measured: what it takes to compare two numbers, or to divide one by the other."""
MAX_EXPLAINED: Final = 50_000
"""The work above which a value is said to break a schema with alternatives, but not how: the library would
collect what is wrong with each of them, for every item."""

DIALECTS: Final = (
    "https://json-schema.org/draft/2020-12/schema",
    "https://json-schema.org/draft/2019-09/schema",
    "http://json-schema.org/draft-07/schema",
)

_CLOSED: Final = ("additionalProperties", "propertyNames")
"""Where `false` stands alone for no member at all."""


def parse(fields: Fields, document: Any, pointer: str) -> Document | None:
    """The schema in stored form, null being none; problems go to `fields`."""
    if document is None:
        return None
    if not isinstance(document, dict):
        detail = f"must be a JSON Schema (an object), or null for none, not {in_words(document)}"
        fields.refuse(pointer, detail)
        return None
    for check in (_unstorable, _unknown_dialect, _invalid, _unbounded):
        # Each takes for granted what the ones before it made sure of.
        problems = list(islice(check(document), MAX_PROBLEMS))
        for problem in problems:
            fields.refuse(pointer + problem.pointer, problem.detail)
        if problems:
            return None
    schema: Document = canonical(document)
    # The library makes a schema ready once, for this and for the values.
    unusable = compiled(schema)
    if isinstance(unusable, str):
        fields.refuse(pointer, unusable)
        return None
    return schema


def check_values(fields: Fields, schema: Document, variants: Iterable[Variant]) -> None:
    """Refuses the variants whose values do not satisfy a schema that `parse` gave."""
    validator = compiled(schema)
    if isinstance(validator, str):
        fields.refuse("/schema", validator)
        return
    walk, done = Walk(schema), 0
    cost = walk.cost(pattern_steps)
    for variant in variants:
        place = at(at("/variants", variant.key), "value")
        work = _work(cost, variant.value)
        done += work
        if done > MAX_WORK:
            fields.refuse(
                place, "would take too long to check: it needs a simpler schema, or less of a value"
            )
        elif not validator.is_valid(variant.value):
            done += work  # To be told how takes as long again.
            is_explained = done <= (MAX_EXPLAINED if walk.has_alternatives else MAX_WORK)
            path, reason = (
                _reason(validator, walk, variant.value) if is_explained else ([], "in one of its parts")
            )
            fields.refuse(place + pointer_to(path), f"{variant.key!r} breaks the flag's schema: {reason}")


def _work(cost: Cost, value: Any) -> int:
    work = cost.steps * len(orjson.dumps(value))
    if cost.numbers and work <= MAX_WORK:
        work += _NUMBER_WORK * cost.numbers * numbers_in(value)
    return work


def _reason(validator: jsonschema_rs.Validator, walk: Walk, value: Any) -> tuple[list[str | int], str]:
    # The first is enough; all of them would be collected before the first could be read.
    try:
        validator.validate(value)
    except jsonschema_rs.ValidationError as error:
        return [*error.instance_path, *_offender(error, walk, value)], in_short(error)
    raise AssertionError("a value was refused for no reason")


def _offender(error: jsonschema_rs.ValidationError, walk: Walk, value: Any) -> list[str | int]:
    """The member or the item that must not be, of the object or the array that the library names the place of."""
    kinds = jsonschema_rs.ValidationErrorKind
    match error.kind:
        case kinds.AdditionalProperties(unexpected) | kinds.UnevaluatedProperties(unexpected):
            return [*unexpected[:1]]
        case kinds.PropertyNames(inner):
            return [str(inner.instance)]
        case kinds.AdditionalItems(first):
            return [first]
        case kinds.FalseSchema() if _is_closed(error.schema_path, walk):
            for name in error.instance_path:
                value = value[name]
            return [next(iter(value))]
    return []


def _is_closed(path: list[str | int], walk: Walk) -> bool:
    # And not what the schema says of a member that is named like the keyword.
    return bool(path) and path[-1] in _CLOSED and walk.has(path[:-1])


# --- what a schema is refused for: problems with their places in it -------------------------------------


def _unstorable(schema: Document) -> Iterator[Problem]:
    is_fine = True
    for path, reason in json_problems(schema):
        is_fine = False
        yield Problem(pointer_to(path), reason)
    if is_fine and len(orjson.dumps(schema)) > MAX_SCHEMA_BYTES:
        yield Problem("", f"must be at most {MAX_SCHEMA_BYTES} bytes of JSON")


def _unknown_dialect(schema: Document) -> Iterator[Problem]:
    # Before the library sees it, which would fetch one that it does not know.
    named = schema.get("$schema", DIALECTS[0])
    if not isinstance(named, str) or named.removesuffix("#") not in DIALECTS:
        yield Problem("/$schema", f"must be one of {', '.join(DIALECTS)}, or left out")


def _invalid(schema: Document) -> Iterator[Problem]:
    try:
        jsonschema_rs.meta.validate(schema)
    except jsonschema_rs.ValidationError as error:
        yield Problem(pointer_to(error.instance_path), f"is no JSON Schema: {in_short(error)}")


def _unbounded(schema: Document) -> Iterator[Problem]:
    walk = Walk(schema)
    unfit = list(pattern_problems(walk.patterns))
    yield from unfit
    steps = 0 if unfit else walk.cost(pattern_steps).steps
    yield from walk.problems
    if steps > MAX_STEPS:
        yield Problem("", f"takes {steps} steps to check, all references followed; the most is {MAX_STEPS}")
