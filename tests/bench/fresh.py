"""What loading many flags costs a client, in a process that has done nothing else before.

    python -m tests.bench.fresh CLIENT SINK FOLDER

The folder holds the client's document and the same one with a flag changed.
"""

from __future__ import annotations

import ctypes
import gc
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.bench import clients
from tests.bench.adapter import Adapter, CannotDo
from tests.bench.flags import CONTEXT, FlagSet, catalogue, changed

COUNT = 10_000
FIRST, SECOND = "first.json", "second.json"


def measure(kind: type[Adapter], sink: str, folder: Path, flags: FlagSet) -> dict[str, Any]:
    """Milliseconds of processor time, in which nobody else's work shows, and MiB; without `replace` where the client
    cannot be handed new flags.
    """
    key = changed(flags)[1]
    before = _resident()
    parse, document = _parsed(kind, kind.parse, folder / FIRST)
    start = time.process_time()
    client = kind(document, sink)
    client.call(flags.flags[0], CONTEXT)()
    found = {"load": _milliseconds(start)}
    if not kind.takes_text:
        found["parse"] = parse
    del document
    found["loaded"] = _resident() - before
    for flag in flags.flags:
        client.call(flag, CONTEXT)()
    found["asked"] = _resident() - before
    parse, document = _parsed(kind, client.parse_next, folder / SECOND)
    if not kind.takes_text:
        found["parse again"] = parse
    start = time.process_time()
    try:
        client.replace(document, key)
        found["replace"] = _milliseconds(start)
    except CannotDo as reason:
        return {"found": found, "cannot": {"replace": str(reason)}}
    finally:
        client.close()
    return {"found": found, "cannot": {}}


def _parsed(kind: type[Adapter], parse: Callable[[str], Any], file: Path) -> tuple[float, Any]:
    text = file.read_text()
    start = time.process_time()
    document = text if kind.takes_text else parse(text)
    return _milliseconds(start), document


def _milliseconds(start: float) -> float:
    return (time.process_time() - start) * 1_000


def _resident() -> float:
    """MiB of this process in memory, without what could be given back."""
    gc.collect()
    libc = ctypes.CDLL(None)
    if hasattr(libc, "malloc_trim"):
        libc.malloc_trim(0)
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def main() -> None:
    """Prints the numbers as JSON, last."""
    name, sink, folder = sys.argv[1:]
    print()
    found = measure(clients.adapter(name), sink, Path(folder), catalogue(COUNT))
    print(json.dumps(found), flush=True)


if __name__ == "__main__":
    main()
