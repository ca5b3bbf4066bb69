"""One evaluation through the public client, beside the least code that gives the same answer, in one run.

The ratios hold on any machine; the nanoseconds on this one.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from typing import Any, NamedTuple

import mmh3

from flagd_sdk import FlagClient
from tests.bench.timing import nanoseconds

SLOTS = 100_000


class Row(NamedTuple):
    """A workload: what the client is asked, and the least code that answers it."""

    name: str
    ours: Callable[[], object]
    least: Callable[[], object]


def _flag(**changes: Any) -> dict[str, Any]:
    return {
        "kind": "boolean",
        "version": 1,
        "client_visible": False,
        "enabled": True,
        "variants": {"on": True, "off": False},
        "off_variant": "off",
        "default": {"variant": "on"},
        "targets": {},
        "rules": [],
        "prerequisites": [],
        "metadata": {},
    } | changes


def _split(**weights: int) -> dict[str, Any]:
    arcs, end = [], 0
    for variant, percent in weights.items():
        end += percent * SLOTS // 100
        arcs.append([end, variant])
    return {"split": {"salt": "salt", "unit": "targetingKey", "algorithm": "murmur3", "arcs": arcs}}


def _document(**flags: dict[str, Any]) -> dict[str, Any]:
    members = [f"user-{number}" for number in range(1_000)]
    head = {
        "format": 1,
        "project": "bench",
        "environment": "bench",
        "lineage": "bench",
        "revision": 1,
        "digest": "",
    }
    return head | {"flags": flags, "segments": {"members": {"included": members, "excluded": [], "if": None}}}


def rows() -> list[Row]:
    """The workloads: a plain flag, a split, a segment before a split, four variants."""
    client = _client(
        _document(
            plain=_flag(),
            split=_flag(default=_split(on=20, off=80)),
            segment=_flag(
                default={"variant": "off"},
                rules=[{"id": "members", "if": {"segment": "members"}, "serve": _split(on=50, off=50)}],
            ),
            four=_flag(
                kind="string",
                variants={"a": "a", "b": "b", "c": "c", "d": "d"},
                off_variant=None,
                default=_split(a=25, b=25, c=25, d=25),
            ),
        )
    )
    context = {"targetingKey": "user-7", "plan": "pro"}
    members = frozenset(f"user-{number}" for number in range(1_000))
    ends, names = (25_000, 50_000, 75_000), ("a", "b", "c", "d")

    def slot() -> int:
        return (mmh3.hash(f"salt.{context['targetingKey']}", 0, signed=False) * SLOTS) >> 32

    held = _Held()
    return [
        Row("plain boolean", lambda: client.is_enabled("plain", context), lambda: held.get("plain")),
        Row("20 % split", lambda: client.is_enabled("split", context), lambda: slot() < 20_000),
        Row(
            "segment of 1,000 keys, then 50 %",
            lambda: client.is_enabled("segment", context),
            lambda: context["targetingKey"] in members and slot() < 50_000,
        ),
        Row(
            "four weighted variants",
            lambda: client.get_string("four", context, default=""),
            lambda: names[bisect_right(ends, slot())],
        ),
    ]


def _client(document: dict[str, Any]) -> FlagClient:
    """The public client on a snapshot it was given; nobody answers its polls."""
    return FlagClient("http://127.0.0.1:1", "nobody", bootstrap=document, poll_interval=3600)


class _Held:
    """A bare method call with a dict look-up."""

    def __init__(self) -> None:
        self._values = {"plain": True}

    def get(self, key: str) -> bool:
        return self._values[key]


def report() -> None:
    """Prints a line for each workload."""
    print(f"{'evaluation':<36}{'ours ns':>10}{'least ns':>10}{'ratio':>8}")
    for row in rows():
        ours, least = nanoseconds(row.ours), nanoseconds(row.least)
        print(f"{row.name:<36}{ours:>10.0f}{least:>10.0f}{ours / least:>8.1f}")
