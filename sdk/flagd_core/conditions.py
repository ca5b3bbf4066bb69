"""From a checked condition to a closure that tells whether attributes meet it.

Pure: this module must never know a flag, or check a condition (decode has). What it builds reads the caller's
attributes and never changes them.

Every closure is made by a method of the compiler, so that one that records what happened can wrap each step of
the very same path (see explain).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Protocol

from flagd_core.model import TARGETING_KEY, Condition, Context, FrozenDict
from flagd_core.operators import IGNORE_CASE, OPERATORS, OnText, Remembered
from flagd_core.operators.operands import number

Attributes = Mapping[str, object]
Test = Callable[[Attributes], "bool | None"]
"""A condition: True, False, or None for "cannot tell"."""

NOBODY: Final[Attributes] = FrozenDict()


class Tested(Protocol):
    """What a condition needs of a segment."""

    @property
    def test(self) -> Test: ...


def attributes_of(context: Context) -> Attributes:
    """The context as attributes by name. TypeError for what is no context, whatever methods it has."""
    if context is None:
        return NOBODY
    if isinstance(context, str):
        return {TARGETING_KEY: context}
    if not isinstance(context, Mapping):
        raise TypeError("a context is a text or a mapping")
    return context


def reader(attribute: str) -> Callable[[Attributes], object]:
    """The function that reads an attribute; None when there is none.

    An attribute whose name has the dots in it comes before the path that they spell.
    """
    if "." not in attribute:
        return lambda attributes: attributes.get(attribute)
    steps = attribute.split(".")

    def read(attributes: Attributes) -> object:
        value = attributes.get(attribute)
        if value is not None:
            return value
        value = attributes
        for step in steps:
            if value.__class__ is not dict and not isinstance(value, Mapping):
                return None
            value = value.get(step)
        return value

    return read


class ConditionCompiler:
    """Compiles conditions whose segments are given, by key."""

    def __init__(self, segments: Mapping[str, Tested]) -> None:
        self._segments = segments

    def test(self, condition: Condition, affirmed: bool = True) -> Test:
        """The test of a condition; `affirmed` is False below an odd number of `not`."""
        if len(condition) == 1:
            ((name, value),) = condition.items()
            if name == "segment":
                return self.segment(value)
            if name == "not":
                return self.negation(self.test(value, not affirmed))
            tests = [self.test(each, affirmed) for each in value]
            if len(tests) == 1:
                return tests[0]
            return self.conjunction(tests) if name == "all" else self.disjunction(tests)
        return self.leaf(condition, affirmed)

    def segment(self, key: str) -> Test:
        """Whether the unit belongs to a segment."""
        return self._segments[key].test

    def leaf(self, leaf: Condition, affirmed: bool) -> Test:
        """One attribute and its operator."""
        operator = OPERATORS[leaf["op"]]
        operands = leaf["values"], leaf.get(IGNORE_CASE, False)
        test = operator.build(*operands)
        missing: bool | None = False if leaf["op"] == "exists" else None
        if "on_missing" in leaf:
            # The author asks that a missing attribute satisfies the rule: below a `not` the leaf itself must
            # fail for that.
            missing = affirmed
        attribute = leaf["attribute"]
        if "." in attribute:
            read = reader(attribute)

            def path_test(attributes: Attributes) -> bool | None:
                value = read(attributes)
                return missing if value is None else test(value)

            return path_test

        if operator.build_text is not None:
            return self._leaf_on_text(attribute, test, missing, operator.build_text(*operands))
        if operator.order is not None:
            return self._leaf_on_number(attribute, test, missing, (operator.order, leaf["values"][0]))

        def attribute_test(attributes: Attributes) -> bool | None:
            value = attributes.get(attribute)
            return missing if value is None else test(value)

        return attribute_test

    # The leaves that occur most are written out: what they call would cost as much as all the rest.

    def _leaf_on_text(
        self,
        attribute: str,
        test: Callable[[object], bool | None],
        missing: bool | None,
        on_text: OnText,
    ) -> Test:
        if isinstance(on_text, frozenset):
            wanted = on_text

            def membership_test(attributes: Attributes) -> bool | None:
                value = attributes.get(attribute)
                if value.__class__ is str:
                    return value in wanted
                return missing if value is None else test(value)

            return membership_test
        if isinstance(on_text, Remembered):
            verdicts = on_text

            def remembering_test(attributes: Attributes) -> bool | None:
                value: Any = attributes.get(attribute)
                if value.__class__ is str:
                    return verdicts[value]
                return missing if value is None else test(value)

            return remembering_test
        test_text = on_text

        def text_test(attributes: Attributes) -> bool | None:
            value: Any = attributes.get(attribute)
            if value.__class__ is str:
                return test_text(value)
            return missing if value is None else test(value)

        return text_test

    def _leaf_on_number(
        self,
        attribute: str,
        test: Callable[[object], bool | None],
        missing: bool | None,
        order: tuple[Callable[[Any, Any], bool], object],
    ) -> Test:
        holds, bound = order[0], number(order[1])

        def number_test(attributes: Attributes) -> bool | None:
            value = attributes.get(attribute)
            if value.__class__ is int:
                return holds(value, bound)
            return missing if value is None else test(value)

        return number_test

    def negation(self, test: Test) -> Test:
        """Not: unknown stays unknown."""

        def negated(attributes: Attributes) -> bool | None:
            answer = test(attributes)
            return None if answer is None else not answer

        return negated

    def conjunction(self, tests: Sequence[Test]) -> Test:
        """All: False beats unknown, unknown beats True."""

        def all_of(attributes: Attributes) -> bool | None:
            outcome: bool | None = True
            for test in tests:
                answer = test(attributes)
                if not answer:
                    if answer is False:
                        return False
                    outcome = None
            return outcome

        return all_of

    def disjunction(self, tests: Sequence[Test]) -> Test:
        """Any: True beats unknown, unknown beats False."""

        def any_of(attributes: Attributes) -> bool | None:
            outcome: bool | None = False
            for test in tests:
                answer = test(attributes)
                if answer:
                    return True
                if answer is None:
                    outcome = None
            return outcome

        return any_of
