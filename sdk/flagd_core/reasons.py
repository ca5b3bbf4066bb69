"""The words of an answer: reason, error code, and the answer itself.

Plain values in OpenFeature's vocabulary: this module must never know how an answer came about.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import Enum
from itertools import count
from types import MappingProxyType
from typing import Final, NoReturn


class Reason(str, Enum):
    """Why a flag answered as it did."""

    STATIC = "STATIC"
    """No rule, target, prerequisite or split could have changed the answer; also a flag that is off."""
    DEFAULT = "DEFAULT"
    """Targeting exists and nothing of it applied, or a prerequisite was not met."""
    TARGETING_MATCH = "TARGETING_MATCH"
    """An individual target or a rule applied."""
    SPLIT = "SPLIT"
    """A split chose, by the hash of the unit."""
    DISABLED = "DISABLED"
    """The flag is off and names no variant for that: the caller's default."""
    ERROR = "ERROR"
    """The caller's default; the error code says why."""

    def __str__(self) -> str:
        return str.__str__(self)


class ErrorCode(str, Enum):
    """Why an answer carries no value, as OpenFeature names it."""

    PROVIDER_NOT_READY = "PROVIDER_NOT_READY"
    PROVIDER_FATAL = "PROVIDER_FATAL"
    FLAG_NOT_FOUND = "FLAG_NOT_FOUND"
    PARSE_ERROR = "PARSE_ERROR"
    """The flag cannot be evaluated here: an unknown operator, field or algorithm, or a broken reference."""
    TYPE_MISMATCH = "TYPE_MISMATCH"
    TARGETING_KEY_MISSING = "TARGETING_KEY_MISSING"
    """The context has no usable unit for a split."""
    INVALID_CONTEXT = "INVALID_CONTEXT"
    """Reading the context failed: it is neither text nor a mapping, or it raised."""
    GENERAL = "GENERAL"

    def __str__(self) -> str:
        return str.__str__(self)


class NoValue:
    """The type of `NO_VALUE`; there is one instance, also across copies and pickles."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "NO_VALUE"

    def __reduce__(self) -> str:
        return "NO_VALUE"


NO_VALUE: Final = NoValue()
"""Stands where an answer has no value and the caller's default is to be used."""

NO_METADATA: Final[Mapping[str, object]] = MappingProxyType({})


_UNCOUNTED: Final = count()


class Detail:
    """One answer. It is shared between calls and threads, and nothing in it can be changed.

    `value` is a bool, str, int, float, or a read-only dict or list (`copy.deepcopy` makes a plain one), or
    `NO_VALUE`. `next(detail.uses)` counts one more use of the answer, where the host counts (see Host). It is
    no part of the answer: two details are equal when everything else is.
    """

    __slots__ = ("error_code", "error_message", "metadata", "reason", "rule", "uses", "value", "variant")

    value: object
    variant: str | None
    reason: Reason
    error_code: ErrorCode | None
    error_message: str | None
    metadata: Mapping[str, object]
    rule: str | None
    uses: Iterator[int]

    def __init__(  # noqa: PLR0913, PLR0917 - the answer has that many parts
        self,
        value: object,
        variant: str | None,
        reason: Reason,
        error_code: ErrorCode | None = None,
        error_message: str | None = None,
        metadata: Mapping[str, object] = NO_METADATA,
        rule: str | None = None,
        uses: Iterator[int] = _UNCOUNTED,
    ) -> None:
        put = object.__setattr__
        put(self, "value", value)
        put(self, "variant", variant)
        put(self, "reason", reason)
        put(self, "error_code", error_code)
        put(self, "error_message", error_message)
        put(self, "metadata", metadata)
        put(self, "rule", rule)
        put(self, "uses", uses)

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError(f"an answer is shared and cannot be changed: {name!r}")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError(f"an answer is shared and cannot be changed: {name!r}")

    def _parts(self) -> tuple[object, ...]:
        return tuple(getattr(self, name) for name in _PARTS)

    def __eq__(self, other: object) -> bool:
        return self._parts() == other._parts() if isinstance(other, Detail) else NotImplemented

    __hash__ = None  # type: ignore[assignment]  # the value may be a dict

    def __reduce__(self) -> tuple[type[Detail], tuple[object, ...]]:
        parts = self._parts()
        return Detail, (*parts[:5], dict(self.metadata), parts[6])

    def __repr__(self) -> str:
        return f"Detail({', '.join(f'{name}={getattr(self, name)!r}' for name in _PARTS)})"


_PARTS: Final = ("value", "variant", "reason", "error_code", "error_message", "metadata", "rule")
