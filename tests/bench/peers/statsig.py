"""Statsig's client (a native engine), fed from a data store, without network. Exposures are logged as it comes; nothing
is sent.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import statsig_python_core as statsig

from tests.bench.adapter import Adapter, Call, CannotDo
from tests.bench.flags import Condition, Context, Flag, FlagSet, Shares


class _Store(statsig.DataStore):  # type: ignore[misc]
    """Holds one document."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self._text = text

    def get(self, key: str) -> Any:
        return statsig.DataStoreResponse(result=self._text, time=1)


class Statsig(Adapter):
    """A boolean flag is a gate, a flag with values a dynamic config whose rules take users by bucket."""

    distribution = "statsig_python_core"
    module = "statsig_python_core"
    takes_text = True

    @staticmethod
    def document(flags: FlagSet) -> Any:
        conditions = _Conditions(flags)
        gates = {flag.key: _gate(flag, conditions) for flag in flags.flags if flag.is_boolean}
        configs = {flag.key: _config(flag, conditions) for flag in flags.flags if not flag.is_boolean}
        return {
            "has_updates": True,
            "time": 1,
            "feature_gates": gates,
            "dynamic_configs": configs,
            "layer_configs": {},
            "experiment_to_layer": {},
            "condition_map": conditions.found,
        }

    def __init__(self, document: Any, sink: str) -> None:
        options = statsig.StatsigOptions(
            data_store=_Store(document),
            disable_network=True,
            disable_country_lookup=True,
            output_log_level="none",
        )
        self._client = statsig.Statsig("secret-nobody", options)
        self._client.initialize().wait()

    def call(self, flag: Flag, context: Context) -> Call:
        client, key, who = self._client, flag.key, _who(context)
        if flag.is_boolean:
            return lambda: client.check_gate(who, key)
        return lambda: client.get_dynamic_config(who, key).get_string("value", "")

    def everything(self, flags: FlagSet, context: Context) -> Call:
        client, who = self._client, _who(context)
        return lambda: client.get_client_initialize_response(who, hash="none")

    @staticmethod
    def values(answer: Any) -> Mapping[str, object]:
        gates = json.loads(answer)["feature_gates"]
        return {name: gate["value"] for name, gate in gates.items()}

    def replace(self, document: Any, key: str) -> None:
        raise CannotDo("takes new flags from its own background task only")

    def close(self) -> None:
        self._client.shutdown().wait()


class _Conditions:
    """The conditions of a document, each written once and referred to by name."""

    def __init__(self, flags: FlagSet) -> None:
        self.found: dict[str, Any] = {}
        self._segments = flags.segments

    def of(self, condition: Condition) -> str:
        """The name of a rule's condition."""
        attribute, operator, values = condition
        tests: dict[str, tuple[str, Any]] = {
            "equals": ("any_case_sensitive", list(values)),
            "in": ("any_case_sensitive", list(values)),
            "semver_gt": ("version_gt", values[0]),
            "gt": ("gt", values[0]),
            "ends_with": ("str_ends_with_any", list(values)),
            "segment": ("any_case_sensitive", list(self._segments.get(str(values[0]), ()))),
        }
        test, target = tests[operator]
        field = "userID" if operator == "segment" else attribute
        return self.add("user_field", field, test, target)

    def bucket_below(self, end: int, salt: str) -> str:
        """The name of: the user's bucket of 1,000 lies before `end`."""
        return self.add("user_bucket", None, "lt", end, {"salt": salt})

    def everybody(self) -> str:
        """The name of the condition that always holds."""
        return self.add("public", None, None, None)

    def add(self, kind: str, field: str | None, test: str | None, target: Any, more: Any = None) -> str:
        """The name of a condition."""
        condition = {
            "type": kind,
            "targetValue": target,
            "operator": test,
            "field": field,
            "additionalValues": more or {},
            "idType": "userID",
        }
        name = json.dumps(condition, sort_keys=True) if not isinstance(target, list) else f"{field}-{target}"
        self.found.setdefault(name, condition)
        return name


def _who(context: Context) -> Any:
    rest = {
        name: value for name, value in context.items() if name not in ("targetingKey", "country", "email")
    }
    return statsig.StatsigUser(
        user_id=str(context["targetingKey"]),
        country=str(context["country"]),
        email=str(context["email"]),
        custom=rest,
    )


def _gate(flag: Flag, conditions: _Conditions) -> dict[str, Any]:
    rules = [
        _rule(f"{flag.key}-{number}", conditions.of(rule.condition), rule.shares)
        for number, rule in enumerate(flag.rules)
    ]
    rules.append(_rule(f"{flag.key}-default", conditions.everybody(), flag.shares))
    return _spec("feature_gate", flag, False, rules)


def _rule(name: str, condition: str, shares: Shares) -> dict[str, Any]:
    return {
        "name": name,
        "id": name,
        "salt": name,
        "passPercentage": shares.get("on", 0),
        "conditions": [condition],
        "returnValue": True,
        "idType": "userID",
    }


def _config(flag: Flag, conditions: _Conditions) -> dict[str, Any]:
    rules, end = [], 0
    for variant, percent in flag.shares.items():
        end += percent * 10
        rule = _rule(f"{flag.key}-{variant}", conditions.bucket_below(end, flag.key), {"on": 100})
        rules.append(rule | {"returnValue": {"value": variant}})
    return _spec("dynamic_config", flag, {}, rules)


def _spec(kind: str, flag: Flag, default: Any, rules: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "type": kind,
        "salt": flag.key,
        "enabled": True,
        "defaultValue": default,
        "rules": rules,
        "idType": "userID",
        "entity": kind,
        "version": 1,
    }
