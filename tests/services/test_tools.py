"""A run that leaves tests out says so where nobody can miss it, and a run that must not leave any out fails."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.services.shared import ROOT

pytest_plugins = ["pytester"]
pytestmark = pytest.mark.slow

TESTS = """
import pytest

def test_always(): pass

@pytest.mark.chromium
def test_page(): pass

@pytest.mark.node
def test_script(): pass
"""

SKIPS = """
import pytest

def test_by_itself():
    pytest.skip("not today")
"""


@pytest.fixture
def bare(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """A project with the plugin, on a machine without browser and Node.js."""
    pytester.makeini(
        "[pytest]\nmarkers =\n    chromium\n    node\n    services\naddopts = -p tests.services.tools -p no:valkey"
    )
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT), str(ROOT / "sdk")]))
    monkeypatch.setenv("PATH", str(pytester.path))
    for name in ("FLAGD_TEST_CHROMIUM", "FLAGD_TEST_REQUIRE_ALL"):
        monkeypatch.delenv(name, raising=False)
    return pytester


@pytest.mark.parametrize("workers", [(), ("-n", "2")])
def test_what_is_left_out_is_listed(bare: pytest.Pytester, workers: tuple[str, ...]) -> None:
    """Tests whose tool is missing do not run, and the end of the run names each of them and the tool."""
    bare.makepyfile(TESTS)
    result = bare.runpytest_subprocess(*workers)
    result.assert_outcomes(passed=1, deselected=0 if workers else 2)
    result.stdout.fnmatch_lines(
        ["!*NOT RUN*!", "1 tests need Chromium*", "*::test_page", "1 tests need Node.js*"]
    )
    assert result.ret == 0


@pytest.mark.parametrize("workers", [(), ("-n", "2")])
def test_nothing_is_left_out_where_all_is_required(
    bare: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, workers: tuple[str, ...]
) -> None:
    """With FLAGD_TEST_REQUIRE_ALL a missing tool is a failure."""
    monkeypatch.setenv("FLAGD_TEST_REQUIRE_ALL", "1")
    bare.makepyfile(TESTS)
    result = bare.runpytest_subprocess(*workers)
    result.assert_outcomes(passed=1, errors=2)
    result.stdout.fnmatch_lines(["*needs Chromium: apt-get install chromium*"])


@pytest.mark.parametrize("workers", [(), ("-n", "2")])
def test_a_skip_fails_a_run_where_all_is_required(
    bare: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, workers: tuple[str, ...]
) -> None:
    """A test that skips itself is told of, and with FLAGD_TEST_REQUIRE_ALL the run fails for it."""
    bare.makepyfile(SKIPS)
    result = bare.runpytest_subprocess(*workers)
    result.stdout.fnmatch_lines(["!*NOT RUN*!", "1 tests skipped themselves*"])
    assert result.ret == 0
    monkeypatch.setenv("FLAGD_TEST_REQUIRE_ALL", "1")
    assert bare.runpytest_subprocess(*workers).ret == pytest.ExitCode.TESTS_FAILED


def test_a_browser_may_be_named(
    bare: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A browser that is not on the PATH is found where FLAGD_TEST_CHROMIUM says."""
    browser = tmp_path / "browser"
    browser.write_text("#!/bin/sh\n")
    browser.chmod(0o755)
    monkeypatch.setenv("FLAGD_TEST_CHROMIUM", str(browser))
    bare.makepyfile(TESTS)
    bare.runpytest_subprocess("-m", "chromium").assert_outcomes(passed=1, deselected=2)
