"""ConfigCat's client with local overrides alone, held in memory: its own file source looks at the file at each call."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from configcatclient import ConfigCatClient, ConfigCatOptions, PollingMode
from configcatclient.config import fixup_config_salt_and_segments
from configcatclient.overridedatasource import FlagOverrides, OverrideBehaviour, OverrideDataSource
from configcatclient.user import User

from tests.bench.adapter import Adapter, Call
from tests.bench.flags import Condition, Context, Flag, FlagSet, Rule, Shares

_BOOLEAN, _STRING = 0, 1
_ATTRIBUTES = {"targetingKey": "Identifier", "email": "Email", "country": "Country"}
# Operator: the number of the comparator, and the member that holds what is compared with.
_COMPARATORS = {
    "equals": (28, "s"),
    "in": (0, "l"),
    "semver_gt": (8, "s"),
    "gt": (14, "d"),
    "ends_with": (32, "l"),
}


class _Given(FlagOverrides, OverrideDataSource):  # type: ignore[misc]
    """A config in memory."""

    def __init__(self, document: Any) -> None:
        OverrideDataSource.__init__(self, OverrideBehaviour.LocalOnly)
        self.take(document)

    def take(self, document: Any) -> None:
        """Replace the config."""
        fixup_config_salt_and_segments(document)
        self._config = document

    def create_data_source(self, log: Any) -> Any:
        return self

    def get_overrides(self) -> Any:
        return self._config


class ConfigCat(Adapter):
    """Its segments hold the list of members as a condition."""

    distribution = "configcat-client"
    module = "configcatclient"

    @staticmethod
    def document(flags: FlagSet) -> Any:
        keys = list(flags.segments)
        segments = [
            {"n": key, "r": [{"a": "Identifier", "c": 0, "l": list(members)}]}
            for key, members in flags.segments.items()
        ]
        return {"p": {"s": "salt"}, "s": segments, "f": {flag.key: _flag(flag, keys) for flag in flags.flags}}

    def __init__(self, document: Any, sink: str) -> None:
        self._given = _Given(document)
        options = ConfigCatOptions(polling_mode=PollingMode.manual_poll(), flag_overrides=self._given)
        # One client for each key.
        self._client = ConfigCatClient.get(f"nobody-{id(self)}", options)

    def call(self, flag: Flag, context: Context) -> Call:
        client, key, who = self._client, flag.key, _who(context)
        default = False if flag.is_boolean else ""
        return lambda: client.get_value(key, default, who)

    def everything(self, flags: FlagSet, context: Context) -> Call:
        client, who = self._client, _who(context)
        return lambda: client.get_all_values(who)

    @staticmethod
    def values(answer: Any) -> Mapping[str, object]:
        return dict(answer)

    def replace(self, document: Any, key: str) -> None:
        # What its poller does with a config that it has parsed.
        self._given.take(document)

    def close(self) -> None:
        self._client.close()


def _who(context: Context) -> Any:
    custom = {name: value for name, value in context.items() if name not in _ATTRIBUTES}
    return User(str(context["targetingKey"]), str(context["email"]), str(context["country"]), custom)


def _flag(flag: Flag, segments: list[str]) -> dict[str, Any]:
    result: dict[str, Any] = {
        "t": _BOOLEAN if flag.is_boolean else _STRING,
        "v": _value(flag, next(iter(flag.shares))),
        "r": [_rule(flag, rule, segments) for rule in flag.rules],
    }
    if len(flag.shares) > 1:
        result["p"] = _options(flag, flag.shares)
    return result


def _rule(flag: Flag, rule: Rule, segments: list[str]) -> dict[str, Any]:
    conditions = [_condition(rule.condition, segments)]
    if len(rule.shares) > 1:
        return {"c": conditions, "p": _options(flag, rule.shares)}
    return {"c": conditions, "s": {"v": _value(flag, next(iter(rule.shares)))}}


def _options(flag: Flag, shares: Shares) -> list[dict[str, Any]]:
    return [{"p": percent, "v": _value(flag, variant)} for variant, percent in shares.items()]


def _condition(condition: Condition, segments: list[str]) -> dict[str, Any]:
    attribute, operator, values = condition
    if operator == "segment":
        return {"s": {"s": segments.index(str(values[0])), "c": 0}}
    comparator, member = _COMPARATORS[operator]
    compared = list(values) if member == "l" else values[0]
    return {"u": {"a": _ATTRIBUTES.get(attribute, attribute), "c": comparator, member: compared}}


def _value(flag: Flag, variant: str) -> dict[str, Any]:
    return {"b": variant == "on"} if flag.is_boolean else {"s": variant}
