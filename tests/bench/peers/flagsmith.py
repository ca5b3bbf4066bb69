"""Flagsmith's client, evaluating locally from an environment it was given. A user's flags are an object that keeps what
it has evaluated, so making that object belongs to every answer.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from flagsmith import Flagsmith as Client

from tests.bench.adapter import Adapter, Call
from tests.bench.flags import Condition, Context, Flag, FlagSet, Shares


class _Given:
    """Hands out the environment."""

    def __init__(self, document: Any) -> None:
        self._document = document

    def get_environment(self) -> Any:
        return self._document


class Flagsmith(Adapter):
    """What a rule serves is an override by a segment, and so is a share of the users; the lowest priority wins."""

    distribution = "flagsmith"
    module = "flagsmith"

    @staticmethod
    def document(flags: FlagSet) -> Any:
        segments = [
            _segment(number * 100 + rank, number, flag, rank, flags.segments)
            for number, flag in enumerate(flags.flags, 1)
            for rank in range(len(_rules(flag)))
        ]
        return {
            "id": 1,
            "api_key": "bench",
            "name": "bench",
            "updated_at": "2026-01-01T00:00:00+00:00",
            "project": {"id": 1, "name": "bench", "segments": segments},
            "feature_states": [
                _state(number, flag, flag.shares) for number, flag in enumerate(flags.flags, 1)
            ],
            "identity_overrides": [],
        }

    def __init__(self, document: Any, sink: str) -> None:
        self._load(document)

    def call(self, flag: Flag, context: Context) -> Call:
        client, key, (who, traits) = self._client, flag.key, _who(context)
        if flag.is_boolean:
            return lambda: client.get_identity_flags(who, traits).is_feature_enabled(key)
        return lambda: client.get_identity_flags(who, traits).get_feature_value(key)

    def everything(self, flags: FlagSet, context: Context) -> Call:
        client, (who, traits) = self._client, _who(context)
        return lambda: client.get_identity_flags(who, traits).all_flags()

    @staticmethod
    def values(answer: Any) -> Mapping[str, object]:
        return {flag.feature_name: flag.enabled for flag in answer}

    def replace(self, document: Any, key: str) -> None:
        # What its poller does with what it fetched; it has no call that takes an environment.
        self._load(document)

    def close(self) -> None:
        """Nothing runs."""

    def _load(self, document: Any) -> None:
        self._client = Client(offline_mode=True, offline_handler=_Given(document))


def _who(context: Context) -> tuple[str, dict[str, Any]]:
    return str(context["targetingKey"]), dict(context)


def _rules(flag: Flag) -> list[tuple[list[Condition], bool]]:
    """The conditions under which a boolean flag is overridden, and with what."""
    rules = [([rule.condition, *_share(rule.shares)], rule.shares.get("on", 0) > 0) for rule in flag.rules]
    if flag.is_boolean and len(flag.shares) > 1:
        rules.append((_share(flag.shares), True))
    return rules


def _share(shares: Shares) -> list[Condition]:
    return [Condition("", "share", (shares["on"],))] if len(shares) > 1 else []


def _state(number: int, flag: Flag, shares: Shares, enabled: bool | None = None) -> dict[str, Any]:
    options = () if flag.is_boolean else flag.variants
    return {
        "django_id": number,
        "enabled": shares.get("on") == 100 or not flag.is_boolean if enabled is None else enabled,
        "feature": {"id": number, "name": flag.key, "type": "MULTIVARIATE" if options else "STANDARD"},
        "feature_state_value": options[-1] if options else None,
        "featurestate_uuid": f"00000000-0000-0000-0000-{number:012}",
        "multivariate_feature_state_values": [
            {
                "id": number * 10 + rank,
                "percentage_allocation": shares[name],
                "multivariate_feature_option": {"id": number * 10 + rank, "value": name},
            }
            for rank, name in enumerate(options)
        ],
    }


def _segment(
    identity: int, number: int, flag: Flag, rank: int, segments: Mapping[str, Any]
) -> dict[str, Any]:
    conditions, enabled = _rules(flag)[rank]
    override = _state(number, flag, flag.shares, enabled) | {"feature_segment": {"priority": rank}}
    parts = [{"type": "ANY", "rules": [], "conditions": [_condition(each, segments)]} for each in conditions]
    return {
        "id": identity,
        "name": f"{flag.key}-{rank}",
        "rules": [{"type": "ALL", "rules": parts, "conditions": []}],
        "feature_states": [override],
    }


def _condition(condition: Condition, segments: Mapping[str, Any]) -> dict[str, Any]:
    attribute, operator, values = condition
    first = str(values[0])
    operators = {
        "equals": ("EQUAL", first),
        "in": ("IN", ",".join(map(str, values))),
        "semver_gt": ("GREATER_THAN", f"{first}:semver"),
        "gt": ("GREATER_THAN", first),
        "ends_with": ("REGEX", f".*{re.escape(first)}$"),
        "segment": ("IN", ",".join(segments.get(first, ()))),
        "share": ("PERCENTAGE_SPLIT", first),
    }
    name, value = operators[operator]
    return {"property_": attribute, "operator": name, "value": value}
