"""The words of an answer: reason, error code, and the answer itself.

Plain values in OpenFeature's vocabulary: this module must never know how an answer came about.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from types import MappingProxyType
from typing import Final


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


@dataclass(frozen=True, slots=True)
class Detail:
    """One answer. It is shared between calls and threads, and nothing in it can be changed.

    `value` is a bool, str, int, float, or a read-only dict or list (`copy.deepcopy` makes a plain one), or
    `NO_VALUE`.
    """

    value: object
    variant: str | None
    reason: Reason
    error_code: ErrorCode | None = None
    error_message: str | None = None
    metadata: Mapping[str, object] = field(default_factory=lambda: NO_METADATA)
    rule: str | None = None
