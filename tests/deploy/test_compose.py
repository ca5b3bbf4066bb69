"""docker-compose.yml, read by the real Docker Compose; no engine is needed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

import pytest

from tests.architecture.house import ROOT

PROGRAMS: Final = Path(sys.executable).parent
SECRETS: Final = {"FLAGD_POSTGRES_PASSWORD": "0" * 48, "FLAGD_SECRET": "1" * 64}
ONE_SHOT: Final = "migrate"


def compose(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Runs Docker Compose on the project's file with these variables and no others of flagd's."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("FLAGD_")}
    return subprocess.run(
        [str(PROGRAMS / "docker-compose"), "--env-file", os.devnull, *arguments],
        cwd=ROOT,
        env=environment | variables,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def rendered() -> dict[str, Any]:
    """The file as Compose understands it."""
    result = compose("config", "--format", "json", **SECRETS)
    assert result.returncode == 0, result.stderr
    document: dict[str, Any] = json.loads(result.stdout)
    return document


def test_compose_accepts_the_file() -> None:
    """Docker Compose takes the file as it is."""
    result = compose("config", "--quiet", **SECRETS)
    assert (result.returncode, result.stdout) == (0, ""), result.stderr


def test_the_file_keeps_to_the_compose_specification() -> None:
    """The file validates against the published schema, not only against one program."""
    result = subprocess.run(
        [
            PROGRAMS / "check-jsonschema",
            "--builtin-schema",
            "vendor.compose-spec",
            ROOT / "docker-compose.yml",
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize("missing", SECRETS)
def test_no_secret_has_a_default(missing: str) -> None:
    """Without a secret nothing starts, and the message says which one to set."""
    result = compose(
        "config", "--quiet", **{name: value for name, value in SECRETS.items() if name != missing}
    )
    assert result.returncode != 0
    assert missing in result.stderr


def test_only_the_service_is_published_and_only_on_loopback(rendered: dict[str, Any]) -> None:
    """No database is reachable from outside, and the service itself only from this machine."""
    published = {name: service.get("ports", []) for name, service in rendered["services"].items()}
    assert {name for name, ports in published.items() if ports} == {"server"}
    assert [port["host_ip"] for port in published["server"]] == ["127.0.0.1"]
    assert rendered["networks"]["back"]["internal"] is True
    for name in ("postgres", "redis"):
        assert set(rendered["services"][name]["networks"]) == {"back"}


def test_the_server_waits_for_the_schema(rendered: dict[str, Any]) -> None:
    """The schema is brought up to date once, by one container, before any server starts."""
    waits_for = rendered["services"]["server"]["depends_on"]
    assert waits_for[ONE_SHOT]["condition"] == "service_completed_successfully"
    assert rendered["services"][ONE_SHOT]["restart"] == "no"
    assert "--migrate" not in rendered["services"]["server"]["command"]


def test_what_the_server_needs_says_whether_it_is_healthy(rendered: dict[str, Any]) -> None:
    """Databases have a health check of their own; the image brings the service's."""
    for name in ("postgres", "redis"):
        assert rendered["services"][name]["healthcheck"]["test"]
        assert rendered["services"]["server"]["depends_on"][name]["condition"] == "service_healthy"


def test_data_lives_in_named_volumes(rendered: dict[str, Any]) -> None:
    """What must survive a container lies in a volume with a name, and Redis keeps nothing."""
    mounted = {
        name: [volume["source"] for volume in service.get("volumes", []) if volume["type"] == "volume"]
        for name, service in rendered["services"].items()
    }
    assert mounted == {"server": ["data"], "migrate": [], "postgres": ["postgres"], "redis": []}


def test_no_image_is_whatever_is_newest(rendered: dict[str, Any]) -> None:
    """Every image names its version."""
    for service in rendered["services"].values():
        _, _, tag = service["image"].partition(":")
        assert tag[:1].isdigit(), service["image"]
