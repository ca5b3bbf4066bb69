"""Regular expressions as RE2 has them: linear in the text whatever the pattern is, and the same in every language.

RE2 comes from google-re2, which has no build for every platform. Where it is missing everything else works, and
`refuse` says for each pattern that it cannot be evaluated here. Python's own `re` is no substitute: it can take
for ever, and means other things.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from importlib import import_module
from typing import Any, Final

LONGEST_PATTERN: Final = 1_000
"""Characters. RE2 is linear in the text; its memory grows with the pattern."""
_MEMORY: Final = 1 << 19
"""Bytes that RE2 may use for one pattern; a larger one is refused."""
_MISSING: Final = "regular expressions need the package google-re2, which is not installed here"


@lru_cache(maxsize=1)
def _re2() -> Any:
    """The library; None where it is not installed. Loaded at first use, because hardly anybody needs it."""
    try:
        found = import_module("re2")
    except ImportError:
        return None
    # Other packages have a module of this name too.
    return found if hasattr(found, "Options") else None


def refuse(pattern: object) -> str | None:
    """Why a pattern cannot be evaluated here, in words; None when it can."""
    if not isinstance(pattern, str):
        return "a pattern must be a text"
    if len(pattern) > LONGEST_PATTERN:
        return f"a pattern must have at most {LONGEST_PATTERN} characters"
    if _re2() is None:
        return _MISSING
    found = _compiled(pattern)
    return found if isinstance(found, str) else None


def search(pattern: str) -> Callable[[str], bool]:
    """The test whether a pattern that `refuse` accepts matches anywhere in a text."""
    compiled: Any = _compiled(pattern)
    find = compiled.search

    def found_in(text: str) -> bool:
        # As bytes: RE2 then need not count characters. A lone surrogate is no Unicode, and matches nothing.
        try:
            return find(text.encode()) is not None
        except UnicodeEncodeError:
            return False

    return found_in


@lru_cache(maxsize=256)
def _compiled(pattern: str) -> object:
    """What RE2 makes of a pattern; a text that says what is wrong with it."""
    re2 = _re2()
    options = re2.Options()
    options.max_mem = _MEMORY
    options.log_errors = False
    options.never_capture = True
    try:
        return re2.compile(pattern.encode(), options)
    except UnicodeEncodeError:
        return "a pattern must be valid Unicode"
    except re2.error as error:
        reason = error.args[0] if error.args else error
        return f"not a pattern of RE2: {reason.decode(errors='replace') if isinstance(reason, bytes) else reason}"
