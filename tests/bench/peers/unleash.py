"""Unleash's client, started from a cache that holds the answer of its server; it counts every evaluation itself."""

from __future__ import annotations

from typing import Any

from UnleashClient import UnleashClient
from UnleashClient.cache import BaseCache
from UnleashClient.constants import FEATURES_URL
from UnleashClient.utils import InstanceAllowType

from tests.bench.adapter import Adapter, Call
from tests.bench.flags import Condition, Context, Flag, FlagSet, Shares

_OPERATORS = {
    "equals": "IN",
    "in": "IN",
    "semver_gt": "SEMVER_GT",
    "gt": "NUM_GT",
    "ends_with": "STR_ENDS_WITH",
}


class _Held(BaseCache):  # type: ignore[misc]
    """A cache in memory, bootstrapped; the one it brings writes files."""

    bootstrapped = True

    def __init__(self, text: str) -> None:
        self._items: dict[str, Any] = {FEATURES_URL: text}

    def set(self, key: str, value: Any) -> None:
        self._items[key] = value

    def mset(self, data: dict[str, Any]) -> None:
        self._items.update(data)

    def get(self, key: str, default: Any = None) -> Any:
        return self._items.get(key, default)

    def exists(self, key: str) -> bool:
        return key in self._items

    def destroy(self) -> None:
        self._items.clear()


class Unleash(Adapter):
    """It has no rule that answers no: a rule that turns off stands in every later strategy as its opposite."""

    distribution = "UnleashClient"
    module = "UnleashClient"
    takes_text = True

    @staticmethod
    def document(flags: FlagSet) -> Any:
        ids = {key: number for number, key in enumerate(flags.segments, 1)}
        segments = [
            {"id": ids[key], "constraints": [_constraint("userId", "IN", members)]}
            for key, members in flags.segments.items()
        ]
        features = [_feature(flag, ids) for flag in flags.flags]
        return {"version": 2, "features": features, "segments": segments}

    def __init__(self, document: Any, sink: str) -> None:
        self._client = UnleashClient(
            url="http://127.0.0.1:1",
            app_name="bench",
            disable_metrics=True,
            disable_registration=True,
            cache=_Held(document),
            multiple_instance_mode=InstanceAllowType.SILENTLY_ALLOW,
        )

    def call(self, flag: Flag, context: Context) -> Call:
        client, key, who = self._client, flag.key, _who(context)
        if flag.is_boolean:
            return lambda: client.is_enabled(key, who)
        return lambda: client.get_variant(key, who)["name"]

    def everything(self, flags: FlagSet, context: Context) -> Call:
        client, who, keys = self._client, _who(context), [flag.key for flag in flags.flags]
        return lambda: {key: client.is_enabled(key, who) for key in keys}

    def replace(self, document: Any, key: str) -> None:
        # What its poller does; it has no call that takes features.
        self._client._store.apply_fetched(document)

    def close(self) -> None:
        self._client.destroy()


def _who(context: Context) -> dict[str, Any]:
    rest = {name: value for name, value in context.items() if name != "targetingKey"}
    return {"userId": context["targetingKey"], "properties": rest}


def _feature(flag: Flag, segments: dict[str, int]) -> dict[str, Any]:
    feature: dict[str, Any] = {
        "name": flag.key,
        "type": "release",
        "enabled": True,
        "stale": False,
        "impressionData": False,
        "project": "default",
        "strategies": [],
        "variants": [],
    }
    if not flag.is_boolean:
        feature["strategies"].append(_rollout(flag.key, {"on": 100}, [], []))
        feature["variants"] = [
            {"name": name, "weight": percent * 10, "weightType": "fix", "stickiness": "userId"}
            for name, percent in flag.shares.items()
        ]
        return feature
    refused: list[dict[str, Any]] = []
    for rule in flag.rules:
        condition = rule.condition
        if condition.operator == "segment":
            belongs, constraint = [segments[str(condition.values[0])]], []
        else:
            belongs, constraint = [], [_of_condition(condition)]
        if rule.shares.get("on"):
            feature["strategies"].append(_rollout(flag.key, rule.shares, [*refused, *constraint], belongs))
        refused.extend(each | {"inverted": True} for each in constraint)
    if flag.shares.get("on"):
        feature["strategies"].append(_rollout(flag.key, flag.shares, refused, []))
    return feature


def _rollout(
    group: str, shares: Shares, constraints: list[dict[str, Any]], segments: list[int]
) -> dict[str, Any]:
    return {
        "name": "flexibleRollout",
        "constraints": constraints,
        "segments": segments,
        "parameters": {"rollout": str(shares["on"]), "stickiness": "userId", "groupId": group},
    }


def _of_condition(condition: Condition) -> dict[str, Any]:
    return _constraint(condition.attribute, _OPERATORS[condition.operator], condition.values)


def _constraint(name: str, operator: str, values: Any) -> dict[str, Any]:
    texts = [str(value) for value in values]
    single = operator in ("SEMVER_GT", "NUM_GT")
    return {
        "contextName": name,
        "operator": operator,
        "values": [] if single else texts,
        "value": texts[0] if single else "",
        "inverted": False,
        "caseInsensitive": False,
    }
