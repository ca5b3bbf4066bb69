"""Checking the members of a document one by one, collecting every problem with its JSON pointer.

A check that fails answers something harmless, so that the rest can be checked too; whoever collects
throws the result away once there are problems. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from decimal import Decimal
from typing import Any, Final

from flagd.errors import Invalid, Problem
from flagd.flags.model import PERCENT
from flagd.projects.model import description_problems, key_problems, name_problems

MAX_DEPTH: Final = 64
"""Levels of nesting in any document, the document itself included."""

MEMBER_NAME_LENGTH: Final = 256
"""Characters in the name of any member of a document, those of an object value included."""

SHOWN: Final = 40
"""Characters of an endless name that a problem repeats."""

MAX_PROBLEMS: Final = 50
"""How many problems one answer tells."""

_LOOK_BACK: Final = 20
"""How many of the last problems a new one is compared with: a document may hold many."""

_ONE_MORE: Final = Problem("", "there are more problems")

_HUNDRED: Final = Decimal(100)

_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")


class Fields:
    """Checks members and keeps what was wrong with them."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []
        self.patterns = 0
        """Regular expressions met so far: there is an end to them, because each takes long to check."""

    def refuse(self, pointer: str, detail: str) -> None:
        """Notes a problem; at one place the first is enough, the next usually follows from it."""
        if self.is_full:
            self.problems.append(_ONE_MORE)
        elif all(problem.pointer != pointer for problem in self.problems[-_LOOK_BACK:]):
            self.problems.append(Problem(pointer, detail))

    @property
    def is_full(self) -> bool:
        """Whether there are as many problems as will be told: the rest are only counted."""
        return len(self.problems) >= MAX_PROBLEMS

    def _refuse_all(self, problems: Iterable[Problem]) -> None:
        for problem in problems:
            self.refuse(problem.pointer, problem.detail)

    def done(self) -> None:
        """Raises Invalid when there were problems: with the first of them, where there are very many."""
        if self.problems:
            raise Invalid(*self.problems[:MAX_PROBLEMS])

    def object(self, value: Any, pointer: str, known: Collection[str] | None = None) -> dict[str, Any]:
        """An object, whose members must be `known` ones where that is given."""
        if not isinstance(value, dict):
            self.refuse(pointer, f"must be an object, not {in_words(value)}")
            return {}
        if known is not None:
            for name in value:
                if name not in known:
                    self.refuse(at(pointer, name), f"unknown member; known here: {', '.join(known)}")
        return value

    def text(self, value: Any, pointer: str, longest: int, *, shortest: int = 0) -> str:
        """One line of text in any script."""
        if not isinstance(value, str):
            self.refuse(pointer, f"must be a string, not {in_words(value)}")
            return ""
        if not shortest <= len(value) <= longest:
            wanted = f"{shortest} to {longest}" if shortest else f"at most {longest}"
            self.refuse(pointer, f"must have {wanted} characters, not {len(value)}")
        elif _CONTROL.search(value):
            self.refuse(pointer, "must not hold control characters")
        return value

    def name(self, value: Any, pointer: str) -> str:
        """The name of a thing."""
        if isinstance(value, str):
            self._refuse_all(name_problems(value, pointer))
            return value
        return self.text(value, pointer, 0)

    def description(self, value: Any, pointer: str) -> str:
        """Text of several lines; null is none."""
        if value is None:
            return ""
        if isinstance(value, str):
            self._refuse_all(description_problems(value, pointer))
            return value
        return self.text(value, pointer, 0)

    def key(self, value: Any, pointer: str) -> str:
        """A key, of a flag, a variant, a rule ..."""
        if not isinstance(value, str):
            self.refuse(pointer, f"must be a string, not {in_words(value)}")
            return ""
        self._refuse_all(key_problems(value, pointer))
        return value

    def boolean(self, value: Any, pointer: str) -> bool:
        """True or false, and nothing that only resembles them."""
        if not isinstance(value, bool):
            self.refuse(pointer, f"must be true or false, not {in_words(value)}")
            return False
        return value

    def share(self, value: Any, pointer: str) -> int:
        """A share of a ring, sent in percent, in slots of it."""
        if isinstance(value, bool) or not isinstance(value, int | float):
            self.refuse(pointer, f"must be a number of percent, not {in_words(value)}")
            return 0
        share = Decimal(repr(value))
        if not share.is_finite() or not 0 <= share <= _HUNDRED:
            self.refuse(pointer, f"must be between 0 and 100 percent, not {value}")
            return 0
        slots = share * PERCENT
        if slots != int(slots):
            self.refuse(pointer, f"must have at most 3 decimals: {value} is finer than a slot of the ring")
            return 0
        return int(slots)

    def array(self, value: Any, pointer: str, longest: int) -> list[Any]:
        """An array of at most `longest` items; null is an empty one."""
        if value is None:
            return []
        if not isinstance(value, list):
            self.refuse(pointer, f"must be an array, not {in_words(value)}")
            return []
        if len(value) > longest:
            self.refuse(pointer, f"must have at most {longest} items, not {len(value)}")
            return []
        return value

    def texts(self, value: Any, pointer: str, most: int, longest: int) -> tuple[str, ...]:
        """An array of different, non-empty lines of text; null is an empty one."""
        items = self.array(value, pointer, most)
        texts = [self.text(item, at(pointer, index), longest, shortest=1) for index, item in enumerate(items)]
        seen: set[str] = set()
        for index, text in enumerate(texts):
            if text in seen and text:
                self.refuse(at(pointer, index), f"{text!r} appears twice")
            seen.add(text)
        return tuple(texts)

    def order(self, value: Any, pointer: str, keys: Collection[str], noun: str) -> list[str]:
        """An array that names each of `keys` once."""
        named = list(self.texts(value, pointer, len(keys) + 1000, 1000))
        for index, key in enumerate(named):
            if key not in keys:
                self.refuse(at(pointer, index), f"there is no {noun} {key!r}")
        missing = [key for key in keys if key not in named]
        if missing:
            self.refuse(pointer, f"must name every {noun}; missing: {', '.join(missing)}")
        return named

    def unchanged(self, patch: Mapping[str, Any], current: Mapping[str, Any], names: Iterable[str]) -> None:
        """Members that cannot be written: sending them back as they are is fine, so that a whole document may be."""
        for name in names:
            if name in patch and not same(patch[name], current.get(name)):
                self.refuse(at("", name), "cannot be changed here; leave it out")

    def not_null(self, patch: Mapping[str, Any], names: Iterable[str]) -> None:
        """Members that always have a value."""
        for name in names:
            if name in patch and patch[name] is None:
                self.refuse(at("", name), "cannot be removed; give it a value or leave it out")


def check_depth(document: Any) -> None:
    """Raises Invalid for a document nested so deeply that walking it could exhaust the stack, or with endless names.

    What is allowed is walked without a pointer to any of it: those would take far more room than the document.
    """
    walks = [iter(_members(document))]
    names: list[str | int] = []
    while walks:
        name, item = next(walks[-1], (None, None))
        if name is None:
            walks.pop()
            del names[-1:]
            continue
        if isinstance(name, str) and len(name) > MEMBER_NAME_LENGTH:
            detail = f"the name {name[:SHOWN]!r}... must have at most {MEMBER_NAME_LENGTH} characters"
            raise Invalid(Problem(pointer_to(names), detail))
        if len(walks) == MAX_DEPTH:
            raise Invalid(Problem(pointer_to([*names, name]), f"nested more than {MAX_DEPTH} levels deep"))
        if isinstance(item, dict | list):
            walks.append(iter(_members(item)))
            names.append(name)


def _members(value: Any) -> Iterable[tuple[str | int, Any]]:
    if isinstance(value, dict):
        return value.items()
    return enumerate(value) if isinstance(value, list) else ()


def same(one: Any, other: Any) -> bool:
    """Whether two JSON values are the same, types included: true is not 1."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[name], other[name]) for name in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    return isinstance(one, bool) == isinstance(other, bool) and bool(one == other)


def pointer_to(names: Iterable[str | int]) -> str:
    """The JSON pointer that these names lead along, from the top of the document."""
    return "".join(at("", name) for name in names)


def at(pointer: str, part: str | int) -> str:
    """The JSON pointer (RFC 6901) of a member of what `pointer` points to."""
    return f"{pointer}/{str(part).replace('~', '~0').replace('/', '~1')}"


def in_words(value: Any) -> str:
    """The JSON type of a value, in words."""
    return next(words for kind, words in _IN_WORDS if isinstance(value, kind))


_IN_WORDS: Final[tuple[tuple[type, str], ...]] = (
    (type(None), "null"),
    (bool, "a boolean"),
    (str, "a string"),
    ((int), "a number"),
    (float, "a number"),
    (list, "an array"),
    (dict, "an object"),
    (object, "something that is no JSON"),
)
