"""GrowthBook's client: one instance for each user, as its documentation shows, all on the same features."""

from __future__ import annotations

import re
from typing import Any

from growthbook import GrowthBook

from tests.bench.adapter import Adapter, Call
from tests.bench.flags import Condition, Context, Flag, FlagSet, Rule, Shares


class GrowthBooks(Adapter):
    """The features are parsed once and handed to each instance; it calls nobody for exposures."""

    distribution = "growthbook"
    module = "growthbook"

    @staticmethod
    def document(flags: FlagSet) -> Any:
        groups = {key: list(members) for key, members in flags.segments.items()}
        return {"features": {flag.key: _feature(flag) for flag in flags.flags}, "savedGroups": groups}

    def __init__(self, document: Any, sink: str) -> None:
        self._payload = document
        self._loaded = GrowthBook()
        self._loaded.set_payload(document)

    def call(self, flag: Flag, context: Context) -> Call:
        book, key = self._book(context), flag.key
        if flag.is_boolean:
            return lambda: book.is_on(key)
        return lambda: book.get_feature_value(key, "")

    def everything(self, flags: FlagSet, context: Context) -> Call:
        book, keys = self._book(context), [flag.key for flag in flags.flags]
        return lambda: {key: book.is_on(key) for key in keys}

    def replace(self, document: Any, key: str) -> None:
        self._loaded.set_payload(document)

    def close(self) -> None:
        self._loaded.destroy()

    def _book(self, context: Context) -> Any:
        return GrowthBook(
            attributes=dict(context),
            features=self._loaded.get_features(),
            saved_groups=self._payload["savedGroups"],
        )


def _feature(flag: Flag) -> dict[str, Any]:
    rules = [_rule(f"{flag.key}-{number}", rule) for number, rule in enumerate(flag.rules)]
    default = next(iter(flag.shares)) if len(flag.shares) == 1 else flag.variants[-1]
    if len(flag.shares) > 1:
        rules.append(_split(flag, flag.shares))
    return {"defaultValue": flag.value(default), "rules": rules}


def _rule(name: str, rule: Rule) -> dict[str, Any]:
    wanted: dict[str, Any] = {"id": name, "condition": _condition(rule.condition)}
    share = rule.shares.get("on", 0)
    if 0 < share < 100:
        return wanted | {
            "force": True,
            "coverage": share / 100,
            "hashAttribute": "targetingKey",
            "seed": name,
            "hashVersion": 2,
        }
    return wanted | {"force": share == 100}


def _split(flag: Flag, shares: Shares) -> dict[str, Any]:
    common = {"id": flag.key, "hashAttribute": "targetingKey", "seed": flag.key, "hashVersion": 2}
    if flag.is_boolean:
        return common | {"force": True, "coverage": shares["on"] / 100}
    return common | {
        "key": flag.key,
        "variations": list(shares),
        "weights": [percent / 100 for percent in shares.values()],
        "coverage": 1,
    }


def _condition(condition: Condition) -> dict[str, Any]:
    attribute, operator, values = condition
    tests: dict[str, Any] = {
        "equals": {"$eq": values[0]},
        "in": {"$in": list(values)},
        "semver_gt": {"$vgt": values[0]},
        "gt": {"$gt": values[0]},
        "ends_with": {"$regex": re.escape(str(values[0])) + "$"},
        "segment": {"$inGroup": values[0]},
    }
    return {attribute: tests[operator]}
