"""PostHog: its SDK, evaluating locally from definitions it was given."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from posthog import Posthog

from tests.vendors.asking import Split, ring

DISTRIBUTION = "posthog"


def splits() -> Iterator[Split]:
    """Rollouts, variants and holdouts."""
    for percentage in (1, 25, 33.3, 66.667, 99, 100):
        yield _rollout("new-checkout", percentage)
    yield _rollout("größe-用户", 50)
    yield _variants("new-checkout", [50, 50])
    yield _variants("new-checkout", [33.33, 33.33, 33.34])
    yield _variants("größe", [10] * 10)
    yield _variants("new-checkout", [20, 30])
    yield _holdout(10)
    yield _holdout(62.5)


def _rollout(key: str, percentage: float) -> Split:
    groups = [{"properties": [], "rollout_percentage": percentage}]
    ask = _asking(key, {"groups": groups}, {True: "in", False: "out"})
    arcs = ring([(_thousandths(percentage), "in"), (100_000, "out")])
    return Split("posthog.rollout.v1", f"{percentage} % of {key}", key, arcs, ask)


def _variants(key: str, percentages: list[float]) -> Split:
    variants = [{"key": f"v{index}", "rollout_percentage": each} for index, each in enumerate(percentages)]
    filters = {
        "groups": [{"properties": [], "rollout_percentage": 100}],
        "multivariate": {"variants": variants},
    }
    arcs, end = [], 0
    for index, percentage in enumerate(percentages):
        end += _thousandths(percentage)
        arcs.append((end, f"v{index}"))
    what = f"{'/'.join(map(str, percentages))} of {key}"
    ask = _asking(key, filters, {True: "no variant"})
    return Split("posthog.variants.v1", what, key, ring([*arcs, (100_000, "no variant")]), ask)


def _holdout(percentage: float) -> Split:
    groups = [{"properties": [], "rollout_percentage": 100}]
    holdout = {"id": 42, "exclusion_percentage": percentage}
    ask = _asking("f", {"groups": groups, "holdout": holdout}, {"holdout-42": "held", True: "out"})
    arcs = ring([(_thousandths(percentage), "held"), (100_000, "out")])
    return Split("posthog.holdout.v1", f"{percentage} %", "holdout", arcs, ask)


def _asking(key: str, filters: dict[str, Any], names: dict[Any, str]) -> Any:
    client = Posthog("key", host="http://127.0.0.1:9", personal_api_key="none", send=False, sync_mode=True)
    client.feature_flags = [{"id": 1, "key": key, "name": key, "active": True, "filters": filters}]

    def ask(unit: str) -> str:
        answer = client.get_feature_flag(
            key, unit, only_evaluate_locally=True, send_feature_flag_events=False
        )
        return str(names.get(answer, answer))

    return ask


def _thousandths(percentage: float) -> int:
    return round(percentage * 1_000)
