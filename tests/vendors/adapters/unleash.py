"""Unleash: its engine, which its newer SDKs share."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from yggdrasil_engine.engine import UnleashEngine

from tests.vendors.asking import Split, ends, ring

DISTRIBUTION = "yggdrasil-engine"


def splits() -> Iterator[Split]:
    """Gradual rollouts by user and by an attribute, variants of a flag and of a strategy."""
    for rollout in (1, 25, 50, 99):
        yield _rollout(rollout, "checkout", "userId")
    yield _rollout(33, "größe-用户", "accountId")
    yield _variants("flag", "colour", (("blue", 333), ("green", 333), ("red", 334)))
    yield _variants("flag", "größe", (("a", 1), ("none", 0), ("z", 999)))
    yield _variants("flag", "odd-total", (("a", 3), ("b", 4)))
    yield _variants("strategy", "own-group", (("blue", 500), ("red", 500)))


def _rollout(percent: int, group: str, stickiness: str) -> Split:
    engine = _engine("f", _strategy(percent, group, stickiness))

    def ask(unit: str) -> str:
        return "in" if engine.check_enabled("f", _context(stickiness, unit)).is_enabled else "out"

    what = f"{percent} % by {stickiness}, group {group}"
    return Split("unleash.rollout.v1", what, group, ring([(percent, "in"), (100, "out")]), ask)


def _variants(of: str, salt: str, weights: tuple[tuple[str, int], ...]) -> Split:
    variants = [{"name": name, "weight": weight, "stickiness": "userId"} for name, weight in weights]
    if of == "flag":
        # The group of the strategy is another one: variants of the flag itself go by the flag's name.
        name, engine = salt, _engine(salt, _strategy(100, "other", "userId"), variants)
    else:
        name, engine = "f", _engine("f", _strategy(100, salt, "userId") | {"variants": variants})

    def ask(unit: str) -> str:
        return str(engine.check_variant(name, _context("userId", unit)).variant.name)

    reached = ends(weight for _, weight in weights)
    arcs = ring((end, name) for end, (name, _) in zip(reached, weights, strict=True))
    what = f"variants of a {of} {salt}, weights {', '.join(str(weight) for _, weight in weights)}"
    return Split("unleash.variants.v1", what, salt, arcs, ask)


def _strategy(percent: int, group: str, stickiness: str) -> dict[str, Any]:
    parameters = {"rollout": str(percent), "groupId": group, "stickiness": stickiness}
    return {"name": "flexibleRollout", "parameters": parameters}


def _engine(
    name: str, strategy: dict[str, Any], variants: list[dict[str, Any]] | None = None
) -> UnleashEngine:
    feature = {"name": name, "enabled": True, "strategies": [strategy], "variants": variants or []}
    engine = UnleashEngine()
    engine.take_state(json.dumps({"version": 1, "features": [feature]}))
    return engine


def _context(stickiness: str, unit: str) -> dict[str, Any]:
    return {"userId": unit} if stickiness == "userId" else {"properties": {stickiness: unit}}
