"""Loading a snapshot of 10,000 flags, and taking over one changed flag."""

from __future__ import annotations

import subprocess
import sys
import time
from typing import Any

import flagd_core
from tests.bench import evaluation

FLAGS = 10_000


def report() -> None:
    """Prints a line for each step."""
    flags = {f"flag-{number}": _flag(number) for number in range(FLAGS)}
    start = time.perf_counter()
    ruleset = flagd_core.load(_document(1, flags))
    loaded = time.perf_counter()
    flags["flag-7"] = _flag(7) | {"version": 2}
    again = time.perf_counter()
    refreshed = flagd_core.load(_document(2, flags), ruleset)
    end = time.perf_counter()
    assert refreshed.evaluate("flag-7", "anna").metadata["version"] == 2
    print(f"load {FLAGS:,} flags, checked           {1000 * (loaded - start):>8.0f} ms")
    print(f"refresh with one of them changed     {1000 * (end - again):>8.1f} ms")
    print(f"import flagd_sdk                     {_import_milliseconds():>8.0f} ms")


def _flag(number: int) -> dict[str, Any]:
    percent = 1 + number % 98
    return evaluation._flag(default=evaluation._split(on=percent, off=100 - percent))


def _document(revision: int, flags: dict[str, Any]) -> dict[str, Any]:
    return evaluation._document(**flags) | {"revision": revision}


def _import_milliseconds() -> float:
    code = "import time; t = time.perf_counter(); import flagd_sdk; print(1000 * (time.perf_counter() - t))"
    runs = [
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        for _ in range(5)
    ]
    return min(float(run.stdout) for run in runs)
