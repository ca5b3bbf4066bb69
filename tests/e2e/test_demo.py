"""The terminal demo as people run it: a process of its own, whose exit code tells whether it kept its promises."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from tests.services.children import free_port
from tests.services.processes import ROOT

if TYPE_CHECKING:
    from tests.conftest import StartServer
    from tests.services.processes import FlagdServer

PATH = "/api/v1/projects/demo/flags/new-checkout/environments/production"


@pytest.mark.services
def test_the_demo_keeps_its_promises_on_a_server_of_its_own() -> None:
    """Without any setting the demo starts a server, rolls out, takes back, and ends with 0."""
    done = run_demo({})

    assert done.returncode == 0, done.stdout + done.stderr
    assert "nobody who had the feature lost it as it widened" in done.stdout
    assert "the kill switch took it from everybody" in done.stdout
    assert "BROKEN" not in done.stdout


def test_the_demo_leaves_a_running_server_as_it_found_it(start_server: StartServer) -> None:
    """On a server that FLAGD_URL names, the flag answers after the demo as it did before."""
    server = start_server()
    before = targeting(server)

    done = run_demo({"FLAGD_URL": server.url, "FLAGD_DATA_DIR": str(server.data)})

    assert done.returncode == 0, done.stdout + done.stderr
    after = targeting(server)
    assert after["version"] > before["version"]
    assert (after["enabled"], after["default"]) == (before["enabled"], before["default"])


def test_the_demo_refuses_a_flag_whose_rules_would_spoil_it(start_server: StartServer) -> None:
    """A flag with individual targets is not touched, and the exit code is not 0."""
    server = start_server()
    version = targeting(server)["version"]
    answer = httpx.patch(
        server.url + PATH,
        json={"targets": {"on": ["user-0001"]}},
        headers=headers(server) | {"If-Match": f'"v{version}"'},
    )
    assert answer.status_code == httpx.codes.OK, answer.text

    done = run_demo({"FLAGD_URL": server.url, "FLAGD_DATA_DIR": str(server.data)})

    assert done.returncode == 1
    assert "take them away first" in done.stderr
    assert targeting(server)["version"] == version + 1


def test_the_demo_says_in_one_line_that_nobody_answers(tmp_path: Path) -> None:
    """A FLAGD_URL where nothing listens, or without credentials, ends with 1 and one line."""
    done = run_demo({"FLAGD_URL": f"http://127.0.0.1:{free_port()}", "FLAGD_DATA_DIR": str(tmp_path)})

    assert done.returncode == 1
    assert done.stderr.startswith("demo: ")
    assert done.stderr.count("\n") == 1


def test_a_broken_promise_stays_broken() -> None:
    """A promise that failed once is reported as broken, whatever is seen later."""
    from examples.rollout_demo import Promises

    promises = Promises()
    promises.check("nobody loses it", holds=False)
    promises.check("nobody loses it", holds=True)

    assert not promises.all_kept


def run_demo(settings: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """The demo with these variables; conftest has taken away every other one of flagd's."""
    return subprocess.run(
        [sys.executable, "-m", "examples.rollout_demo"],
        env=os.environ | settings,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )


def targeting(server: FlagdServer) -> dict[str, Any]:
    answer = httpx.get(server.url + PATH, headers=headers(server))
    found: dict[str, Any] = answer.raise_for_status().json()
    return found


def headers(server: FlagdServer) -> dict[str, str]:
    return {"Authorization": f"Bearer {server.credentials()['admin_key']}"}
