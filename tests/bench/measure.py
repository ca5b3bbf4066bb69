"""The measurements: every client in every round, one after the other, so that whatever slows the machine down slows all
of them down. Decides nothing and prints only how far it got.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.bench import clients, fresh, processes
from tests.bench.flags import SPLIT, WORKLOADS
from tests.bench.processes import Asked, Gone
from tests.bench.worker import ALL, NOTHING

# Short, so that some measurements fall between two interruptions by whatever else the machine does.
TARGET_NS = 3_000_000
THREADS_NS = 30_000_000
MOST_CALLS = 100_000
USERS = 1_000
THREADS = 8
LOADS = 5
WORKLOAD_NAMES = (*(flag.key for flag in WORKLOADS.flags), ALL)


@dataclass
class Found:
    """What was found about one client. Each list has a number for each round.

    out      why it could not be measured at all;  cannot: why one thing could not be, by its name
    ns       nanoseconds a call, by workload;  threads: answers a second, of one thread and of eight
    many     with many flags: milliseconds of the processor and MiB, by what (parse, load, replace, loaded ...)
    """

    name: str
    installed: str = ""
    out: str = ""
    cannot: dict[str, str] = field(default_factory=dict)
    ns: dict[str, list[float]] = field(default_factory=dict)
    threads: list[tuple[float, float]] = field(default_factory=list)
    many: dict[str, list[float]] = field(default_factory=dict)

    @property
    def in_threads(self) -> float | None:
        """Throughput of eight threads as a multiple of one's."""
        if not self.threads:
            return None
        return max(together for _, together in self.threads) / max(alone for alone, _ in self.threads)


def measure(names: Sequence[str], rounds: int) -> list[Found]:
    """Everything, about these clients. Gone when it is ours that does not start: the rest would be about nothing."""
    results = [Found(name) for name in names]
    with processes.sink() as sink, tempfile.TemporaryDirectory() as folder:
        with _workers(results, sink) as workers:
            _evaluations(workers, rounds)
            _threads(workers, rounds)
            loads = [_Load(each, Path(folder, str(number))) for number, each in enumerate(workers)]
        _many_flags([load for load in loads if load.found.name != clients.LEAST], sink, min(rounds, LOADS))
    return results


class _Client:
    """A client that gives right answers, in its process."""

    def __init__(self, found: Found, sink: str, stack: ExitStack) -> None:
        self.found = found
        self._worker = Asked(found.name, sink)
        stack.callback(self._worker.stop)

    def ask(self, command: str, **arguments: Any) -> Any:
        """An answer, or None from a client whose process ended: it is out."""
        try:
            return self._worker.ask(command, **arguments)
        except Gone as reason:
            self.found.out = str(reason)
            return None

    def can(self, what: str) -> bool:
        """Whether to ask at all."""
        return not self.found.out and what not in self.found.cannot


@contextmanager
def _workers(results: list[Found], sink: str) -> Iterator[list[_Client]]:
    with ExitStack() as stack:
        workers = []
        for found in results:
            _say(f"checking {found.name}")
            try:
                client = _Client(found, sink, stack)
            except Gone as reason:
                if found.name == clients.OURS:
                    raise
                found.out = str(reason)
                continue
            answer = client.ask("check", users=USERS)
            if answer is not None:
                found.installed = answer["installed"]
                found.cannot.update(answer["cannot"])
                workers.append(client)
        yield workers


def _evaluations(workers: list[_Client], rounds: int) -> None:
    for workload in (NOTHING, *WORKLOAD_NAMES):
        _say(f"asking for {workload}")
        calls = {client: _enough(client, workload) for client in workers if client.can(workload)}
        for _ in range(rounds):
            for client in workers:
                if client.can(workload):
                    taken = client.ask("time", workload=workload, calls=calls[client])
                    if taken is not None:
                        client.found.ns.setdefault(workload, []).append(taken)


def _enough(client: _Client, workload: str) -> int:
    """How many calls take about as long as one measurement should."""
    calls = 1
    while True:
        taken = (client.ask("time", workload=workload, calls=calls) or TARGET_NS) * calls
        if taken > TARGET_NS / 4 or calls >= MOST_CALLS:
            return max(1, min(MOST_CALLS, int(calls * TARGET_NS / taken)))
        calls *= 8


def _threads(workers: list[_Client], rounds: int) -> None:
    _say(f"asking with {THREADS} threads")
    for _ in range(rounds):
        for client in workers:
            if client.can(SPLIT.key):
                calls = max(THREADS, int(THREADS_NS / min(client.found.ns[SPLIT.key])))
                rates = client.ask("threads", count=THREADS, calls=calls)
                if rates is not None:
                    client.found.threads.append(rates)


class _Load:
    """What a fresh process loads, written by the client's worker."""

    def __init__(self, client: _Client, folder: Path) -> None:
        folder.mkdir()
        self.found, self.folder = client.found, folder
        self.module = client.ask("write", folder=str(folder))


def _many_flags(loads: list[_Load], sink: str, rounds: int) -> None:
    for turn in range(rounds):
        _say(f"loading {fresh.COUNT:,} flags, round {turn + 1} of {rounds}")
        for load in loads:
            if not load.found.out and "load" not in load.found.cannot:
                _one_load(load, sink)


def _one_load(load: _Load, sink: str) -> None:
    found = load.found
    try:
        answer = json.loads(processes.run(["-m", "tests.bench.fresh", found.name, sink, str(load.folder)]))
        answer["found"]["import"] = float(processes.run(["-c", _IMPORT, load.module]))
    except Gone as reason:
        found.cannot["load"] = str(reason)
        return
    found.cannot.update(answer["cannot"])
    for what, value in answer["found"].items():
        found.many.setdefault(what, []).append(value)


_IMPORT = """
import sys, time
start = time.process_time()
__import__(sys.argv[1])
print(1000 * (time.process_time() - start))
"""


def _say(what: str) -> None:
    print(f"... {what}", file=sys.stderr)
