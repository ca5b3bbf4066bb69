"""The command: measures flagd's client beside the least code, or beside its peers as well."""

from __future__ import annotations

import argparse
from pathlib import Path

from tests.bench import clients, report
from tests.bench.measure import measure
from tests.bench.processes import Gone


def main() -> None:
    """Measures, prints, and writes JSON if asked to. A goal that is missed is printed and no error."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench")
    parser.add_argument("--peers", action="store_true", help="measure other vendors' clients as well")
    parser.add_argument("--rounds", type=int, default=40, help="how often each thing is measured (40)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the numbers of all rounds to a file")
    parser.add_argument(
        "--only",
        action="append",
        metavar="CLIENT",
        choices=clients.PEERS,
        help="this one beside flagd; repeatable",
    )
    wanted = parser.parse_args()
    names = [clients.OURS, clients.LEAST]
    if wanted.peers or wanted.only:
        names += [name for name in clients.PEERS if not wanted.only or name in wanted.only]
    try:
        found = measure(names, wanted.rounds)
    except Gone as reason:
        parser.exit(1, f"flagd's client cannot be measured: {reason}\n")
    print("\n".join(report.lines(found, wanted.rounds)))
    if wanted.json is not None:
        report.write_json(wanted.json, found, wanted.rounds)


if __name__ == "__main__":
    main()
