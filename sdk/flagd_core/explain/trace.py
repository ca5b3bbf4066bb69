"""An evaluation that writes down what it does. The shape of what it writes is in docs/evaluation.md.

Each step of the compilers is overridden by one that builds the same closure and wraps it: the answer is the compiler's,
the wrapper only looks. This module must never decide what a flag answers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import pairwise
from typing import Any, Final, Literal

from flagd_core.algorithms import ALGORITHMS
from flagd_core.bucketing import unit_text
from flagd_core.compile import Branch, Evaluate, FlagCompiler, Gate, with_now
from flagd_core.conditions import Attributes, ConditionCompiler, Test, attributes_of, reader
from flagd_core.evaluate import CompiledFlag, Ruleset
from flagd_core.model import TARGETING_KEY, Condition, Context, Layer, Prerequisite, Rule, Split
from flagd_core.reasons import NO_VALUE, Detail
from flagd_core.segments import Segment, membership

Explanation = dict[str, Any]
"""A JSON object."""

MAX_SHOWN: Final = 20
"""Elements of a list that an explanation shows; how many more there are is said."""
MAX_TEXT: Final = 200
"""Characters of a text that an explanation shows."""

_LISTS: Final[tuple[Literal["excluded", "included"], ...]] = ("excluded", "included")
_VERDICTS: Final = {True: "match", False: "no match", None: "unknown"}


def explain(rules: Ruleset, key: str, context: Context = None) -> Explanation:
    """The answer of a flag with every step that led to it; never raises."""
    head = {"revision": rules.revision, "lineage": rules.lineage}
    try:
        flag = rules.flags[key]
    except (KeyError, TypeError):
        return _answer(key, rules.evaluate(key, context)) | head | {"enabled": False, "steps": []}
    return _Tracer().flag(flag, _copied(context))[1] | head


class _Record:
    """The steps noted so far, one list for each step that is still under way."""

    def __init__(self) -> None:
        self._open: list[list[Explanation]] = [[]]

    def note(self, step: Explanation) -> None:
        self._open[-1].append(step)

    @contextmanager
    def nested(self) -> Iterator[list[Explanation]]:
        """Collects what is noted meanwhile."""
        steps: list[Explanation] = []
        self._open.append(steps)
        try:
            yield steps
        finally:
            self._open.pop()


class _Tracer:
    """One explanation: its record, and what was compiled for it, each thing once."""

    def __init__(self) -> None:
        self.record = _Record()
        self._programs: dict[int, Evaluate] = {}
        self._tests: dict[int, Test] = {}

    def flag(self, flag: CompiledFlag, context: Context) -> tuple[Detail, Explanation]:
        """The answer of a flag, and its explanation."""
        with self.record.nested() as steps:
            detail = self._program(flag)(context)
        enabled = flag.problem is not None or flag.definition["enabled"]
        return detail, _answer(flag.key, detail) | {"enabled": enabled, "steps": steps}

    def _program(self, flag: CompiledFlag) -> Evaluate:
        if flag.problem is not None:
            return flag.evaluate
        if id(flag) not in self._programs:
            program = _TracingFlag(self, flag).program().answer
            clock = flag.host.clock
            self._programs[id(flag)] = with_now(program, clock) if clock and flag.asks_now else program
        return self._programs[id(flag)]

    def membership(self, segment: Segment) -> Test:
        """The test of a segment, which notes what its conditions say."""
        if id(segment) not in self._tests:
            conditions = _TracingConditions(self, segment.segments)
            self._tests[id(segment)] = membership(segment.definition, conditions)
        return self._tests[id(segment)]

    def noting(self, test: Test, describe: Callable[[Attributes], Explanation]) -> Test:
        """The same test, which notes what `describe` says, its verdict, and what was noted on the way to it."""

        def noted(attributes: Attributes) -> bool | None:
            with self.record.nested() as steps:
                verdict = test(attributes)
            step = describe(attributes) | {"verdict": _VERDICTS[verdict]}
            self.record.note(step | {"of": steps} if steps else step)
            return verdict

        return noted


class _TracingConditions(ConditionCompiler):
    """Compiles conditions that note their verdicts."""

    def __init__(self, tracer: _Tracer, segments: Mapping[str, Segment]) -> None:
        super().__init__(segments)
        self._tracer = tracer
        self._known = segments

    def segment(self, key: str) -> Test:
        segment = self._known[key]

        def describe(attributes: Attributes) -> Explanation:
            unit = unit_text(attributes.get(TARGETING_KEY))
            lists = {name: segment.definition.get(name) or () for name in _LISTS}
            return {"segment": key, "listed": next((name for name in lists if unit in lists[name]), None)}

        return self._tracer.noting(self._tracer.membership(segment), describe)

    def leaf(self, leaf: Condition, affirmed: bool) -> Test:
        read = reader(leaf["attribute"])
        options = {name: leaf[name] for name in ("ignore_case", "on_missing") if name in leaf}
        shown: Explanation = {"attribute": leaf["attribute"], "op": leaf["op"]}
        shown |= _shortened("values", leaf["values"]) | options
        test = super().leaf(leaf, affirmed)
        return self._tracer.noting(test, lambda attributes: shown | {"saw": _shown(read(attributes))})

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
        super().__init__(flag.key, flag.definition, conditions, flag.parents)
        self._tracer = tracer
        self._required = flag.parents

    def gate(self, prerequisite: Prerequisite) -> Gate:
        gate = super().gate(prerequisite)
        parent = self._required[prerequisite["flag"]]

        def explained(context: Context) -> Detail:
            detail, explanation = self._tracer.flag(parent, context)
            step = {"prerequisite": parent.key, "accepted": sorted(gate.accepted), "served": detail.variant}
            self._tracer.record.note(
                step | {"met": detail.variant in gate.accepted, "explanation": explanation}
            )
            return detail

        return gate._replace(parent=explained)

    def targets(self, keys: Mapping[str, Sequence[str]]) -> Mapping[str | None, Detail]:
        return _NotingTargets(self._tracer.record, super().targets(keys))

    def layer(self, layer: Layer) -> Branch:
        branch = super().layer(layer)
        read, algorithm = reader(layer["unit"]), ALGORITHMS[layer["algorithm"]]
        about = {"layer": layer["key"], "attribute": layer["unit"]}

        def outside(attributes: Attributes) -> bool | None:
            is_outside = branch.test(attributes)
            unit = unit_text(read(attributes))
            slot = None if unit is None else algorithm.position(layer["salt"], unit, algorithm.ring or 0)
            step = {**about, "unit": _shown(unit), "slot": slot, "admitted": not is_outside}
            self._tracer.record.note(step)
            return is_outside

        return branch._replace(test=outside)

    def rule(self, rule: Rule) -> Branch:
        branch = super().rule(rule)
        return branch._replace(test=self._tracer.noting(branch.test, lambda _: {"rule": rule["id"]}))

    def split(self, split: Split, rule: str | None) -> Evaluate:
        answer = super().split(split, rule)
        read, ends = reader(split["unit"]), [0, *(end for end, _ in split["arcs"])]
        algorithm = ALGORITHMS[split["algorithm"]]
        arcs, find = list(pairwise(ends)), algorithm.finder(split["salt"], ends[1:])

        def noted(context: Context) -> Detail:
            detail = answer(context)
            step: Explanation = {
                "split": split["unit"],
                "salt": split["salt"],
                "algorithm": split["algorithm"],
            }
            step |= {"ring": ends[-1], "variant": detail.variant}
            if detail.error_code is None:
                unit = unit_text(read(attributes_of(context))) or ""
                slot = algorithm.position(split["salt"], unit, ends[-1])
                step |= {"unit": _shown(unit), "slot": slot, "arc": list(arcs[find(unit)])}
            self._tracer.record.note(step)
            return detail

        return noted


class _NotingTargets(dict["str | None", Detail]):
    """Individual targets that note who was looked up."""

    def __init__(self, record: _Record, targets: Mapping[str | None, Detail]) -> None:
        super().__init__(targets)
        self._record = record

    def get(self, key: str | None, default: Any = None) -> Any:
        found = super().get(key, default)
        self._record.note({"target": _shown(key), "variant": None if found is None else found.variant})
        return found


def _copied(context: Context) -> Context:
    """The context as a plain dict: it is read more than once here, and must say the same each time."""
    try:
        return dict(context) if isinstance(context, Mapping) else context
    except Exception:  # noqa: BLE001 - a context may raise anything; the flag's answer says so
        return context


def _answer(key: str, detail: Detail) -> Explanation:
    answer: Explanation = {"flag": key, "variant": detail.variant, "reason": str(detail.reason)}
    if detail.value is not NO_VALUE:
        answer["value"] = detail.value
    if detail.rule is not None:
        answer["rule"] = detail.rule
    if detail.error_code is not None:
        answer |= {"error_code": str(detail.error_code), "error_message": detail.error_message}
    return answer | {"metadata": dict(detail.metadata)}


def _shortened(name: str, values: Sequence[object]) -> Explanation:
    shown: Explanation = {name: [_shown(value) for value in values[:MAX_SHOWN]]}
    return shown | {f"{name}_left_out": len(values) - MAX_SHOWN} if len(values) > MAX_SHOWN else shown


def _shown(value: object) -> object:
    """An attribute as JSON, short: whatever a caller put into a context."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_shown(each) if isinstance(each, (str, bool, int, float)) else _text(each) for each in value][
            :MAX_SHOWN
        ]
    if isinstance(value, float):
        return value if value - value == 0 else repr(value)
    if isinstance(value, int):
        return int(value) if abs(value) < 1 << 63 else "an integer of more than 64 bits"
    return _text(value)


def _text(value: object) -> str:
    text = value if isinstance(value, str) else f"{type(value).__name__}"
    return text[:MAX_TEXT].encode("utf-8", "backslashreplace").decode()
