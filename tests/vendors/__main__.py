"""Asks every vendor's package, each in a process of its own, and writes tests/vectors/vendor_hashes.json.

python -m tests.vendors OLDER        ask them all; OLDER is a folder with older releases of some packages
python -m tests.vendors --ask NAME   ask the one in this process, and print what it said
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).parents[2]
VECTORS: Final = ROOT / "tests" / "vectors" / "vendor_hashes.json"
ADAPTERS: Final = Path(__file__).parent / "adapters"
IN_TWO_RELEASES: Final = ("growthbook", "openfeature_flagd")
WHAT: Final = (
    "Where other vendors' own code puts units: for each split, the variants of units that stand beside its bounds. "
    "Written by `make vendors`, never by hand."
)
_SHOWN: Final = 20


def main(older: str) -> int:
    """Ask them all. 1 when the core answers anything else than a vendor does; then nothing is written."""
    names = sorted(path.stem for path in ADAPTERS.glob("[!_]*.py"))
    asked = [(name, "") for name in names] + [(name, older) for name in IN_TWO_RELEASES]
    cases: list[dict[str, Any]] = []
    wrong = 0
    for name, first in asked:
        found = _in_a_process(name, first)
        wrong += len(found["wrong"])
        print(f"{found['package']}: {found['asked']:,} answers, {len(found['wrong']):,} differ")
        print(*found["wrong"][:_SHOWN], sep="\n", end="\n" * bool(found["wrong"]))
        cases += found["cases"]
    if not wrong:
        VECTORS.write_text(_text(cases))
    return min(wrong, 1)


def ask(name: str) -> None:
    """Ask one vendor, and print the outcome."""
    # Only here: the process that asks them all needs neither the core nor any vendor.
    from tests.vendors.comparing import compared

    adapter: Any = import_module(f"tests.vendors.adapters.{name}")
    release = version(adapter.DISTRIBUTION)
    said: dict[str, Any] = {
        "package": f"{adapter.DISTRIBUTION} {release}",
        "asked": 0,
        "wrong": [],
        "cases": [],
    }
    for split in adapter.splits():
        found = compared(split)
        said["asked"] += found.asked
        said["wrong"] += found.wrong
        named = {
            "name": f"{split.algorithm}: {split.what}",
            "package": adapter.DISTRIBUTION,
            "version": release,
        }
        asked = {"algorithm": split.algorithm, "salt": split.salt, "arcs": split.arcs}
        said["cases"].append({**named, **asked, "units": found.worth_keeping})
    print(json.dumps(said), flush=True)
    # Some clients keep threads of their own that would keep the process.
    os._exit(0)


def _in_a_process(name: str, first: str) -> Any:
    """What the process says that asks the vendor; packages in the folder `first` come before all others.

    What it leaves behind is in a folder that goes with it.
    """
    path = os.pathsep.join(part for part in (first, str(ROOT / "sdk"), str(ROOT)) if part)
    command = [sys.executable, "-m", "tests.vendors", "--ask", name]
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "PYTHONPATH": path, "TMPDIR": folder}
        done = subprocess.run(
            command, env=environment, cwd=ROOT, stdout=subprocess.PIPE, check=True, text=True
        )
    return json.loads(done.stdout.splitlines()[-1])


def _text(cases: list[dict[str, Any]]) -> str:
    """The file: a case a line, so that a change shows which cases it changes."""
    lines = ",\n".join(f"    {json.dumps(case)}" for case in cases)
    return f'{{\n  "what": {json.dumps(WHAT)},\n  "cases": [\n{lines}\n  ]\n}}\n'


if __name__ == "__main__":
    if sys.argv[1] == "--ask":
        ask(sys.argv[2])
    else:
        sys.exit(main(sys.argv[1]))
