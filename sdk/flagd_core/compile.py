"""From a checked definition to a closure that answers: splits, and the program of a flag.

Pure: this module must never check a definition (decode has) or look at another snapshot. What it builds reads
the caller's context and never changes it, makes no answer of its own (they are made once, here) and never
raises.

Every step is made by a method of the compiler, so that one that records what happened can wrap each step of
the very same path (see explain).
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from mmh3 import mmh3_32_uintdigest as murmur3

from flagd_core.algorithms import ALGORITHMS, NATIVE
from flagd_core.bucketing import first_hash_from, unit_text
from flagd_core.conditions import Attributes, ConditionCompiler, Test, attributes_of, reader
from flagd_core.host import BARE, Clock, Host
from flagd_core.model import (
    NOW,
    TARGETING_KEY,
    Context,
    FlagDefinition,
    FrozenDict,
    Layer,
    Prerequisite,
    Rule,
    Serve,
    Split,
    frozen,
    outgoing,
)
from flagd_core.reasons import NO_VALUE, Detail, ErrorCode, Reason

Evaluate = Callable[[Context], Detail]


class Evaluated(Protocol):
    """What a prerequisite needs of a flag."""

    @property
    def evaluate(self) -> Evaluate: ...


class Step(NamedTuple):
    """What a rule, the default, or a whole flag answers."""

    constant: Detail | None
    """The answer, where it is the same for all: asking `answer` would cost a call."""
    answer: Evaluate


class Branch(NamedTuple):
    """A test, and what is served when it is met: a rule."""

    test: Test
    constant: Detail | None
    answer: Evaluate


class Gate(NamedTuple):
    """A prerequisite: its flag, the variants that fulfil it, and the answer when none of them is served."""

    parent: Evaluate
    accepted: frozenset[str]
    not_met: Detail


class FlagCompiler:
    """Compiles one flag whose segments and prerequisites are given, by key."""

    def __init__(
        self,
        key: str,
        definition: FlagDefinition,
        conditions: ConditionCompiler,
        parents: Mapping[str, Evaluated],
        host: Host = BARE,
    ) -> None:
        self._key = key
        self._definition = definition
        self._conditions = conditions
        self._parents = parents
        self._host = host
        self._metadata = FrozenDict(_flag_metadata(definition))
        self._values = {
            variant: outgoing(definition["kind"], value) for variant, value in definition["variants"].items()
        }
        # Made beforehand: where the stack is nearly exhausted there is no room to make them.
        self._no_room = self._error(ErrorCode.GENERAL, "the call stack is exhausted")
        self._unreadable = self._error(
            ErrorCode.INVALID_CONTEXT, "the context is neither text nor a mapping, or reading it failed"
        )

    def program(self) -> Step:
        """What answers for the flag."""
        definition = self._definition
        if not definition["enabled"]:
            return always(self._off(Reason.STATIC, {"off": True}))
        gates = tuple(self.gate(each) for each in definition.get("prerequisites") or ())
        targets = self.targets(definition.get("targets") or {})
        rules = [self.rule(rule) for rule in definition.get("rules") or ()]
        if "layer" in definition:
            rules.insert(0, self.layer(definition["layer"]))
        if not (gates or targets or rules):
            return self.step(definition["default"], Reason.STATIC)
        default = self.step(definition["default"], Reason.DEFAULT)
        if gates or targets:
            return Step(None, self._targeted(gates, targets, tuple(rules), default))
        return Step(None, self._ruled(tuple(rules), default))

    def program_with_now(self, clock: Clock) -> Step:
        """As `program`, for a flag that asks for `now`: it is the clock's unless the context has it."""
        constant, evaluate = self.program()
        unreadable, no_room = self._unreadable, self._no_room

        def evaluate_now(context: Context) -> Detail:
            try:
                attributes = attributes_of(context)
                if attributes.get(NOW) is None:
                    attributes = {**attributes, NOW: clock()}
            except RecursionError:
                return no_room
            except Exception:  # noqa: BLE001 - a context may raise anything
                return unreadable
            return evaluate(attributes)

        return Step(constant, evaluate if constant is not None else evaluate_now)

    def _targeted(  # noqa: C901 - one function, because each call it were split into would be paid at every answer
        self, gates: Sequence[Gate], targets: Mapping[str | None, Detail], rules: Sequence[Branch], last: Step
    ) -> Evaluate:
        unreadable, no_room = self._unreadable, self._no_room
        default, default_answer = last

        def evaluate(context: Any) -> Detail:
            try:
                if context.__class__ is not dict:
                    context = attributes_of(context)
                for parent, accepted, not_met in gates:
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
            except Exception:  # noqa: BLE001 - a context may raise anything
                return unreadable

        return evaluate

    def _ruled(self, rules: Sequence[Branch], last: Step) -> Evaluate:
        """As `_targeted`, for the many flags with rules and nothing before them."""
        if len(rules) == 1:
            return self._ruled_once(rules[0], last)
        unreadable, no_room = self._unreadable, self._no_room
        default, default_answer = last

        def evaluate(context: Any) -> Detail:
            try:
                if context.__class__ is not dict:
                    context = attributes_of(context)
                for test, constant, answer in rules:
                    if test(context):
                        return constant if constant is not None else answer(context)
                return default if default is not None else default_answer(context)
            except RecursionError:
                return no_room
            except Exception:  # noqa: BLE001 - a context may raise anything
                return unreadable

        return evaluate

    def _ruled_once(self, rule: Branch, last: Step) -> Evaluate:
        """As `_ruled`, for a single rule."""
        unreadable, no_room = self._unreadable, self._no_room
        test, constant, answer = rule
        default, default_answer = last

        def evaluate(context: Any) -> Detail:
            try:
                if context.__class__ is not dict:
                    context = attributes_of(context)
                if test(context):
                    return constant if constant is not None else answer(context)
                return default if default is not None else default_answer(context)
            except RecursionError:
                return no_room
            except Exception:  # noqa: BLE001 - a context may raise anything
                return unreadable

        return evaluate

    def gate(self, prerequisite: Prerequisite) -> Gate:
        """What a prerequisite asks before anything else."""
        parent = prerequisite["flag"]
        not_met = self._off(Reason.DEFAULT, {"off": True, "prerequisite": parent})
        return Gate(self._parents[parent].evaluate, frozenset(prerequisite["variants"]), not_met)

    def targets(self, keys: Mapping[str, Sequence[str]]) -> Mapping[str | None, Detail]:
        """The answers of individual targets, by their key."""
        targets: dict[str | None, Detail] = {}
        for variant, named in keys.items():
            # What is no unit is nobody's key either.
            units = filter(unit_text, named)
            targets.update(dict.fromkeys(units, self._detail(variant, Reason.TARGETING_MATCH)))
        return targets

    def layer(self, layer: Layer) -> Branch:
        """The rule before all rules: it answers everyone who is not in the flag's part of the layer."""
        arcs = list(_arcs_of(layer))
        owned = [inside for _, inside in arcs]
        find = ALGORITHMS[layer["algorithm"]].finder(layer["salt"], [end for end, _ in arcs])
        read = reader(layer["unit"])
        no_unit = self._no_unit(layer["unit"], None)
        not_admitted = self._off(Reason.DEFAULT, {"off": True, "layer": layer["key"]})

        def outside(attributes: Attributes) -> bool:
            unit = unit_text(read(attributes))
            return unit is None or not owned[find(unit)]

        def refusal(context: Context) -> Detail:
            return no_unit if unit_text(read(attributes_of(context))) is None else not_admitted

        return Branch(outside, None, refusal)

    def rule(self, rule: Rule) -> Branch:
        """A rule: its condition, and what it serves."""
        test = self._conditions.test(rule["if"])
        return Branch(test, *self.step(rule["serve"], Reason.TARGETING_MATCH, rule["id"]))

    def step(self, serve: Serve, reason: Reason, rule: str | None = None) -> Step:
        """What is served: one variant, or a split."""
        if "variant" in serve:
            return always(self._detail(serve["variant"], reason, rule))
        return Step(None, self.split(serve["split"], rule))

    def split(self, split: Split, rule: str | None) -> Evaluate:
        """The variant on whose arc the unit stands."""
        arcs = split["arcs"]
        details = {variant: self._detail(variant, Reason.SPLIT, rule) for _, variant in arcs}
        owners = [details[variant] for _, variant in arcs]
        ends = [end for end, _ in arcs]
        no_unit = self._no_unit(split["unit"], rule)
        if split["algorithm"] == NATIVE and split["unit"] == TARGETING_KEY:
            # Compared are hashes, not slots: a unit stands before the end of an arc when its hash does.
            bounds = [first_hash_from(end) for end in ends]
            return self._split_by_key(split["salt"] + ".", bounds, owners, no_unit)
        find = ALGORITHMS[split["algorithm"]].finder(split["salt"], ends)
        return self._split_by(reader(split["unit"]), find, owners, no_unit)

    def _split_by_key(
        self, prefix: str, ends: Sequence[int], owners: Sequence[Detail], no_unit: Detail
    ) -> Evaluate:
        """The most frequent split, written for speed."""
        unreadable, no_room = self._unreadable, self._no_room
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
                digest = murmur3((prefix + unit).encode())
            except UnicodeEncodeError:
                return no_unit
            except RecursionError:
                return no_room
            except Exception:  # noqa: BLE001 - a context may raise anything
                return unreadable
            if two:
                return first if digest < middle else last
            return owners[bisect_right(ends, digest)]

        return split

    def _split_by(
        self,
        read: Callable[[Attributes], object],
        find: Callable[[str], int],
        owners: Sequence[Detail],
        no_unit: Detail,
    ) -> Evaluate:
        """A split by any attribute and any algorithm."""
        unreadable, no_room = self._unreadable, self._no_room

        def split(context: Context) -> Detail:
            try:
                unit = unit_text(read(attributes_of(context)))
                return no_unit if unit is None else owners[find(unit)]
            except RecursionError:
                return no_room
            except Exception:  # noqa: BLE001 - a context may raise anything
                return unreadable

        return split

    def _detail(self, variant: str, reason: Reason, rule: str | None = None) -> Detail:
        return self._answer(variant, reason, self._metadata, rule)

    def _off(self, reason: Reason, why: Mapping[str, object]) -> Detail:
        """The answer when off, or when the unit is kept out: the off variant, or the caller's default."""
        metadata = FrozenDict({**self._metadata, **why})
        variant = self._definition.get("off_variant")
        return self._answer(variant, Reason.DISABLED if variant is None else reason, metadata)

    def _answer(
        self, variant: str | None, reason: Reason, metadata: Mapping[str, object], rule: str | None = None
    ) -> Detail:
        value = NO_VALUE if variant is None else self._values[variant]
        return Detail(value, variant, reason, None, None, metadata, rule, *self._uses(variant))

    def _no_unit(self, attribute: str, rule: str | None) -> Detail:
        message = f"the context has no usable {attribute!r} to split by"
        return self._error(ErrorCode.TARGETING_KEY_MISSING, message, rule)

    def _error(self, code: ErrorCode, message: str, rule: str | None = None) -> Detail:
        return Detail(NO_VALUE, None, Reason.ERROR, code, message, self._metadata, rule, *self._uses(None))

    def _uses(self, variant: str | None) -> tuple[Iterator[int], ...]:
        counter = self._host.counter
        return () if counter is None else (counter(self._key, variant),)


def broken(key: str, definition: FlagDefinition, problem: str, host: Host, *, is_checked: bool) -> Step:
    """What answers for a flag that cannot be evaluated here.

    Of a definition that was not checked to its end (`is_checked` is False) only what a flag shows of itself
    may be used.
    """
    shown = _flag_metadata(definition) if is_checked else _version_of(definition)
    metadata = FrozenDict(shown)
    uses = () if host.counter is None else (host.counter(key, None),)
    return always(Detail(NO_VALUE, None, Reason.ERROR, ErrorCode.PARSE_ERROR, problem, metadata, None, *uses))


def always(detail: Detail) -> Step:
    """What answers everybody the same."""
    return Step(detail, lambda context: detail)


def _arcs_of(layer: Layer) -> Iterator[tuple[int, bool]]:
    """The whole ring of a layer, in arcs that are the flag's or not."""
    reached = 0
    for start, end in layer["slots"]:
        if start > reached:
            yield start, False
        yield end, True
        reached = end
    ring = ALGORITHMS[layer["algorithm"]].ring
    if ring is not None and reached < ring:
        yield ring, False


def _flag_metadata(definition: FlagDefinition) -> dict[str, object]:
    metadata = {name: frozen(value) for name, value in (definition.get("metadata") or {}).items()}
    return metadata | _version_of(definition)


def _version_of(definition: FlagDefinition) -> dict[str, object]:
    return {"version": definition["version"]} if "version" in definition else {}
