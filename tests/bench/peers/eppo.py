"""Eppo's client (a native engine), with its configuration handed over and its poller off. It logs each assignment to a
logger of the application, which is part of its way of working and here does nothing.
"""

from __future__ import annotations

import re
from typing import Any

import eppo_client

from tests.bench.adapter import Adapter, Call
from tests.bench.flags import Condition, Context, Flag, FlagSet, Rule, Shares

_SHARDS = 10_000


class _Nobody(eppo_client.AssignmentLogger):  # type: ignore[misc]
    """Hears of assignments."""

    def log_assignment(self, event: Any) -> None:
        """Throws it away."""


class Eppo(Adapter):
    """A rule is an allocation; so is the default."""

    distribution = "eppo-server-sdk"
    module = "eppo_client"
    takes_text = True

    @staticmethod
    def document(flags: FlagSet) -> Any:
        return {
            "createdAt": "2026-01-01T00:00:00.000Z",
            "format": "SERVER",
            "environment": {"name": "bench"},
            "flags": {flag.key: _flag(flag, flags) for flag in flags.flags},
        }

    def __init__(self, document: Any, sink: str) -> None:
        self._client = eppo_client.init(
            eppo_client.ClientConfig(
                api_key="nobody",
                base_url="http://127.0.0.1:1",
                assignment_logger=_Nobody(),
                poll_interval_seconds=None,
                initial_configuration=_configuration(document),
            )
        )

    def call(self, flag: Flag, context: Context) -> Call:
        client, key, (who, attributes) = self._client, flag.key, _who(context)
        if flag.is_boolean:
            return lambda: client.get_boolean_assignment(key, who, attributes, False)
        return lambda: client.get_string_assignment(key, who, attributes, "")

    def everything(self, flags: FlagSet, context: Context) -> Call:
        client, (who, attributes), keys = self._client, _who(context), [flag.key for flag in flags.flags]
        return lambda: {key: client.get_boolean_assignment(key, who, attributes, False) for key in keys}

    def replace(self, document: Any, key: str) -> None:
        self._client.set_configuration(_configuration(document))

    def close(self) -> None:
        self._client.shutdown()


def _configuration(document: str) -> Any:
    return eppo_client.Configuration(flags_configuration=document.encode())


def _who(context: Context) -> tuple[str, dict[str, Any]]:
    rest = {name: value for name, value in context.items() if name != "targetingKey"}
    return str(context["targetingKey"]), rest


def _flag(flag: Flag, flags: FlagSet) -> dict[str, Any]:
    rules = [_allocation(f"{flag.key}-{number}", rule, flags) for number, rule in enumerate(flag.rules)]
    rules.append(_always(flag.key, flag.shares))
    return {
        "key": flag.key,
        "enabled": True,
        "variationType": "BOOLEAN" if flag.is_boolean else "STRING",
        "totalShards": _SHARDS,
        "variations": {name: {"key": name, "value": flag.value(name)} for name in flag.variants},
        "allocations": rules,
    }


def _allocation(name: str, rule: Rule, flags: FlagSet) -> dict[str, Any]:
    return _always(name, rule.shares) | {"rules": [{"conditions": [_condition(rule.condition, flags)]}]}


def _always(name: str, shares: Shares) -> dict[str, Any]:
    splits, start = [], 0
    for variant, percent in shares.items():
        end = start + percent * _SHARDS // 100
        shards = [] if percent == 100 else [{"salt": name, "ranges": [{"start": start, "end": end}]}]
        splits.append({"variationKey": variant, "shards": shards, "extraLogging": {}})
        start = end
    return {"key": name, "rules": [], "doLog": True, "splits": splits}


def _condition(condition: Condition, flags: FlagSet) -> dict[str, Any]:
    attribute, operator, values = condition
    tests: dict[str, tuple[str, str, Any]] = {
        "equals": (attribute, "ONE_OF", [values[0]]),
        "in": (attribute, "ONE_OF", list(values)),
        "semver_gt": (attribute, "GT", values[0]),
        "gt": (attribute, "GT", values[0]),
        "ends_with": (attribute, "MATCHES", re.escape(str(values[0])) + "$"),
        "segment": ("id", "ONE_OF", list(flags.segments.get(str(values[0]), ()))),
    }
    name, test, value = tests[operator]
    return {"attribute": name, "operator": test, "value": value}
