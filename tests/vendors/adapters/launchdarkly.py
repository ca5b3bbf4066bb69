"""LaunchDarkly: its server SDK, on a file of flags."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from typing import Any

from ldclient import Context, LDClient
from ldclient.config import Config
from ldclient.integrations import Files

from tests.vendors.asking import Split, ends, ring

DISTRIBUTION = "launchdarkly-server-sdk"


def splits() -> Iterator[Split]:
    """Rollouts by the salt of a flag and by a seed, by key and by an attribute, with weights that sums of fractions
    round, and an experiment, which leaves some of a variation out.
    """
    yield _split("by salt", {}, [25_000, 75_000])
    yield _split("thirds", {}, [33_333, 33_333, 33_334])
    yield _split("tenths", {}, [10_000] * 10)
    yield _split("not ASCII", {"salt": "größe用户"}, [500, 99_500])
    yield _split("by seed", {"seed": 61_523}, [1, 49_999, 50_000])
    yield _split("by an attribute", {"bucketBy": "account"}, [12_345, 87_655])
    yield _split("other kind", {"contextKind": "organization"}, [50_000, 50_000])
    yield _split("one twice", {"again": True}, [10_000, 20_000, 70_000])
    yield _split("short of 100 %", {}, [10_000, 20_000])
    yield _split("of no weight", {}, [0, 30_000, 0, 70_000])
    yield _split("experiment", {"kind": "experiment", "seed": 7}, [5_000, 5_000, 90_000])


def _split(what: str, rollout: dict[str, Any], weights: list[int]) -> Split:
    key, salt = "new-checkout", str(rollout.get("salt", "a1b2c3"))
    again = rollout.get("again", False)
    variations = [0 if again and index == 2 else index for index in range(len(weights))]
    served = [{"variation": to, "weight": weight} for to, weight in zip(variations, weights, strict=True)]
    known = {name: value for name, value in rollout.items() if name not in ("salt", "again")}
    client = _client(key, salt, {"variations": served, **known})

    def ask(unit: str) -> str:
        return str(client.variation(key, _context(rollout, unit), "default"))

    reached = ends(weights)
    reached[-1] = 100_000  # What weights are short of goes to the last.
    arcs = ring((end, f"v{to}") for end, to in zip(reached, variations, strict=True))
    named = str(rollout["seed"]) if "seed" in rollout else f"{key}.{salt}"
    return Split("launchdarkly.v1", what, named, arcs, ask)


def _client(key: str, salt: str, rollout: dict[str, Any]) -> LDClient:
    variations = [f"v{index}" for index in range(len(rollout["variations"]))]
    flag = {"key": key, "salt": salt, "version": 1, "on": True, "variations": variations}
    flag["fallthrough"] = {"rollout": rollout}
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump({"flags": {key: flag}}, file)
        file.flush()
        source = Files.new_data_source(paths=[file.name])
        client = LDClient(Config("sdk-key", update_processor_class=source, send_events=False))
    assert client.is_initialized()
    return client


def _context(rollout: dict[str, Any], unit: str) -> Context:
    if "bucketBy" in rollout:
        return Context.builder("somebody").set(rollout["bucketBy"], unit).build()
    return Context.builder(unit).kind(rollout.get("contextKind", "user")).build()
