"""Eppo: its SDK, on a configuration it was given."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import eppo_client
from eppo_client import AssignmentLogger, ClientConfig

from tests.vendors.asking import Split, ring

DISTRIBUTION = "eppo-server-sdk"


def splits() -> Iterator[Split]:
    """Ranges of shards, with a gap, of two totals."""
    asked: list[tuple[str, str, int, list[tuple[int, int, str]]]] = [
        ("halves", "new-checkout-split", 10_000, [(0, 5_000, "a"), (5_000, 10_000, "b")]),
        ("gap", "größe-用户", 10_000, [(0, 1, "a"), (1, 3_333, "b"), (4_000, 10_000, "c")]),
        ("short", "s", 7, [(0, 3, "a"), (3, 7, "b")]),
    ]
    client = _client([_flag(key, salt, total, ranges) for key, salt, total, ranges in asked])

    def asking(key: str) -> Any:
        return lambda unit: str(client.get_string_assignment(key, unit, {}, "none"))

    for key, salt, total, ranges in asked:
        arcs = []
        for start, end, variant in ranges:
            arcs += [(start, "none"), (end, variant)]
        yield Split("eppo.v1", f"{key} of {total}", salt, ring([*arcs, (total, "none")]), asking(key))


def _flag(key: str, salt: str, total: int, ranges: list[tuple[int, int, str]]) -> dict[str, Any]:
    parts = [
        {"variationKey": name, "shards": [{"salt": salt, "ranges": [{"start": start, "end": end}]}]}
        for start, end, name in ranges
    ]
    return {
        "key": key, "enabled": True, "variationType": "STRING", "totalShards": total,
        "variations": {name: {"key": name, "value": name} for _, _, name in ranges},
        "allocations": [{"key": "allocation", "rules": [], "splits": parts, "doLog": False}],
    }  # fmt: skip


def _client(flags: list[dict[str, Any]]) -> Any:
    document = {
        "createdAt": "2026-01-01T00:00:00.000Z", "format": "SERVER", "environment": {"name": "Test"},
        "flags": {flag["key"]: flag for flag in flags},
    }  # fmt: skip
    configuration = eppo_client.Configuration(flags_configuration=json.dumps(document).encode())
    return eppo_client.init(
        ClientConfig(
            api_key="none",
            assignment_logger=AssignmentLogger(),
            initial_configuration=configuration,
            poll_interval_seconds=None,
        )
    )
