"""Flipt's client (a native engine behind JSON text), started from a snapshot. It ends the process unless the server it
asks for a newer one answers, so it asks the sink.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping
from typing import Any

from flipt_client import FliptClient
from flipt_client.models import ClientOptions, ErrorStrategy, EvaluationRequest

from tests.bench.adapter import Adapter, Call, CannotDo
from tests.bench.flags import Condition, Context, Flag, FlagSet, Rule

_NAMESPACE = "default"
_BOOLEAN, _VARIANT = "BOOLEAN_FLAG_TYPE", "VARIANT_FLAG_TYPE"
_TEXT, _NUMBER, _ENTITY = (f"{name}_CONSTRAINT_COMPARISON_TYPE" for name in ("STRING", "NUMBER", "ENTITY_ID"))


class Flipt(Adapter):
    """A share of a segment's members needs a flag with variants; versions cannot be compared."""

    distribution = "flipt-client"
    module = "flipt_client"
    takes_text = True

    @staticmethod
    def document(flags: FlagSet) -> Any:
        able = [flag for flag in flags.flags if not _lacks(flag)]
        return {
            "version": 1,
            "namespace": {
                "key": _NAMESPACE,
                "flags": {flag.key: _flag(flag) for flag in able},
                "eval_rules": {flag.key: list(_rules(flag, flags)) for flag in able},
                "eval_rollouts": {flag.key: list(_rollouts(flag, flags)) for flag in able},
                "eval_distributions": dict(each for flag in able for each in _distributions(flag)),
            },
        }

    def __init__(self, document: Any, sink: str) -> None:
        self._client = FliptClient(
            opts=ClientOptions(
                url=sink,
                error_strategy=ErrorStrategy.FALLBACK,
                snapshot=base64.b64encode(document.encode()).decode(),
            )
        )

    def call(self, flag: Flag, context: Context) -> Call:
        if _lacks(flag):
            raise CannotDo("no operator for versions")
        client, key, (who, attributes) = self._client, flag.key, _who(context)
        if not _has_variants(flag):
            return lambda: client.evaluate_boolean(key, who, attributes).enabled
        if flag.is_boolean:
            return lambda: client.evaluate_variant(key, who, attributes).variant_key == "on"
        return lambda: client.evaluate_variant(key, who, attributes).variant_key

    def everything(self, flags: FlagSet, context: Context) -> Call:
        client, (who, attributes) = self._client, _who(context)
        requests = [
            EvaluationRequest(flag_key=flag.key, entity_id=who, context=attributes) for flag in flags.flags
        ]
        return lambda: client.evaluate_batch(requests)

    @staticmethod
    def values(answer: Any) -> Mapping[str, object]:
        found = (each.boolean_evaluation_response for each in answer.responses)
        return {each.flag_key: each.enabled for each in found}

    def replace(self, document: Any, key: str) -> None:
        raise CannotDo("takes new flags from its own background task only")

    def close(self) -> None:
        self._client.close()


def _who(context: Context) -> tuple[str, dict[str, str]]:
    rest = {name: str(value) for name, value in context.items() if name != "targetingKey"}
    return str(context["targetingKey"]), rest


def _lacks(flag: Flag) -> bool:
    return any(rule.condition.operator == "semver_gt" for rule in flag.rules)


def _has_variants(flag: Flag) -> bool:
    return not flag.is_boolean or any(len(rule.shares) > 1 for rule in flag.rules)


def _flag(flag: Flag) -> dict[str, Any]:
    kind = _VARIANT if _has_variants(flag) else _BOOLEAN
    # What a boolean flag answers when no rollout applies.
    enabled = kind == _VARIANT or flag.shares.get("on") == 100
    return {"key": flag.key, "enabled": enabled, "type": kind, "description": None, "default_variant": None}


def _rollouts(flag: Flag, flags: FlagSet) -> Iterator[dict[str, Any]]:
    if _has_variants(flag):
        return
    for rank, rule in enumerate(flag.rules, 1):
        served = {"value": rule.shares.get("on") == 100, "segment_operator": "OR_SEGMENT_OPERATOR"}
        served["segments"] = _segment(f"{flag.key}-{rank}", rule, flags)
        yield {"rollout_type": "SEGMENT_ROLLOUT_TYPE", "rank": rank, "segment": served, "threshold": None}
    if len(flag.shares) > 1:
        threshold = {"percentage": flag.shares["on"], "value": True}
        rank = len(flag.rules) + 1
        yield {
            "rollout_type": "THRESHOLD_ROLLOUT_TYPE",
            "rank": rank,
            "segment": None,
            "threshold": threshold,
        }


def _rules(flag: Flag, flags: FlagSet) -> Iterator[dict[str, Any]]:
    for rank, (name, rule) in enumerate(_served(flag), 1):
        yield {
            "id": name,
            "flag_key": flag.key,
            "rank": rank,
            "segment_operator": "OR_SEGMENT_OPERATOR",
            "segments": _segment(name, rule, flags),
        }


def _distributions(flag: Flag) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    for name, rule in _served(flag):
        yield (
            name,
            [
                {"rule_id": name, "variant_key": variant, "rollout": percent, "variant_attachment": ""}
                for variant, percent in rule.shares.items()
            ],
        )


def _served(flag: Flag) -> list[tuple[str, Rule]]:
    """The rules of a flag with variants; a default that is split is a rule for everybody."""
    if not _has_variants(flag):
        return []
    everybody = [] if flag.is_boolean else [Rule(Condition("", "everybody", ("",)), flag.shares)]
    return [(f"{flag.key}-{rank}", rule) for rank, rule in enumerate((*flag.rules, *everybody), 1)]


def _segment(name: str, rule: Rule, flags: FlagSet) -> dict[str, Any]:
    attribute, operator, values = rule.condition
    members = flags.segments.get(str(values[0]), ())
    tests: dict[str, list[tuple[str, str, str, str]]] = {
        "equals": [(_TEXT, attribute, "eq", str(values[0]))],
        "in": [(_TEXT, attribute, "isoneof", json.dumps(values))],
        "gt": [(_NUMBER, attribute, "gt", str(values[0]))],
        "ends_with": [(_TEXT, attribute, "suffix", str(values[0]))],
        "segment": [(_ENTITY, "entity", "isoneof", json.dumps(members))],
        "everybody": [],
    }
    constraints = [
        {"type": kind, "property": field, "operator": test, "value": value}
        for kind, field, test, value in tests[operator]
    ]
    return {name: {"segment_key": name, "match_type": "ALL_SEGMENT_MATCH_TYPE", "constraints": constraints}}
