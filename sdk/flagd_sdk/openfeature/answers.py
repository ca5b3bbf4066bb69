"""Contexts and answers in OpenFeature's words. Pure: it evaluates nothing and knows no provider.

OpenFeature's client checks types loosely (to it, True is an integer) and hands a value of the wrong type on, so every
type is checked here, and whatever is wrong carries the caller's default.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple, TypeVar

from openfeature.evaluation_context import EvaluationContext
from openfeature.exception import ErrorCode
from openfeature.flag_evaluation import FlagMetadata, FlagResolutionDetails, Reason

from flagd_core import NO_VALUE, Detail
from flagd_core.model import MAX_INTEGER, thawed
from flagd_sdk.context import TARGETING_KEY
from flagd_sdk.reader import ContextLike, as_boolean, as_float, as_integer, as_string, as_structure

T = TypeVar("T")

FLAG_SET: Final = "flagSetId"
"""OpenFeature's well-known name, in a flag's metadata, for what the flag belongs to."""


class Kind(NamedTuple):
    """What a caller asks for: its name in messages, and the conversion, which answers None for anything else."""

    name: str
    convert: Callable[[object], Any]


def _integer(value: object) -> int | None:
    number = as_integer(value)
    # Beyond this a float stands for more than one integer, and other languages would read another one.
    return number if number is not None and abs(number) <= MAX_INTEGER else None


def _structure(value: object) -> object:
    # A copy of the caller's own: other providers hand out what may be changed.
    structure = as_structure(value)
    return None if structure is None else thawed(structure)


BOOLEAN: Final = Kind("a boolean", as_boolean)
STRING: Final = Kind("a string", as_string)
INTEGER: Final = Kind("an integer", _integer)
FLOAT: Final = Kind("a float", as_float)
OBJECT: Final = Kind("an object", _structure)


def context_of(given: EvaluationContext | None) -> ContextLike:
    """The attributes, flat, with the targeting key among them; it wins over an attribute of its name.

    An empty targeting key is none, as it is when OpenFeature merges contexts. Values stay what they are.
    """
    if given is None:
        return None
    attributes, key = given.attributes, given.targeting_key
    # What is no mapping is handed on: the evaluation has an answer for that.
    if not key or not isinstance(attributes, Mapping):
        return attributes
    return {**attributes, TARGETING_KEY: key}


def resolution(
    detail: Detail, default: T, kind: Kind, flag: str, flag_set: str | None
) -> FlagResolutionDetails[T]:
    """An answer as this kind of value. Its `value` is NO_VALUE, and not the default, where the flag has none."""
    metadata = _metadata(detail, flag_set)
    if detail.error_code is not None:
        return failure(default, ErrorCode(detail.error_code.value), detail.error_message, metadata)
    value = default
    if detail.value is not NO_VALUE:
        value = kind.convert(detail.value)
        if value is None:
            return failure(
                default, ErrorCode.TYPE_MISMATCH, f"the value of flag {flag!r} is not {kind.name}", metadata
            )
    return FlagResolutionDetails(
        value, reason=Reason(detail.reason.value), variant=detail.variant, flag_metadata=metadata
    )


def failure(
    default: T, code: ErrorCode, message: str | None, metadata: FlagMetadata | None = None
) -> FlagResolutionDetails[T]:
    """The caller's default, and why. Returned, where others raise: an exception would lose the metadata."""
    return FlagResolutionDetails(default, code, message, Reason.ERROR, flag_metadata=metadata or {})


def _metadata(detail: Detail, flag_set: str | None) -> FlagMetadata:
    belongs: dict[str, Any] = {} if flag_set is None else {FLAG_SET: flag_set}
    return {**belongs, **detail.metadata}
