"""The Makefile is the first thing a newcomer runs: it explains itself and fails in one clear line."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Final

import pytest

from tests.architecture.house import ROOT

PROMISED: Final = {
    "run",
    "test",
    "test-fast",
    "check",
    "bench",
    "bench-alone",
    "vendors",
    "migrate",
    "demo",
    "storefront",
    "lock",
    "format",
}


def make(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs make in a folder, as from a shell of its own."""
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))
    }
    return subprocess.run(
        ["make", *arguments], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A fresh checkout, as far as make can tell."""
    shutil.copy(ROOT / "Makefile", tmp_path)
    shutil.copytree(ROOT / "requirements", tmp_path / "requirements")
    (tmp_path / "sdk").mkdir()
    for file in ("pyproject.toml", "sdk/pyproject.toml"):
        shutil.copy(ROOT / file, tmp_path / file)
    return tmp_path


def test_make_alone_says_what_can_be_made(checkout: Path) -> None:
    """Without arguments make lists every target in one line each and changes nothing."""
    result = make(checkout)
    listed = set(re.findall(r"^  make ([a-z-]+)\s+\S", result.stdout, re.MULTILINE))
    assert result.returncode == 0, result.stderr
    assert listed >= PROMISED
    assert not (checkout / ".venv").exists()


def test_an_old_python_is_refused_in_one_line(checkout: Path) -> None:
    """Where no Python is new enough, one line says so, and what to do."""
    old = checkout / "python-of-long-ago"
    old.write_text("#!/bin/sh\nexit 1\n")
    old.chmod(0o755)
    result = make(checkout, f"CANDIDATES={old}", ".venv/.created")
    first, *rest = result.stderr.strip().splitlines()
    assert result.returncode != 0
    assert "flagd needs Python 3.11 or newer" in first
    assert len(rest) == 1  # make's own line
    assert not (checkout / ".venv").exists()


def test_a_second_call_installs_nothing(checkout: Path) -> None:
    """What is installed stays, until a list of requirements changes."""
    (checkout / ".venv").mkdir()
    for stamp in (".created", ".server", ".dev"):
        (checkout / ".venv" / stamp).touch()
    assert make(checkout, "--question", ".venv/.dev").returncode == 0
    later = (checkout / ".venv" / ".dev").stat().st_mtime + 10
    os.utime(checkout / "requirements" / "server.txt", (later, later))
    assert make(checkout, "--question", ".venv/.dev").returncode == 1
    assert "-r requirements/server.txt" in make(checkout, "--dry-run", ".venv/.dev").stdout
