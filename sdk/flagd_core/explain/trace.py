"""An evaluation that writes down what it does. The shape of what it writes is in docs/evaluation.md.

Each step of the compilers is overridden by one that builds the same closure and wraps it: the answer is the compiler's,
the wrapper only looks. This module must never decide what a flag answers.

Building is what takes time, and most of a large flag is never asked. So each part is built when it is asked, lists of
keys only as far as they matter to the one unit, and where a step is not shown, the flag or segment that was built for
evaluation is asked instead.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import islice, pairwise
from typing import Any, Final, Literal, NamedTuple, cast

from flagd_core.algorithms import ALGORITHMS
from flagd_core.bucketing import unit_text
from flagd_core.compile import Branch, Evaluate, FlagCompiler, Gate
from flagd_core.conditions import Attributes, ConditionCompiler, Test, attributes_of, reader
from flagd_core.evaluate import CompiledFlag, Ruleset
from flagd_core.explain.record import Explanation, Record, Step
from flagd_core.explain.shown import members, seen, shown
from flagd_core.host import Clock
from flagd_core.model import (
    TARGETING_KEY,
    Condition,
    Context,
    FlagDefinition,
    Layer,
    Prerequisite,
    Rule,
    Split,
    outgoing,
)
from flagd_core.reasons import Detail
from flagd_core.segments import Segment, membership

_LISTS: Final[tuple[Literal["excluded", "included"], ...]] = ("excluded", "included")
_VERDICTS: Final = {True: "match", False: "no match", None: "unknown"}
_REFERENCE: Final = {"explained": "above"}
"""Stands where a flag or segment was explained before in the same explanation."""


def explain(rules: Ruleset, key: str, context: Context = None) -> Explanation:
    """The answer of a flag with every step that led to it; never raises."""
    head = {"revision": rules.revision, "lineage": rules.lineage}
    try:
        flag = rules.flags[key]
    except (KeyError, TypeError):
        return _answer(key, rules.evaluate(key, context)) | head | {"enabled": False, "steps": []}
    tracer = _Tracer()
    detail = tracer.answer(flag, _copied(context))
    return _answer(key, detail) | _value(flag, detail) | _steps(flag, tracer.record.root) | head


class _Membership(NamedTuple):
    """What a segment said, and how it is shown."""

    verdict: bool | None
    step: Explanation


class _Tracer:
    """One explanation: its record, and what was explained so far.

    All is asked with the same attributes, so what was explained once says the same the next time.
    """

    def __init__(self) -> None:
        self.record = Record()
        self._answers: dict[int, Detail] = {}
        self._evaluated: dict[int, Detail] = {}
        self._memberships: dict[int, _Membership] = {}

    def answer(self, flag: CompiledFlag, context: Context) -> Detail:
        """The answer of a flag, which notes its steps."""
        if flag.problem is not None:
            return flag.evaluate(context)
        compiler, clock = _TracingFlag(self, flag), flag.host.clock
        asks_now = clock is not None and flag.asks_now
        program = compiler.program_with_now(cast("Clock", clock)) if asks_now else compiler.program()
        detail = program.answer(context)
        return self._evaluated.get(id(flag), detail)

    def prerequisite(self, flag: CompiledFlag, accepted: frozenset[str], context: Context) -> Detail:
        """The answer of a flag that another one requires, explained where it is asked first."""
        with self.record.step() as step:
            if not step.shown:
                return flag.evaluate(context)
            known = self._answers.get(id(flag))
            detail = self.answer(flag, context) if known is None else known
            said: Explanation = {"prerequisite": flag.key} | members("accepted", sorted(accepted))
            said |= {"served": detail.variant, "met": detail.variant in accepted}
            if known is not None:
                said |= _REFERENCE
            self.record.count(said)
            if known is None:
                explanation = _answer(flag.key, detail)
                self.record.count(explanation)
                said["explanation"] = explanation | _steps(flag, step)
                if not step.left_out:
                    self._answers[id(flag)] = detail
            step.say(said)
        return detail

    def segment(self, key: str, segment: Segment, attributes: Attributes) -> bool | None:
        """Whether the unit belongs to a segment, explained where it is asked first."""
        with self.record.step() as step:
            if not step.shown:
                return segment.test(attributes)
            known = self._memberships.get(id(segment))
            if known is None:
                known = self._membership(key, segment, attributes)
                if not step.left_out:
                    # One that asked for nothing further has nothing to refer to.
                    again = known.step | _REFERENCE if step.steps else known.step
                    self._memberships[id(segment)] = known._replace(step=again)
            self.record.count(known.step)
            step.say(known.step | step.below("of"))
        return known.verdict

    def _membership(self, key: str, segment: Segment, attributes: Attributes) -> _Membership:
        unit = unit_text(attributes.get(TARGETING_KEY))
        narrowed = segment.definition.copy()
        listed = None
        for name in _LISTS:
            narrowed[name] = _narrowed(segment.definition.get(name) or [], unit)
            listed = name if listed is None and unit in narrowed[name] else listed
        verdict = membership(narrowed, _TracingConditions(self, segment.segments))(attributes)
        return _Membership(verdict, {"segment": key, "listed": listed, "verdict": _VERDICTS[verdict]})

    def serves(self, flag: CompiledFlag, rule: str, attributes: Attributes) -> bool:
        """Whether it is this rule that serves; from then on, what the flag answers is the evaluation's to say."""
        if id(flag) not in self._evaluated:
            self._evaluated[id(flag)] = flag.evaluate(attributes)
        return self._evaluated[id(flag)].rule == rule

    def noting(self, test: Test, describe: Callable[[Attributes], Explanation]) -> Test:
        """The same test, which notes what `describe` says, its verdict, and what was noted on the way to it."""

        def noted(attributes: Attributes) -> bool | None:
            with self.record.step() as step:
                verdict = test(attributes)
                if step.shown:
                    said = describe(attributes) | {"verdict": _VERDICTS[verdict]}
                    self.record.count(said)
                    step.say(said | step.below("of"))
            return verdict

        return noted

    def note(self, describe: Callable[[], Explanation]) -> None:
        """Notes a step that has none below it."""
        with self.record.step() as step:
            if step.shown:
                said = describe()
                self.record.count(said)
                step.say(said)


class _TracingConditions(ConditionCompiler):
    """Compiles conditions that note their verdicts."""

    def __init__(self, tracer: _Tracer, segments: Mapping[str, Segment]) -> None:
        super().__init__(segments)
        self._tracer = tracer
        self._known = segments

    def test(self, condition: Condition, affirmed: bool = True) -> Test:
        compiled = super().test

        def built_when_asked(attributes: Attributes) -> bool | None:
            return compiled(condition, affirmed)(attributes)

        return built_when_asked

    def segment(self, key: str) -> Test:
        segment = self._known[key]
        return lambda attributes: self._tracer.segment(key, segment, attributes)

    def leaf(self, leaf: Condition, affirmed: bool) -> Test:
        read = reader(leaf["attribute"])

        def describe(attributes: Attributes) -> Explanation:
            said: Explanation = {"attribute": leaf["attribute"], "op": leaf["op"]}
            said |= members("values", leaf["values"])
            said |= {name: leaf[name] for name in ("ignore_case", "on_missing") if name in leaf}
            return said | seen("saw", lambda: read(attributes))

        return self._tracer.noting(super().leaf(leaf, affirmed), describe)

    def negation(self, test: Test) -> Test:
        return self._tracer.noting(super().negation(test), lambda _: {"combined": "not"})

    def conjunction(self, tests: Sequence[Test]) -> Test:
        return self._tracer.noting(super().conjunction(tests), lambda _: {"combined": "all"})

    def disjunction(self, tests: Sequence[Test]) -> Test:
        return self._tracer.noting(super().disjunction(tests), lambda _: {"combined": "any"})


class _TracingFlag(FlagCompiler):
    """Compiles a flag that notes its steps."""

    def __init__(self, tracer: _Tracer, flag: CompiledFlag) -> None:
        conditions = _TracingConditions(tracer, flag.segments)
        # Large values are not copied: which one is served is told by the variant.
        variants = dict.fromkeys(flag.definition["variants"], True)
        valueless = cast("FlagDefinition", {**flag.definition, "kind": "boolean", "variants": variants})
        super().__init__(flag.key, valueless, conditions, flag.parents)
        self._tracer = tracer
        self._flag = flag

    def gate(self, prerequisite: Prerequisite) -> Gate:
        gate = super().gate(prerequisite)
        parent = self._flag.parents[prerequisite["flag"]]
        return gate._replace(parent=lambda context: self._tracer.prerequisite(parent, gate.accepted, context))

    def targets(self, keys: Mapping[str, Sequence[str]]) -> Mapping[str | None, Detail]:
        return _NotingTargets(self._tracer, super().targets, keys)

    def layer(self, layer: Layer) -> Branch:
        branch = super().layer(layer)
        read, algorithm = reader(layer["unit"]), ALGORITHMS[layer["algorithm"]]

        def outside(attributes: Attributes) -> bool | None:
            is_outside = branch.test(attributes)

            def describe() -> Explanation:
                unit = unit_text(read(attributes))
                slot = None if unit is None else algorithm.position(layer["salt"], unit, algorithm.ring or 0)
                said: Explanation = {"layer": layer["key"], "attribute": layer["unit"], "unit": shown(unit)}
                return said | {"slot": slot, "admitted": not is_outside}

            self._tracer.note(describe)
            return is_outside

        return branch._replace(test=outside)

    def rule(self, rule: Rule) -> Branch:
        branch = super().rule(rule)
        noted = self._tracer.noting(branch.test, lambda _: {"rule": rule["id"]})

        def test(attributes: Attributes) -> bool | None:
            if self._tracer.record.has_room:
                return noted(attributes)
            self._tracer.note(dict)
            return self._tracer.serves(self._flag, rule["id"], attributes)

        return branch._replace(test=test)

    def split(self, split: Split, rule: str | None) -> Evaluate:
        compiled, algorithm = super().split, ALGORITHMS[split["algorithm"]]

        def noted(context: Context) -> Detail:
            detail = compiled(split, rule)(context)

            def describe() -> Explanation:
                ends = [0, *(end for end, _ in split["arcs"])]
                said: Explanation = {"split": split["unit"], "salt": split["salt"]}
                said |= {"algorithm": split["algorithm"], "ring": ends[-1], "variant": detail.variant}
                if detail.error_code is not None:
                    return said
                unit = unit_text(reader(split["unit"])(attributes_of(context))) or ""
                slot = algorithm.position(split["salt"], unit, ends[-1])
                arc = list(pairwise(ends))[algorithm.finder(split["salt"], ends[1:])(unit)]
                return said | {"unit": shown(unit), "slot": slot, "arc": list(arc)}

            self._tracer.note(describe)
            return detail

        return noted


class _NotingTargets(dict["str | None", Detail]):
    """Individual targets that note who was looked up; in it is one of each variant, the others are looked for."""

    def __init__(
        self,
        tracer: _Tracer,
        compiled: Callable[[Mapping[str, Sequence[str]]], Mapping[str | None, Detail]],
        keys: Mapping[str, Sequence[str]],
    ) -> None:
        super().__init__(compiled({variant: _narrowed(named, None) for variant, named in keys.items()}))
        self._tracer = tracer
        self._compiled = compiled
        self._keys = keys

    def get(self, key: str | None, default: Any = None) -> Any:
        named = {variant: _narrowed(keys, key) for variant, keys in self._keys.items()}
        found = self._compiled(named).get(key, default)
        variant = None if found is None else found.variant
        self._tracer.note(lambda: {"target": shown(key), "variant": variant})
        return found


def _narrowed(keys: Sequence[str], unit: str | None) -> list[str]:
    """A list of keys that says the same of one unit, and is empty if the list has no unit in it, and is short."""
    return [unit] if unit is not None and unit in keys else list(islice(filter(unit_text, keys), 1))


def _copied(context: Context) -> Context:
    """The context as a plain dict: it is read more than once here, and must say the same each time."""
    try:
        return dict(context) if isinstance(context, Mapping) else context
    except Exception:  # noqa: BLE001 - a context may raise anything; the flag's answer says so
        return context


def _answer(key: str, detail: Detail) -> Explanation:
    """What was answered, but for the value."""
    answer: Explanation = {"flag": key, "variant": detail.variant, "reason": str(detail.reason)}
    if detail.rule is not None:
        answer["rule"] = detail.rule
    if detail.error_code is not None:
        answer |= {"error_code": str(detail.error_code), "error_message": detail.error_message}
    return answer | {"metadata": dict(detail.metadata)}


def _value(flag: CompiledFlag, detail: Detail) -> Explanation:
    """The value of a variant, as members of an explanation; it was not made on the way."""
    if detail.variant is None:
        return {}
    return {"value": outgoing(flag.kind, flag.definition["variants"][detail.variant])}


def _steps(flag: CompiledFlag, step: Step) -> Explanation:
    """How a flag came to its answer, as members of its explanation."""
    return {"enabled": flag.problem is not None or flag.definition["enabled"], "steps": []} | step.below(
        "steps"
    )
