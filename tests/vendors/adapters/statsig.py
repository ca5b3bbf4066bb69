"""Statsig: its server SDK, on specifications it was given."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from statsig import StatsigOptions, StatsigUser
from statsig.statsig_server import StatsigServer

from tests.vendors.asking import Split, positions_below, ring

DISTRIBUTION = "statsig"
_SALT = "5b1f"


def splits() -> Iterator[Split]:
    """Percentages that pass a rule, by user and by another id, and the buckets of an experiment."""
    gates: list[tuple[str, float, str, str]] = [
        ("quarter", 25, "r1", "userID"),
        ("tiny", 0.125, "r1", "userID"),
        ("most", 99.99, "größe", "userID"),
        ("other", 50, "r2", "companyID"),
    ]
    buckets = {"layer": list(range(150)), "apart": [*range(10, 20), *range(500, 999)]}
    server = _server(gates, buckets)
    for name, percentage, salt, _ in gates:
        arcs = ring([(_end(percentage), "in"), (10_000, "out")])
        what = f"{percentage} % of {name}"
        yield Split("statsig.v1", what, f"{_SALT}.{salt}", arcs, _asking(server, name))
    for name, members in buckets.items():
        arcs = ring((slot + 1, "in" if slot in members else "out") for slot in range(1_000))
        yield Split("statsig.buckets.v1", f"buckets of {name}", name, _joined(arcs), _asking(server, name))


def _end(percentage: float) -> int:
    return positions_below(10_000, lambda position: position < percentage * 100)


def _asking(server: StatsigServer, name: str) -> Any:
    def ask(unit: str) -> str:
        user = StatsigUser(unit, custom_ids={"companyID": unit})
        return "in" if server.check_gate(user, name, log_exposure=False) else "out"

    return ask


def _server(gates: list[Any], buckets: dict[str, list[int]]) -> StatsigServer:
    specs = [_gate(name, _rule(part, salt, unit, [_everyone()])) for name, part, salt, unit in gates]
    for name, members in buckets.items():
        specs.append(_gate(name, _rule(100, "r", "userID", [_bucketed(name, members)])))
    document = {
        "feature_gates": specs, "dynamic_configs": [], "layer_configs": [], "layers": {}, "id_lists": {},
        "has_updates": True, "time": 1,
    }  # fmt: skip
    server = StatsigServer()
    options = StatsigOptions(local_mode=True, bootstrap_values=json.dumps(document), disable_diagnostics=True)
    server.initialize("secret-none", options)
    return server


def _gate(name: str, rule: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": name, "type": "feature_gate", "salt": _SALT, "enabled": True, "defaultValue": False,
        "rules": [rule], "isDeviceBased": False, "idType": "userID", "entity": "feature_gate",
    }  # fmt: skip


def _rule(percentage: float, salt: str, unit: str, conditions: list[Any]) -> dict[str, Any]:
    return {
        "name": "rule", "id": "rule-id", "salt": salt, "passPercentage": percentage, "conditions": conditions,
        "returnValue": True, "idType": unit,
    }  # fmt: skip


def _everyone() -> dict[str, Any]:
    return {"type": "public", "targetValue": None, "operator": None, "field": None, "idType": "userID"}


def _bucketed(salt: str, members: list[int]) -> dict[str, Any]:
    return {
        "type": "user_bucket", "targetValue": members, "operator": "any", "field": None, "idType": "userID",
        "additionalValues": {"salt": salt}, "user_bucket": {str(slot): True for slot in members},
    }  # fmt: skip


def _joined(arcs: tuple[tuple[int, str], ...]) -> tuple[tuple[int, str], ...]:
    following = [variant for _, variant in arcs[1:]] + [""]
    return tuple(arc for arc, after in zip(arcs, following, strict=True) if arc[1] != after)
