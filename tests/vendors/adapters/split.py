"""Split: its SDK, on a file of splits."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from typing import Any

from splitio import get_factory

from tests.vendors.asking import Split, ends, ring

DISTRIBUTION = "splitio_client"


def splits() -> Iterator[Split]:
    """Treatments by size, under positive and negative seeds."""
    asked = [("a", 321_654, [25, 75]), ("b", -1_222_652_054, [1, 98, 1]), ("c", 2_147_483_647, [50, 0, 50])]
    names = {name: [f"v{index}" for index in range(len(sizes))] for name, _, sizes in asked}
    client = _client([_definition(name, seed, names[name], sizes) for name, seed, sizes in asked])

    def asking(name: str) -> Any:
        return lambda unit: str(client.get_treatment(unit, name))

    for name, seed, sizes in asked:
        arcs = ring(zip(ends(sizes), names[name], strict=True))
        what = f"{'/'.join(map(str, sizes))} under seed {seed}"
        # It takes the spaces around a key away, and refuses keys of more than 250 characters.
        yield Split("split.v2", what, str(seed), arcs, asking(name), lambda unit: unit.strip() == unit[:250])


def _definition(name: str, seed: int, names: list[str], sizes: list[int]) -> dict[str, Any]:
    matcher = {
        "matcherType": "ALL_KEYS", "negate": False, "keySelector": {"trafficType": "user", "attribute": None},
        "userDefinedSegmentMatcherData": None,
    }  # fmt: skip
    condition = {
        "conditionType": "ROLLOUT", "label": "all", "matcherGroup": {"combiner": "AND", "matchers": [matcher]},
        "partitions": [{"treatment": each, "size": size} for each, size in zip(names, sizes, strict=True)],
    }  # fmt: skip
    return {
        "name": name, "trafficTypeName": "user", "trafficAllocation": 100, "trafficAllocationSeed": 5, "seed": seed,
        "status": "ACTIVE", "killed": False, "defaultTreatment": "default", "changeNumber": 1, "algo": 2,
        "conditions": [condition],
    }  # fmt: skip


def _client(definitions: list[dict[str, Any]]) -> Any:
    with tempfile.NamedTemporaryFile("w", suffix=".json", delete=False) as file:
        json.dump({"ff": {"d": definitions, "s": -1, "t": 1}, "rbs": {"d": [], "s": -1, "t": -1}}, file)
    factory = get_factory("localhost", config={"splitFile": file.name, "localhostRefreshEnabled": False})
    factory.block_until_ready(10)
    return factory.client()
