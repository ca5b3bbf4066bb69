"""Installs the clients to be measured, with their hashes checked. Where that cannot be done for all of them at once,
each package is tried alone: a client that is missing is named in the tables, and the others are measured.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from pathlib import Path

_PIP = [sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--quiet", "--require-hashes"]


def main() -> None:
    """Installs what the lock file given as argument lists."""
    lock = Path(sys.argv[1])
    if subprocess.run([*_PIP, "-r", lock], check=False).returncode == 0:
        return
    print("not everything can be installed together; trying each package alone", file=sys.stderr)
    failed = [name for name, entry in entries(lock.read_text()) if not _installs(entry)]
    print(f"could not be installed: {', '.join(failed) or 'nothing'}", file=sys.stderr)


def entries(lock: str) -> list[tuple[str, str]]:
    """Each package of a lock file: its name, and its lines."""
    found = re.findall(r"^[a-z0-9].*(?:\n    --hash=.*)*", lock, re.MULTILINE)
    return [(entry.partition("==")[0], entry) for entry in found]


def _installs(entry: str) -> bool:
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
        file.write(entry + "\n")
        file.flush()
        return subprocess.run([*_PIP, "--no-deps", "-r", file.name], check=False).returncode == 0


if __name__ == "__main__":
    main()
