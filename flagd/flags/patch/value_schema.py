"""A flag's JSON Schema: whether it can be kept, and whether the flag's values satisfy it.

What a schema means is jsonschema_rs' to say. This module must never let a schema fetch anything (references lead
to the schema itself, and nowhere else), nor let a schema or a value take a check without bound.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import islice
from typing import Any, Final

import jsonschema_rs
import orjson

from flagd.errors import Problem
from flagd.flags.model import Document, Variant
from flagd.flags.patch.fields import MAX_PROBLEMS, Fields, at, in_words, pointer_to
from flagd.flags.patch.schema_walk import Walk
from flagd.flags.patch.values import canonical, json_problems

MAX_SCHEMA_BYTES: Final = 16_384
MAX_PATTERNS: Final = 50
MAX_STEPS: Final = 10_000
"""What a single value may have to be compared with, all references followed."""
MAX_WORK: Final = 20_000_000
"""Steps times bytes of values, in one write: two seconds at the very worst, measured, and as a rule next to none."""
MAX_EXPLAINED: Final = 50_000
"""The work above which a value is said to break a schema with alternatives, but not how: the library would
collect what is wrong with each of them, for every item."""

DIALECTS: Final = (
    "https://json-schema.org/draft/2020-12/schema",
    "https://json-schema.org/draft/2019-09/schema",
    "http://json-schema.org/draft-07/schema",
)

_SHOWN: Final = 300
"""Characters of what the library says: it repeats parts of the schema."""
_KILOBYTE: Final = 1024
_PATTERN_SIZES: Final = (1, 4, 16, 64, 256)
"""Kilobytes that a pattern may take when compiled; one that takes more is refused."""
_STEPS_PER_KILOBYTE: Final = 10
"""Measured: what a compiled pattern takes for each byte of a text, when it meets the worst of texts."""


def parse(fields: Fields, document: Any, pointer: str) -> Document | None:
    """The schema in stored form, null being none; problems go to `fields`."""
    if document is None:
        return None
    if not isinstance(document, dict):
        detail = f"must be a JSON Schema (an object), or null for none, not {in_words(document)}"
        fields.refuse(pointer, detail)
        return None
    for check in (_unstorable, _unknown_dialect, _invalid, _unbounded, _unusable):
        # Each takes for granted what the ones before it made sure of.
        problems = list(islice(check(document), MAX_PROBLEMS))
        for problem in problems:
            fields.refuse(pointer + problem.pointer, problem.detail)
        if problems:
            return None
    schema: Document = canonical(document)
    return schema


def check_values(fields: Fields, schema: Document, variants: Iterable[Variant]) -> None:
    """Refuses the variants whose values do not satisfy a schema that `parse` gave."""
    validator = _compiled(schema)
    if isinstance(validator, str):
        fields.refuse("/schema", validator)
        return
    walk, work = Walk(schema), 0
    steps = walk.steps(_pattern_steps)
    for variant in variants:
        place = at(at("/variants", variant.key), "value")
        work += steps * len(orjson.dumps(variant.value))
        if work > MAX_WORK:
            fields.refuse(
                place, "would take too long to check: it needs a simpler schema, or less of a value"
            )
        elif not validator.is_valid(variant.value):
            is_explained = work <= MAX_EXPLAINED or not walk.has_alternatives
            path, reason = _reason(validator, variant.value) if is_explained else ([], "in one of its parts")
            fields.refuse(place + pointer_to(path), f"{variant.key!r} breaks the flag's schema: {reason}")


def _reason(validator: jsonschema_rs.Validator, value: Any) -> tuple[list[str | int], str]:
    # The first is enough; all of them would be collected before the first could be read.
    try:
        validator.validate(value)
    except jsonschema_rs.ValidationError as error:
        return error.instance_path, _words(error)
    raise AssertionError("a value was refused for no reason")


def _compiled(schema: Document, kilobytes: int = _PATTERN_SIZES[-1]) -> jsonschema_rs.Validator | str:
    """The schema ready for use, or why it cannot be."""
    size = kilobytes * _KILOBYTE
    # The engine that takes time in proportion to the text, whatever the pattern is.
    linear = jsonschema_rs.RegexOptions(size_limit=size, dfa_size_limit=size)
    try:
        return jsonschema_rs.validator_for(
            schema, pattern_options=linear, validate_formats=True, offline=True, mask="it"
        )
    except (jsonschema_rs.ValidationError, jsonschema_rs.ReferencingError) as error:
        return f"cannot be used: {_words(error)}"


@lru_cache(maxsize=1024)
def _pattern_steps(pattern: str) -> int:
    """What a pattern takes for each byte of a text; 0 for one that cannot be used."""
    for kilobytes in _PATTERN_SIZES:
        if not isinstance(_compiled({"pattern": pattern}, kilobytes), str):
            return kilobytes * _STEPS_PER_KILOBYTE
    return 0


def _words(error: jsonschema_rs.ValidationError | jsonschema_rs.ReferencingError) -> str:
    return error.message if len(error.message) <= _SHOWN else f"{error.message[:_SHOWN]}..."


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
        yield Problem(pointer_to(error.instance_path), f"is no JSON Schema: {_words(error)}")


def _unbounded(schema: Document) -> Iterator[Problem]:
    walk = Walk(schema)
    if len(walk.patterns) > MAX_PATTERNS:
        yield Problem("", f"must have at most {MAX_PATTERNS} patterns, not {len(walk.patterns)}")
        return
    for place, pattern in walk.patterns.items():
        if not _pattern_steps(pattern):
            detail = "must be a regular expression without look-around and back-references, and not too large"
            yield Problem(place, detail)
    steps = walk.steps(_pattern_steps)
    yield from walk.problems
    if steps > MAX_STEPS:
        yield Problem("", f"takes {steps} steps to check, all references followed; the most is {MAX_STEPS}")


def _unusable(schema: Document) -> Iterator[Problem]:
    compiled = _compiled(schema)
    if isinstance(compiled, str):
        yield Problem("", compiled)
