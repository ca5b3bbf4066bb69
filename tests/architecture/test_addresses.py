"""What is committed names no registry and no folder of the machine it was written on."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.architecture.house import ROOT

# Put together here, so that this file does not name them either.
REGISTRIES: Final = (
    ("pypi", "org"),
    ("pythonhosted", "org"),
    ("npmjs", "org"),
    ("debian", "org"),
    ("crates", "io"),
)
MACHINE_FOLDERS: Final = ("work", "root", "home", "Users", "opt/pypi", "opt/wheels")
HOSTS: Final = re.compile("|".join(rf"\b{name}\.{domain}\b" for name, domain in REGISTRIES))
FOLDERS: Final = re.compile(rf"""(?<![\w.:/)}}$-])/(?:{"|".join(MACHINE_FOLDERS)})/|file:/{{2,3}}\w""")
BINARY: Final = {".png", ".ico", ".woff2", ".gz", ".db"}


def committed_files() -> Iterator[Path]:
    """What git has or would take; in a copy without git, everything that is not hidden."""
    listing = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    names = listing.stdout.split("\0") if listing.returncode == 0 else []
    found = [ROOT / name for name in names if name] or [
        path
        for path in ROOT.rglob("*")
        if not any(part.startswith(".") for part in path.relative_to(ROOT).parts)
    ]
    return (path for path in found if path.is_file() and path.suffix not in BINARY)


def leaks(text: str) -> list[str]:
    """The lines that name a registry or a folder of somebody's machine."""
    return [line.strip() for line in text.splitlines() if HOSTS.search(line) or FOLDERS.search(line)]


def test_no_file_names_a_registry_or_a_machine() -> None:
    """Whoever clones the project finds no address in it that only its authors can use."""
    found = {
        str(path.relative_to(ROOT)): lines for path in committed_files() if (lines := leaks(path.read_text()))
    }
    assert found == {}


@pytest.mark.parametrize(
    "line",
    [
        "--index-url https://{}/simple".format(".".join(REGISTRIES[0])),
        "url = https://files.{}/packages/x".format(".".join(REGISTRIES[1])),
        "see /{}/main/flagd/app.py".format("work"),
        "--find-links=/{}".format("opt/wheels/"),
        "fastapi @ file://{}".format("/tmp/fastapi.whl"),
        'path = "/{}/me/flagd"'.format("home"),
    ],
)
def test_a_planted_address_is_found(line: str) -> None:
    """Registry hosts, absolute folders of a person's machine and file addresses are found."""
    assert leaks(f"first\n{line}\nlast") == [line]


@pytest.mark.parametrize(
    "line",
    [
        "GET /api/v1/projects/demo/flags",
        "sqlite:////var/lib/flagd/flagd.db",
        "http://127.0.0.1:8080/home/",
        "/projects/{project}/work/",
        "the framework/home/page",
    ],
)
def test_an_address_of_the_service_is_none(line: str) -> None:
    """Paths of the service and of its own data folder may be named."""
    assert leaks(line) == []
