"""The least Python code that gives each answer, without any client. What more a client takes is the client's doing."""

from __future__ import annotations

from bisect import bisect_right
from typing import Any

import mmh3

from tests.bench.adapter import Adapter, Call, CannotDo
from tests.bench.flags import (
    COUNTRIES,
    PLAIN,
    RULES,
    SEGMENTS,
    SPLIT,
    VARIANTS,
    WORKLOADS,
    Context,
    Flag,
    FlagSet,
)

_COUNTRIES = frozenset(COUNTRIES)


class Least(Adapter):
    """Written out by hand for these flags."""

    distribution = ""
    module = "mmh3"

    @staticmethod
    def document(flags: FlagSet) -> Any:
        return None

    def __init__(self, document: Any, sink: str) -> None:
        self._values = {PLAIN.key: True}

    def get(self, key: str) -> bool:
        """A bare method call with a dict look-up."""
        return self._values[key]

    def call(self, flag: Flag, context: Context) -> Call:
        if flag == PLAIN:
            return lambda: self.get("plain")
        if flag == SPLIT:
            return lambda: _slot("split", context) < 20_000
        if flag == RULES:
            return lambda: _five_rules(context)
        if flag == VARIANTS:
            ends, names = (25_000, 50_000, 75_000), ("a", "b", "c", "d")
            return lambda: names[bisect_right(ends, _slot("variants", context))]
        size = next(size for size, each in SEGMENTS.items() if each == flag)
        members, salt = frozenset(WORKLOADS.segments[f"members-{size}"]), f"{flag.key}-0"
        return lambda: context["targetingKey"] in members and _slot(salt, context) < 50_000

    def everything(self, flags: FlagSet, context: Context) -> Call:
        calls = {flag.key: _of_catalogue(flag, context) for flag in flags.flags}
        return lambda: {key: call() for key, call in calls.items()}

    def replace(self, document: Any, key: str) -> None:
        raise CannotDo("nothing was loaded")

    def close(self) -> None:
        """Nothing runs."""


def _slot(salt: str, context: Context) -> int:
    return (mmh3.hash(f"{salt}.{context['targetingKey']}", 0, signed=False) * 100_000) >> 32


def _five_rules(context: Any) -> bool:
    if context["plan"] == "enterprise":
        return False
    if context["country"] in _COUNTRIES:
        return False
    if tuple(map(int, context["version"].split("."))) > (3, 0, 0):
        return False
    if context["age"] > 60:
        return False
    return bool(context["email"].endswith("@example.com"))


def _of_catalogue(flag: Flag, context: Context) -> Call:
    if flag.rules:
        plans = frozenset(flag.rules[0].condition.values)
        return lambda: context["plan"] in plans
    if len(flag.shares) == 1:
        return lambda: True
    key, end = flag.key, flag.shares["on"] * 1_000
    return lambda: _slot(key, context) < end
