"""A pytest plugin: tests that need a tool this machine may lack are left out, and that is said loudly.

Markers `chromium` and `node`. Where the tool is missing the test is deselected and listed at the end of the run.
With FLAGD_TEST_REQUIRE_ALL=1 nothing may be left out: such a test fails, and so does a run with a skipped test.
Every test that uses a real PostgreSQL, Redis or server process also gets the marker `services`.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import pytest

from tests.services.browsers import find_chromium

REQUIRE_ALL_VARIABLE: Final = "FLAGD_TEST_REQUIRE_ALL"
LEFT_OUT: Final = "left_out"
SERVICE_FIXTURES: Final = frozenset(
    {
        "postgres_url",
        "empty_postgres_url",
        "redis_url",
        "postgres_server",
        "redis_server",
        "server",
        "start_server",
    }
)


@dataclass(frozen=True)
class Tool:
    """Something a test may need and a machine may lack."""

    name: str
    find: Callable[[], str | None]
    advice: str


TOOLS: Final = {
    "chromium": Tool(
        "Chromium", find_chromium, "apt-get install chromium, or set FLAGD_TEST_CHROMIUM to its path"
    ),
    "node": Tool(
        "Node.js",
        lambda: shutil.which("node") and shutil.which("npm"),
        "install Node.js 20 or newer, with npm",
    ),
}


def require_all() -> bool:
    """Whether a missing tool is a failure."""
    return os.environ.get(REQUIRE_ALL_VARIABLE, "") not in ("", "0")


def missing_tools(item: pytest.Item) -> list[str]:
    """The markers of the tools this test needs and the machine lacks."""
    return [marker for marker, tool in TOOLS.items() if item.get_closest_marker(marker) and not tool.find()]


def _needs_services(item: pytest.Item) -> bool:
    parameters = getattr(getattr(item, "callspec", None), "params", {})
    if parameters.get("database_url") == "postgresql":
        return True
    return bool(
        SERVICE_FIXTURES.intersection(getattr(item, "fixturenames", ())) - _only_by_parameter(parameters)
    )


def _only_by_parameter(parameters: dict[str, Any]) -> set[str]:
    return {"postgres_url"} if "database_url" in parameters else set()


# First of all: what is marked here can be chosen with -m.
@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    for item in items:
        if _needs_services(item):
            item.add_marker("services")


class LeftOut:
    """Deselects what cannot run, after -m and -k have chosen, and tells of it at the end."""

    def __init__(self) -> None:
        self.tests: dict[str, list[str]] = {}

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        if require_all():
            return
        missing = {item: markers for item in items if (markers := missing_tools(item))}
        for item, markers in missing.items():
            for marker in markers:
                self.tests.setdefault(marker, []).append(item.nodeid)
        if missing:
            items[:] = [item for item in items if item not in missing]
            config.hook.pytest_deselected(items=list(missing))

    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        for marker in missing_tools(item):
            pytest.fail(f"needs {TOOLS[marker].name}: {TOOLS[marker].advice}", pytrace=False)

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        worker_output = getattr(session.config, "workeroutput", None)
        if worker_output is not None:
            worker_output[LEFT_OUT] = self.tests
            return
        reporter = session.config.pluginmanager.get_plugin("terminalreporter")
        if (
            require_all()
            and reporter is not None
            and reporter.stats.get("skipped")
            and session.exitstatus == 0
        ):
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any, error: object) -> None:
        # Each pytest-xdist worker collects everything, so each tells the same.
        self.tests.update(getattr(node, "workeroutput", {}).get(LEFT_OUT, {}))

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        skipped = terminalreporter.stats.get("skipped", [])
        if not self.tests and not skipped:
            return
        terminalreporter.section("NOT RUN", sep="!", red=True, bold=True)
        for marker, tests in sorted(self.tests.items()):
            tool = TOOLS[marker]
            terminalreporter.line(f"{len(tests)} tests need {tool.name} ({tool.advice}):", red=True)
            for test in tests:
                terminalreporter.line(f"    {test}")
        if skipped:
            verdict = "which fails this run" if require_all() else "see -rs"
            terminalreporter.line(f"{len(skipped)} tests skipped themselves, {verdict}", red=True)


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(LeftOut(), "flagd-left-out")
