"""How long one call takes: the best of several runs, because noise only ever adds."""

from __future__ import annotations

import platform
import time
from collections.abc import Callable

RUNS = 9
CALLS = 20_000


def nanoseconds(call: Callable[[], object]) -> float:
    """Nanoseconds a call, the loop itself included (about 15)."""
    return min(_one_run(call) for _ in range(RUNS))


def _one_run(call: Callable[[], object]) -> float:
    start = time.perf_counter_ns()
    for _ in range(CALLS):
        call()
    return (time.perf_counter_ns() - start) / CALLS


def machine() -> str:
    """What this was measured on."""
    return f"{platform.python_implementation()} {platform.python_version()}, {platform.machine()}, {platform.system()}"
