"""The library that checks values: schemas made ready for it, and what their patterns may take.

Its engine runs a pattern in time that grows with the text alone, but making one ready takes time that grows with
the square of the pattern. So this module must never hand it a pattern of a schema that `pattern_problems` has not
passed, and never an address to fetch.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Collection, Iterator, Mapping
from functools import lru_cache
from typing import Final

import jsonschema_rs
import orjson

from flagd.errors import Problem
from flagd.flags.model import Document

MAX_PATTERNS: Final = 50
MAX_PATTERN: Final = 256
MAX_ALL_PATTERNS: Final = 1000
"""Characters, in all patterns of a schema together."""
MAX_CLASSES: Final = 16
"""Escapes such as \\d in one pattern: what making it ready takes grows with the square of their number."""
MAX_ALL_CLASSES: Final = 150

_SHOWN: Final = 300
"""Characters of what the library says: it repeats parts of the schema."""
_KILOBYTE: Final = 1024
_SIZES: Final = (1, 4, 16, 64, 256)
"""Kilobytes that a pattern may take when ready; one that takes more is refused."""
_STEPS: Final = (10, 200, 300, 550, 2750)
"""Measured: what a pattern of each of these sizes takes for each byte of the worst of texts."""

_CLASSES: Final = re.compile(r"\\[dDpPsSwW]")
# Also `[(?i]` looks like one; a flag never goes unseen.
_FLAGS: Final = re.compile(r"(?<!\\)(?:\\\\)*\(\?(?!P<)[A-Za-z-]")


def pattern_problems(patterns: Mapping[str, str]) -> Iterator[Problem]:
    """What keeps patterns, by the places where they stand, from being used. None is tried before all are short."""
    if len(patterns) > MAX_PATTERNS:
        yield Problem("", f"must have at most {MAX_PATTERNS} patterns, not {len(patterns)}")
        return
    endless = [Problem(place, detail) for place, text in patterns.items() if (detail := _endless(text))]
    detail = _endless_together(patterns.values())
    if endless or detail:
        yield from endless or [Problem("", detail)]
        return
    for place, text in patterns.items():
        if not pattern_steps(text):
            detail = "must be a regular expression without look-around and back-references, and not too large"
            yield Problem(place, detail)


def _endless(pattern: str) -> str:
    if len(pattern) > MAX_PATTERN:
        return f"must be a pattern of at most {MAX_PATTERN} characters, not {len(pattern)}"
    classes = _classes(pattern)
    if classes > MAX_CLASSES:
        return rf"must have at most {MAX_CLASSES} of \d, \p, \s, \w and their opposites, not {classes}"
    # Letters of either case, for all of Unicode, take milliseconds for every five characters.
    if _FLAGS.search(pattern):
        return "must be a pattern without flags: [Aa] is one letter in either case"
    return ""


def _endless_together(patterns: Collection[str]) -> str:
    total, classes = sum(map(len, patterns)), sum(map(_classes, patterns))
    if total > MAX_ALL_PATTERNS:
        return f"must have at most {MAX_ALL_PATTERNS} characters in all its patterns, not {total}"
    if classes > MAX_ALL_CLASSES:
        return rf"must have at most {MAX_ALL_CLASSES} of \d, \p, \s, \w in all its patterns, not {classes}"
    return ""


def _classes(pattern: str) -> int:
    return len(_CLASSES.findall(pattern))


@lru_cache(maxsize=1024)
def pattern_steps(pattern: str) -> int:
    """What a pattern takes for each byte of a text; 0 for one that cannot be used."""
    fitting = bisect_left(
        _SIZES, True, key=lambda size: not isinstance(_ready({"pattern": pattern}, size), str)
    )
    return (*_STEPS, 0)[fitting]


def compiled(schema: Document) -> jsonschema_rs.Validator | str:
    """The schema ready for use, or why it cannot be."""
    return _remembered(orjson.dumps(schema))


@lru_cache(maxsize=4)  # What is ready may take megabytes.
def _remembered(schema: bytes) -> jsonschema_rs.Validator | str:
    return _ready(orjson.loads(schema), _SIZES[-1])


def _ready(schema: Document, kilobytes: int) -> jsonschema_rs.Validator | str:
    size = kilobytes * _KILOBYTE
    # The engine that takes time in proportion to the text, whatever the pattern is.
    linear = jsonschema_rs.RegexOptions(size_limit=size, dfa_size_limit=size)
    try:
        return jsonschema_rs.validator_for(
            schema, pattern_options=linear, validate_formats=True, offline=True, mask="it"
        )
    except (jsonschema_rs.ValidationError, jsonschema_rs.ReferencingError) as error:
        return f"cannot be used: {in_short(error)}"


def in_short(error: jsonschema_rs.ValidationError | jsonschema_rs.ReferencingError) -> str:
    """What the library says, or the beginning of it."""
    return error.message if len(error.message) <= _SHOWN else f"{error.message[:_SHOWN]}..."
