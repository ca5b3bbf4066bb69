"""What an application pays for a flag. The limits hold on a slow machine; what was measured is printed.

Each figure is the best of several rounds: the one that other work on the machine disturbed least.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from typing import Any, Final

import pytest

from flagd_core import CompiledFlag, load

ROUNDS: Final = 7
EVALUATIONS: Final = 20_000
FLAGS: Final = 1_000
MICROSECONDS: Final = 1_000_000
CONTEXT: Final = {"targetingKey": "user-4711", "plan": "pro", "email": "ada@example.com", "age": 36}
SPLIT: Final = {
    "split": {
        "salt": "bench",
        "unit": "targetingKey",
        "algorithm": "murmur3",
        "arcs": [[20_000, "on"], [100_000, "off"]],
    }
}
RULES: Final = [
    {
        "id": f"r{number}",
        "if": {"attribute": "plan", "op": "in", "values": [f"plan-{number}"]},
        "serve": SPLIT,
    }
    for number in range(10)
]


def document(flags: dict[str, Any]) -> dict[str, Any]:
    """A snapshot of these flags."""
    return {
        "format": 1,
        "project": "bench",
        "environment": "production",
        "lineage": "3f0f6d3e-8f0e-4c55-9d0e-0d5d4f6f2f11",
        "revision": 1,
        "digest": "0" * 64,
        "flags": flags,
        "segments": {},
    }


def boolean(**members: Any) -> dict[str, Any]:
    """A boolean flag as it is on the wire."""
    return {
        "kind": "boolean",
        "version": 1,
        "client_visible": False,
        "enabled": True,
        "variants": {"on": True, "off": False},
        "off_variant": "off",
        "default": {"variant": "off"},
        "targets": {},
        "rules": [],
        "prerequisites": [],
        "metadata": {},
    } | members


FORMS: Final = {
    "no rules": (boolean(), 2.0),
    "a split of everybody": (boolean(default=SPLIT), 6.0),
    "ten rules that do not match": (boolean(rules=RULES), 30.0),
}


def best(work: Callable[[], object]) -> float:
    """Seconds that `work` takes at its best."""
    durations = []
    gc.disable()
    try:
        for _ in range(ROUNDS):
            started = time.perf_counter()
            work()
            durations.append(time.perf_counter() - started)
    finally:
        gc.enable()
    return min(durations)


@pytest.mark.parametrize("form", FORMS)
def test_an_evaluation_costs_microseconds(form: str) -> None:
    """One answer takes no longer than its limit, so that flags can be asked for anywhere."""
    flag, limit = FORMS[form]
    compiled: CompiledFlag = load(document({"flag": flag})).flags["flag"]

    def work() -> None:
        for _ in range(EVALUATIONS):
            compiled.evaluate(CONTEXT)

    each = best(work) / EVALUATIONS * MICROSECONDS
    print(f"\n  {form}: {each:.2f} us each, at most {limit:.0f}")
    assert each < limit


def test_a_snapshot_of_a_thousand_flags_is_ready_in_a_blink() -> None:
    """Decoding and compiling 1,000 flags with rules does not hold up the start of an application."""
    flags = {f"flag-{number}": boolean(default=SPLIT, rules=RULES) for number in range(FLAGS)}
    seconds = best(lambda: load(document(flags)))
    print(f"\n  {FLAGS} flags of 10 rules: {seconds * 1000:.0f} ms, at most 1000")
    assert seconds < 1.0


def test_a_change_of_one_flag_costs_one_flag() -> None:
    """With the snapshot before it at hand, one that differs in one flag is ready several times sooner."""
    flags = {f"flag-{number}": boolean(default=SPLIT, rules=RULES) for number in range(FLAGS)}
    before = load(document(flags))
    changed = flags | {"flag-1": boolean(enabled=False, version=2)}
    whole = best(lambda: load(document(changed)))
    difference = best(lambda: load(document(changed), before))
    print(f"\n  from scratch {whole * 1000:.1f} ms, with the one before {difference * 1000:.1f} ms")
    assert difference < whole / 2
