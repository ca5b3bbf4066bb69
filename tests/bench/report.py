"""What was measured, in lines for reading and as JSON. Leaves nobody out: who could not be measured is named with the
reason.
"""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from statistics import median
from typing import Any, Final

from tests.bench import clients
from tests.bench.flags import SEGMENTS
from tests.bench.goals import TITLES, best, goals
from tests.bench.measure import THREADS, Found
from tests.bench.worker import CATALOGUE_SIZE, NOTHING

_NAME: Final = 27
_CELL: Final = 16
_MANY: Final = {
    "import": "import ms",
    "parse": "parse ms",
    "parse again": "again ms",
    "load": "load ms",
    "replace": "replace ms",
    "loaded": "loaded MiB",
    "asked": "asked MiB",
}


def machine() -> str:
    """What this was measured on."""
    python = f"{platform.python_implementation()} {platform.python_version()}"
    return (
        f"{python} on {platform.system()} {platform.machine()}, {os.cpu_count()} processors ({_processor()})"
    )


def lines(found: Sequence[Found], rounds: int) -> Iterator[str]:
    """The tables."""
    yield f"{machine()}; {rounds} rounds, in turn"
    empty = [best(each.ns[NOTHING]) for each in found if NOTHING in each.ns]
    if empty:
        yield f"an empty call takes {min(empty):.0f} ns, which every number below has in it"
    yield ""
    yield from _evaluations(found)
    yield from _ratios(found)
    yield from _segments(found)
    yield from _many(found)
    yield from _left_out(found)
    yield from _goals(found)


def write_json(file: Path, found: Sequence[Found], rounds: int) -> None:
    """All numbers of all rounds."""
    content: dict[str, Any] = {"machine": machine(), "rounds": rounds}
    content["clients"] = [asdict(each) for each in found]
    content["goals"] = [goal._asdict() | {"met": goal.met} for goal in goals(found)]
    file.write_text(json.dumps(content, indent=1) + "\n")


def _evaluations(found: Sequence[Found]) -> Iterator[str]:
    yield f"nanoseconds a call, least/median; W6: milliseconds for {CATALOGUE_SIZE:,} flags"
    yield _row("", [*TITLES.values(), f"{THREADS} threads"])
    for each in found:
        cells = [_time(each.ns.get(workload), workload) for workload in TITLES]
        yield _row(each.name, [*cells, f"x {each.in_threads:.2f}" if each.in_threads else "-"])
    yield ""


def _ratios(found: Sequence[Found]) -> Iterator[str]:
    ours = next((each for each in found if each.name == clients.OURS), None)
    if ours is None or ours.out:
        return
    yield "the same, times what flagd takes"
    for each in found:
        able = {workload: best(each.ns[workload]) for workload in TITLES if workload in each.ns}
        cells = [
            f"{able[workload] / best(ours.ns[workload]):.2f}"
            if workload in able and workload in ours.ns
            else "-"
            for workload in TITLES
        ]
        yield _row(each.name, cells)
    yield ""


def _segments(found: Sequence[Found]) -> Iterator[str]:
    yield "W4 with segments of different sizes, ns"
    yield _row("", [f"{size:,} keys" for size in SEGMENTS])
    for each in found:
        yield _row(each.name, [_time(each.ns.get(flag.key), flag.key) for flag in SEGMENTS.values()])
    yield ""


def _many(found: Sequence[Found]) -> Iterator[str]:
    yield "10,000 flags, in fresh processes; ms of the processor, least/median (no parse: it parses while it loads)"
    yield _row("", list(_MANY.values()))
    for each in found:
        if each.name != clients.LEAST:
            numbers = [each.many.get(what) for what in _MANY]
            yield _row(each.name, [_pair(every, ".1f") if every else "-" for every in numbers])
    yield ""


def _left_out(found: Sequence[Found]) -> Iterator[str]:
    missing = [f"  {each.name}: {each.out}" for each in found if each.out]
    missing += [f"  {each.name}, {what}: {why}" for each in found for what, why in each.cannot.items()]
    yield "NOT MEASURED" if missing else "every client did everything"
    yield from missing
    yield ""
    yield "measured: " + ", ".join(each.installed for each in found if each.installed)
    yield ""


def _goals(found: Sequence[Found]) -> Iterator[str]:
    reached = goals(found)
    yield f"goals of flagd's client: {sum(goal.met for goal in reached)} of {len(reached)} reached"
    for goal in reached:
        sign = ">=" if goal.at_least else "<="
        yield f"  {'ok  ' if goal.met else 'MISS'} {goal.found:>9,.2f}  {sign} {goal.limit:<6g} {goal.text}"


def _row(name: str, cells: Sequence[str]) -> str:
    return f"{name:<{_NAME}}" + "".join(f" {cell:>{_CELL}}" for cell in cells)


def _time(numbers: Sequence[float] | None, workload: str) -> str:
    if not numbers:
        return "-"
    if workload == "all":
        return _pair([number / 1e6 for number in numbers], ".2f")
    return _pair(numbers, ",.0f")


def _pair(numbers: Sequence[float], form: str) -> str:
    return f"{best(numbers):{form}}/{median(numbers):{form}}"


def _processor() -> str:
    """Its name, where the system tells."""
    file = Path("/proc/cpuinfo")
    if file.exists():
        for line in file.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or "unnamed"
