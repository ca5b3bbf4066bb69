"""Flagsmith: the engine that its server and its SDKs share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from hashlib import md5
from operator import le, lt
from typing import Any

from flag_engine.engine import get_evaluation_result

from tests.vendors.asking import Split, positions_below, ring

DISTRIBUTION = "flagsmith-flag-engine"
_SIZE = 9_998


def splits() -> Iterator[Split]:
    """Multivariate values, and segments of a percentage of the identities or of the values of a trait."""
    yield _multivariate("halves", [50.0])
    yield _multivariate("thirds", [33.33, 33.33, 33.34])
    yield _multivariate("with control", [12.5, 0.1, 20.0])
    for percentage in ("0", "0.01", "25", "33.3", "99.99"):
        yield _segment(percentage, "")
    yield _segment("40", "account")


def _multivariate(what: str, weights: list[float]) -> Split:
    variants = [
        {"key": f"v{index}", "value": f"v{index}", "weight": weight, "priority": index}
        for index, weight in enumerate(weights)
    ]
    feature = {"key": "12", "name": "f", "enabled": True, "value": "control", "variants": variants}
    arcs, limit = [], 0.0
    for index, weight in enumerate(weights):
        limit = weight + limit
        arcs.append((_end(limit, lt), f"v{index}"))

    def ask(unit: str) -> str:
        return str(_flags(unit, {"features": {"f": feature}})["f"]["value"])

    salt = "12,env_"
    return Split("flagsmith.v1", what, salt, ring([*arcs, (_SIZE, "control")]), ask, also=_hashed_again(salt))


def _segment(percentage: str, trait: str) -> Split:
    condition = {"property": trait, "operator": "PERCENTAGE_SPLIT", "value": percentage}
    override = {"key": "13", "name": "f", "enabled": True, "value": "in", "priority": 0}
    segment = {
        "key": "7",
        "name": "part",
        "rules": [{"type": "ALL", "conditions": [condition]}],
        "overrides": [override],
    }
    feature = {"key": "12", "name": "f", "enabled": True, "value": "out"}

    def ask(unit: str) -> str:
        return str(
            _flags(unit, {"features": {"f": feature}, "segments": {"7": segment}}, trait)["f"]["value"]
        )

    end = _end(float(percentage), le)
    what = f"segment of {percentage} % by {trait or 'identity'}"
    salt = "7," if trait else "7,env_"
    return Split("flagsmith.v1", what, salt, ring([(end, "in"), (_SIZE, "out")]), ask)


def _flags(unit: str, rest: dict[str, Any], trait: str = "") -> Any:
    identity = {"identifier": unit, "key": f"env_{unit}", "traits": {trait: unit} if trait else {}}
    return get_evaluation_result({"environment": {"key": "env", "name": "E"}, "identity": identity, **rest})[
        "flags"
    ]


def _hashed_again(salt: str) -> tuple[str, ...]:
    """Units that the engine puts at exactly 100 % first, and then hashes again."""
    counted = (f"user-{number}" for number in range(30_000))
    return tuple(
        unit for unit in counted if int(md5(f"{salt}{unit}".encode()).hexdigest(), 16) % 9_999 == _SIZE
    )


def _end(limit: float, compare: Callable[[float, float], bool]) -> int:
    return positions_below(_SIZE, lambda position: compare(position / 9_998 * 100, limit))
