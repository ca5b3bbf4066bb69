"""From a checked definition to closures that answer: conditions, splits, and the program of a flag.

Pure: this module must never check a definition (decode has) or look at another snapshot. What it builds reads
the caller's context and never changes it, makes no answer of its own (they are made once, here) and never
raises.

Every closure is made by a method of a compiler, so that one that records what happened can wrap each step of
the very same path.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple, Protocol

from mmh3 import hash as murmur3

from flagd_core.bucketing import first_hash_from, unit_text
from flagd_core.model import (
    TARGETING_KEY,
    Condition,
    Context,
    FlagDefinition,
    FrozenDict,
    Prerequisite,
    Serve,
    Split,
    frozen,
    outgoing,
)
from flagd_core.operators import IGNORE_CASE, OPERATORS
from flagd_core.reasons import NO_VALUE, Detail, ErrorCode, Reason

Attributes = Mapping[str, object]
Test = Callable[[Attributes], "bool | None"]
"""A condition: True, False, or None for "cannot tell"."""
Evaluate = Callable[[Context], Detail]

NOBODY: Final[Attributes] = FrozenDict()


class Tested(Protocol):
    """What a condition needs of a segment."""

    @property
    def test(self) -> Test: ...


class Evaluated(Protocol):
    """What a prerequisite needs of a flag."""

    @property
    def evaluate(self) -> Evaluate: ...


def attributes_of(context: Context) -> Attributes:
    """The context as attributes by name."""
    if context is None:
        return NOBODY
    return {TARGETING_KEY: context} if isinstance(context, str) else context


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
                return self._segments[value].test
            if name == "not":
                return self.negation(self.test(value, not affirmed))
            tests = [self.test(each, affirmed) for each in value]
            if len(tests) == 1:
                return tests[0]
            return self.conjunction(tests) if name == "all" else self.disjunction(tests)
        return self.leaf(condition, affirmed)

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
            test_text = operator.build_text(*operands)

            def text_test(attributes: Attributes) -> bool | None:
                value = attributes.get(attribute)
                if value.__class__ is str:
                    return test_text(value)
                return missing if value is None else test(value)

            return text_test

        def attribute_test(attributes: Attributes) -> bool | None:
            value = attributes.get(attribute)
            return missing if value is None else test(value)

        return attribute_test

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


class _Step(NamedTuple):
    """What a rule, or the default, serves."""

    constant: Detail | None
    """The answer, where it is the same for all: asking `answer` would cost a call."""
    answer: Evaluate


class FlagCompiler:
    """Compiles one flag whose segments and prerequisites are given, by key."""

    def __init__(
        self, definition: FlagDefinition, conditions: ConditionCompiler, parents: Mapping[str, Evaluated]
    ) -> None:
        self._definition = definition
        self._conditions = conditions
        self._parents = parents
        self._metadata = FrozenDict(_flag_metadata(definition))
        self._values = {
            variant: outgoing(definition["kind"], value) for variant, value in definition["variants"].items()
        }
        # Made beforehand: where the stack is exhausted there is no room to make it.
        self._no_room = self._error(ErrorCode.GENERAL, "the call stack is exhausted")

    def program(self) -> Evaluate:
        """The function that answers for the flag."""
        definition = self._definition
        if not definition["enabled"]:
            return _always(self._off(Reason.STATIC, {"off": True}))
        prerequisites = [self._prerequisite(each) for each in definition.get("prerequisites", ())]
        targets: dict[str | None, Detail] = {}
        for variant, keys in definition.get("targets", {}).items():
            targets.update(dict.fromkeys(keys, self._detail(variant, Reason.TARGETING_MATCH)))
        rules = [
            (
                self._conditions.test(rule["if"]),
                *self._step(rule["serve"], Reason.TARGETING_MATCH, rule["id"]),
            )
            for rule in definition.get("rules", ())
        ]
        if prerequisites or targets or rules:
            fallback = self._step(definition["default"], Reason.DEFAULT, None)
            return self._targeted(prerequisites, targets, rules, fallback)
        return self._step(definition["default"], Reason.STATIC, None).answer

    def _targeted(  # noqa: C901 - one function, because each call it were split into would be paid at every answer
        self,
        prerequisites: Sequence[tuple[Evaluate, frozenset[str], Detail]],
        targets: Mapping[str | None, Detail],
        rules: Sequence[tuple[Test, Detail | None, Evaluate]],
        fallback: _Step,
    ) -> Evaluate:
        unreadable, no_room = self._unreadable, self._no_room
        default, default_answer = fallback

        def evaluate(context: Any) -> Detail:
            try:
                if context.__class__ is not dict:
                    context = attributes_of(context)
                for parent, accepted, not_met in prerequisites:
                    if parent(context).variant not in accepted:
                        return not_met
                if targets:
                    key = context.get(TARGETING_KEY)
                    target = targets.get(key if key.__class__ is str else unit_text(key))
                    if target is not None:
                        return target
                for test, constant, answer in rules:
                    if test(context):
                        return constant if constant is not None else answer(context)
                return default if default is not None else default_answer(context)
            except RecursionError:
                return no_room
            except Exception as error:  # noqa: BLE001 - a context may raise anything
                return unreadable(error)

        return evaluate

    def _prerequisite(self, prerequisite: Prerequisite) -> tuple[Evaluate, frozenset[str], Detail]:
        """The parent's function, the variants that fulfil the prerequisite, and the answer when none is served."""
        parent = prerequisite["flag"]
        not_met = self._off(Reason.DEFAULT, {"off": True, "prerequisite": parent})
        return self._parents[parent].evaluate, frozenset(prerequisite["variants"]), not_met

    def _step(self, serve: Serve, reason: Reason, rule: str | None) -> _Step:
        if "variant" in serve:
            detail = self._detail(serve["variant"], reason, rule)
            return _Step(detail, _always(detail))
        return _Step(None, self._split(serve["split"], rule))

    def _split(self, split: Split, rule: str | None) -> Evaluate:
        arcs = split["arcs"]
        details = {variant: self._detail(variant, Reason.SPLIT, rule) for _, variant in arcs}
        # Compared are hashes, not slots: a unit stands before the end of an arc when its hash does.
        ends = [first_hash_from(end) for end, _ in arcs]
        owners = [details[variant] for _, variant in arcs]
        attribute = split["unit"]
        no_unit = self._error(
            ErrorCode.TARGETING_KEY_MISSING, f"the context has no usable {attribute!r} to split by", rule
        )
        prefix = split["salt"] + "."
        if attribute != TARGETING_KEY:
            return self._split_by_attribute(reader(attribute), prefix, (ends, owners), no_unit)
        return self._split_by_key(prefix, (ends, owners), no_unit)

    def _split_by_key(self, prefix: str, arcs: tuple[list[int], list[Detail]], no_unit: Detail) -> Evaluate:
        """The most frequent split, written for speed."""
        unreadable, no_room = self._unreadable, self._no_room
        ends, owners = arcs
        middle, first, last, two = ends[0], owners[0], owners[-1], len(owners) == 2

        def split(context: Context) -> Detail:
            try:
                unit: Any
                if context.__class__ is str:
                    unit = context
                else:
                    if context.__class__ is not dict:
                        context = attributes_of(context)
                    unit = context.get(TARGETING_KEY)
                    if unit.__class__ is not str:
                        unit = unit_text(unit)
                if not unit:
                    return no_unit
                # Encoded here: mmh3 5.3 crashes the process when it is given text with a lone surrogate.
                digest = murmur3((prefix + unit).encode(), 0, False)
            except UnicodeEncodeError:
                return no_unit
            except RecursionError:
                return no_room
            except Exception as error:  # noqa: BLE001 - a context may raise anything
                return unreadable(error)
            if two:
                return first if digest < middle else last
            return owners[bisect_right(ends, digest)]

        return split

    def _split_by_attribute(
        self,
        read: Callable[[Attributes], object],
        prefix: str,
        arcs: tuple[list[int], list[Detail]],
        no_unit: Detail,
    ) -> Evaluate:
        unreadable, no_room = self._unreadable, self._no_room
        ends, owners = arcs

        def split(context: Context) -> Detail:
            try:
                unit = unit_text(read(attributes_of(context)))
            except RecursionError:
                return no_room
            except Exception as error:  # noqa: BLE001 - a context may raise anything
                return unreadable(error)
            if unit is None:
                return no_unit
            return owners[bisect_right(ends, murmur3((prefix + unit).encode(), 0, False))]

        return split

    def _detail(self, variant: str, reason: Reason, rule: str | None = None) -> Detail:
        return Detail(self._values[variant], variant, reason, metadata=self._metadata, rule=rule)

    def _off(self, reason: Reason, why: Mapping[str, object]) -> Detail:
        """The answer when off, or when a prerequisite is not met: the off variant, or the caller's default."""
        metadata = FrozenDict({**self._metadata, **why})
        variant = self._definition.get("off_variant")
        if variant is None:
            return Detail(NO_VALUE, None, Reason.DISABLED, metadata=metadata)
        return Detail(self._values[variant], variant, reason, metadata=metadata)

    def _error(self, code: ErrorCode, message: str, rule: str | None = None) -> Detail:
        return Detail(NO_VALUE, None, Reason.ERROR, code, message, self._metadata, rule)

    def _unreadable(self, error: Exception) -> Detail:
        return self._error(ErrorCode.INVALID_CONTEXT, f"reading the context raised {type(error).__name__}")


def broken(definition: FlagDefinition, problem: str) -> Evaluate:
    """The program of a flag that cannot be evaluated here."""
    # Of such a definition only what a flag shows of itself has been checked.
    metadata = FrozenDict({"version": definition["version"]} if "version" in definition else {})
    return _always(Detail(NO_VALUE, None, Reason.ERROR, ErrorCode.PARSE_ERROR, problem, metadata))


def _always(detail: Detail) -> Evaluate:
    return lambda context: detail


def _flag_metadata(definition: FlagDefinition) -> dict[str, object]:
    metadata = {name: frozen(value) for name, value in definition.get("metadata", {}).items()}
    if "version" in definition:
        metadata["version"] = definition["version"]
    return metadata
