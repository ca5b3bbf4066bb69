"""Segments: named groups of units, by key and by condition.

Pure: this module must never know which flag asks. A unit's membership is three-valued like every condition: a
key that is excluded is out, one that is included is in, and the condition decides about the others.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flagd_core.bucketing import is_unicode, unit_text
from flagd_core.conditions import ConditionCompiler, Test
from flagd_core.decode import Checked
from flagd_core.model import TARGETING_KEY, SegmentDefinition


class Segment:
    """One segment of a snapshot. `test` is compiled at first use; one with a `problem` must not be used."""

    __slots__ = ("checked", "definition", "problem", "segments", "steps", "test")

    test: Test

    def __init__(self, definition: SegmentDefinition, checked: Checked) -> None:
        self.definition = definition
        self.checked = checked
        self.problem = checked.problem
        self.steps = 0
        self.segments: Mapping[str, Segment] = {}

    @property
    def asks_now(self) -> bool:
        """Whether its condition, or one of a segment it refers to, asks for the attribute `now`."""
        return self.checked.asks_now or any(segment.asks_now for segment in self.segments.values())

    def __getattr__(self, name: str) -> Test:
        # Python asks here for the slot that is still empty. Two threads at once compile the same test twice,
        # which is harmless.
        if name != "test":
            raise AttributeError(name)
        self.test = membership(self.definition, ConditionCompiler(self.segments))
        return self.test


def membership(definition: SegmentDefinition, conditions: ConditionCompiler) -> Test:
    """The test whether a unit belongs to the segment."""
    # What is no unit is nobody's key either.
    excluded = frozenset(filter(unit_text, definition.get("excluded", ())))
    included = frozenset(filter(unit_text, definition.get("included", ())))
    by_condition = _condition_of(definition, conditions)
    if not excluded and not included:
        return by_condition
    if not excluded and by_condition is _nobody:
        return _listed(included)

    def test(attributes: Mapping[str, object]) -> bool | None:
        key: Any = attributes.get(TARGETING_KEY)
        if key.__class__ is not str:
            key = unit_text(key)
        if not key:
            return without_key(attributes)
        if key in excluded:
            return False
        if key in included:
            return True
        return by_condition(attributes) if is_unicode(key) else without_key(attributes)

    def without_key(attributes: Mapping[str, object]) -> bool | None:
        # Whether the unit is listed cannot be told; the condition may settle the matter all the same.
        by_attributes = by_condition(attributes)
        if by_attributes:
            return None if excluded else True
        return None if included else by_attributes

    return test


def _listed(included: frozenset[str]) -> Test:
    """The test of a segment that is nothing but a list of keys."""

    def listed(attributes: Mapping[str, object]) -> bool | None:
        key: Any = attributes.get(TARGETING_KEY)
        if key.__class__ is not str:
            key = unit_text(key)
        if key in included:
            return True
        return False if key and is_unicode(key) else None

    return listed


def _condition_of(definition: SegmentDefinition, conditions: ConditionCompiler) -> Test:
    condition = definition.get("if")
    # A segment that asks for nothing has nobody in it: it is unfinished, and must not open a flag to
    # everyone.
    if condition is None or condition == {"all": []}:
        return _nobody
    return conditions.test(condition)


def _nobody(_attributes: Mapping[str, object]) -> bool | None:
    return False
