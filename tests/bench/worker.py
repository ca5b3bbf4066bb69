"""One client in a process of its own, so that no client's threads, modules or end disturb another's numbers.

    python -m tests.bench.worker CLIENT SINK

Reads one command a line from standard input, as JSON, and answers each with one line. It works only while it is asked.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.bench import clients, fresh, sameness
from tests.bench.adapter import Adapter, Call, CannotDo
from tests.bench.flags import CONTEXT, SPLIT, WORKLOADS, FlagSet, catalogue, changed

ALL = "all"
NOTHING = "nothing"
CATALOGUE_SIZE = 1_000


class Worker:
    """What can be asked of a client."""

    def __init__(self, name: str, sink: str) -> None:
        self._kind = clients.adapter(name)
        self._catalogue = catalogue(CATALOGUE_SIZE)
        self._workloads = load(self._kind, WORKLOADS, sink)
        self._all = load(self._kind, self._catalogue, sink)
        self._calls: dict[str, Call] = {NOTHING: lambda: None}

    def check(self, users: int) -> dict[str, Any]:
        """Version, and for each workload that cannot be measured, why. What is wrong is wrong, not just slow."""
        cannot: dict[str, str] = {}
        for flag in WORKLOADS.flags:
            try:
                found = sameness.faults(self._workloads, flag, users)
            except CannotDo as reason:
                cannot[flag.key] = str(reason)
                continue
            if found:
                cannot[flag.key] = f"wrong: {'; '.join(found)}"
            self._calls[flag.key] = self._workloads.call(flag, CONTEXT)
        wrong = sameness.catalogue_faults(self._all, self._catalogue)
        if wrong:
            cannot[ALL] = f"wrong: {'; '.join(wrong)}"
        self._calls[ALL] = self._all.everything(self._catalogue, CONTEXT)
        return {"installed": clients.installed(self._kind), "cannot": cannot}

    def time(self, workload: str, calls: int) -> float:
        """Nanoseconds a call, after one that brings what it needs back into the processor's caches."""
        self._calls[workload]()
        return _seconds(self._calls[workload], calls) * 1e9 / calls

    def threads(self, count: int, calls: int) -> tuple[float, float]:
        """Answers a second that one thread gets, and that `count` threads get together, on the split."""
        call = self._calls[SPLIT.key]
        return calls / _seconds(call, calls), calls / _seconds_together(call, count, calls)

    def write(self, folder: str) -> str:
        """Write the documents that `fresh` loads; the module it imports."""
        first = catalogue(fresh.COUNT)
        for name, flags in ((fresh.FIRST, first), (fresh.SECOND, changed(first)[0])):
            Path(folder, name).write_text(self._kind.text(flags))
        return self._kind.module

    def close(self) -> None:
        """End the client's own threads."""
        self._workloads.close()
        self._all.close()


def load(kind: type[Adapter], flags: FlagSet, sink: str) -> Adapter:
    """The client with these flags."""
    text = kind.text(flags)
    return kind(text if kind.takes_text else kind.parse(text), sink)


def _seconds(call: Call, calls: int) -> float:
    start = time.perf_counter()
    for _ in range(calls):
        call()
    return time.perf_counter() - start


def _seconds_together(call: Call, count: int, calls: int) -> float:
    """How long `count` threads take for `calls` calls, shared out."""
    ready = threading.Barrier(count + 1)

    def work() -> None:
        ready.wait()
        for _ in range(calls // count):
            call()

    workers = [threading.Thread(target=work) for _ in range(count)]
    for worker in workers:
        worker.start()
    ready.wait()
    start = time.perf_counter()
    for worker in workers:
        worker.join()
    return (time.perf_counter() - start) * calls / (calls // count * count)


def _serve(name: str, sink: str, answer: Callable[[object], None]) -> None:
    try:
        worker = Worker(name, sink)
    except ModuleNotFoundError as error:
        answer({"error": f"not installed: {error}"})
        return
    answer("ready")
    for line in sys.stdin:
        command, arguments = json.loads(line)
        answer(getattr(worker, command)(**arguments))
    worker.close()


def main() -> None:
    """Serves until standard input ends."""
    # What a client prints must not end up between the answers.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)

    def answer(value: object) -> None:
        print(json.dumps(value), file=answers, flush=True)

    try:
        _serve(sys.argv[1], sys.argv[2], answer)
    except Exception as error:
        answer({"error": f"{type(error).__name__}: {error}"})
        raise


if __name__ == "__main__":
    main()
