"""OpenFeature's JavaScript providers: installed once from the lock file beside this, and run by Node.js."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

PROGRAMS: Final = Path(__file__).with_name("node")
LISTS: Final = ("package.json", "package-lock.json")
INSTALL_SECONDS: Final = 100
RUN_SECONDS: Final = 60


def packages() -> Path:
    """The folder with the packages of the lock file, inside the virtual environment; installed where it is missing."""
    lists = [PROGRAMS / name for name in LISTS]
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in lists)).hexdigest()[:16]
    cache = Path(sys.prefix) / "ofrep-providers"
    cache.mkdir(exist_ok=True)
    folder = cache / digest
    with (cache / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # one installs, the other test processes wait for it
        if not folder.exists():
            _install(lists, folder)
    return folder


def _install(lists: list[Path], folder: Path) -> None:
    unfinished = folder.with_suffix(".unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir()
    for path in lists:
        shutil.copy(path, unfinished)
    # Nothing of the packages is run, and nothing but what the lock file has hashes for is taken.
    command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
    done = subprocess.run(
        command, check=False, cwd=unfinished, capture_output=True, text=True, timeout=INSTALL_SECONDS
    )
    assert done.returncode == 0, f"npm could not install the providers:\n{done.stdout}\n{done.stderr}"
    unfinished.rename(folder)


def run(program: str, question: dict[str, Any]) -> dict[str, Any]:
    """Runs one of the programs beside this and returns what it has to say."""
    done = subprocess.run(
        ["node", str(PROGRAMS / program)],
        check=False,
        input=json.dumps(question),
        capture_output=True,
        text=True,
        timeout=RUN_SECONDS,
        env=os.environ | {"OFREP_PACKAGES": str(packages())},
    )
    assert done.returncode == 0, f"{program} failed:\n{done.stdout}\n{done.stderr}"
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer
