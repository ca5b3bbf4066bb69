"""OpenFeature's flagd, the evaluator that its in-process provider uses, without the OpenFeature client around it."""

from __future__ import annotations

from typing import Any

from openfeature.contrib.tools.flagd.core import FlagdCore
from openfeature.evaluation_context import EvaluationContext

from tests.bench.adapter import Adapter, Call
from tests.bench.flags import Condition, Context, Flag, FlagSet, Shares


class OpenFeatureFlagd(Adapter):
    """Another project than ours, in spite of its name."""

    distribution = "openfeature-flagd-core"
    module = "openfeature.contrib.tools.flagd.core"

    @staticmethod
    def document(flags: FlagSet) -> Any:
        evaluators = {
            key: {"in": [{"var": "targetingKey"}, list(members)]} for key, members in flags.segments.items()
        }
        return {"flags": {flag.key: _flag(flag) for flag in flags.flags}, "$evaluators": evaluators}

    def __init__(self, document: Any, sink: str) -> None:
        self._core = FlagdCore()
        self._core.set_flags(document)

    def call(self, flag: Flag, context: Context) -> Call:
        core, key, who = self._core, flag.key, _who(context)
        if flag.is_boolean:
            return lambda: core.resolve_boolean_value(key, False, who).value
        return lambda: core.resolve_string_value(key, "", who).value

    def everything(self, flags: FlagSet, context: Context) -> Call:
        core, who, keys = self._core, _who(context), [flag.key for flag in flags.flags]
        return lambda: {key: core.resolve_boolean_value(key, False, who).value for key in keys}

    def replace(self, document: Any, key: str) -> None:
        assert key in self._core.set_flags_and_get_changed_keys(document)

    def close(self) -> None:
        """Nothing runs."""


def _who(context: Context) -> Any:
    rest = {name: value for name, value in context.items() if name != "targetingKey"}
    return EvaluationContext(str(context["targetingKey"]), rest)


def _flag(flag: Flag) -> dict[str, Any]:
    result: dict[str, Any] = {
        "state": "ENABLED",
        "variants": {name: flag.value(name) for name in flag.variants},
        "defaultVariant": next(iter(flag.shares)),
    }
    if flag.rules or len(flag.shares) > 1:
        steps: list[Any] = []
        for number, rule in enumerate(flag.rules):
            steps += [_condition(rule.condition), _serve(f"{flag.key}-{number}", rule.shares)]
        result["targeting"] = {"if": [*steps, _serve(flag.key, flag.shares)]}
    return result


def _condition(condition: Condition) -> dict[str, Any]:
    attribute, operator, values = condition
    own = {"var": attribute}
    tests: dict[str, dict[str, Any]] = {
        "equals": {"==": [own, values[0]]},
        "in": {"in": [own, list(values)]},
        "semver_gt": {"sem_ver": [own, ">", values[0]]},
        "gt": {">": [own, values[0]]},
        "ends_with": {"ends_with": [own, values[0]]},
        "segment": {"$ref": values[0]},
    }
    return tests[operator]


def _serve(salt: str, shares: Shares) -> Any:
    if len(shares) == 1:
        return next(iter(shares))
    bucket = {"cat": [f"{salt}.", {"var": "targetingKey"}]}
    return {"fractional": [bucket, *([variant, percent] for variant, percent in shares.items())]}
