"""The evaluator of OpenFeature's reference daemon, in two generations: 1.0 hashes text, 2.0 hashes CBOR."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import version
from typing import Any

from openfeature.contrib.tools.flagd.core import FlagdCore
from openfeature.evaluation_context import EvaluationContext

from tests.vendors.asking import Split, ends, ring

DISTRIBUTION = "openfeature-flagd-core"
_FIRST = version(DISTRIBUTION).startswith("1.")
_TEXT = "openfeature-flagd.v2" if _FIRST else "openfeature-flagd.text.v3"
_SHORTHAND = "openfeature-flagd.v2" if _FIRST else "openfeature-flagd.v3"


def splits() -> Iterator[Split]:
    """The shorthand, an attribute on its own, and one with the flag's key or other text in front."""
    for weights in ([50, 50], [1, 99], [333, 333, 334], [1, 0, 2, 4], [1_000_000_000, 1_147_483_647]):
        yield _split(_SHORTHAND, "shorthand", "new-checkout", None, weights)
    yield _split(_SHORTHAND, "shorthand, long key", "größe-" * 60, None, [25, 75])
    for weights in ([50, 50], [10, 20, 70]):
        yield _split(_TEXT, "an attribute", "", {"var": "email"}, weights)
        key: Any = {"cat": [{"var": "$flagd.flagKey"}, {"var": "email"}]}
        yield _split(_TEXT, "flag key and attribute", "new-checkout", key, weights)
    key = {"cat": ["größe-😀", {"var": "email"}]}
    yield _split(_TEXT, "text and attribute", "größe-😀", key, [1, 1])


def _split(algorithm: str, what: str, salt: str, key: Any, weights: list[int]) -> Split:
    names = [f"v{index}" for index in range(len(weights))]
    parts: list[Any] = [[name, weight] for name, weight in zip(names, weights, strict=True)]
    flag_key = "new-checkout" if key is not None else salt
    flag = {
        "state": "ENABLED",
        "variants": {name: name for name in [*names, "default"]},
        "defaultVariant": "default",
        "targeting": {"fractional": parts if key is None else [key, *parts]},
    }
    core = FlagdCore()
    core.set_flags({"flags": {flag_key: flag}})

    def ask(unit: str) -> str:
        context = EvaluationContext(unit) if key is None else EvaluationContext("other", {"email": unit})
        return str(core.resolve_string_value(flag_key, "none", context).value)

    arcs = ring(zip(ends(weights), names, strict=True))
    return Split(algorithm, f"{what}, weights {', '.join(map(str, weights))}", salt, arcs, ask)
