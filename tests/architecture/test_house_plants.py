"""Each rule of the house catches what it is there for, and nothing like it that is allowed."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.architecture.house import (
    MAX_FOLDER_ENTRIES,
    MAX_FUNCTION_LINES,
    MAX_MODULE_LINES,
    MAX_TEST_MODULE_LINES,
    RULES,
    Module,
    crowded_folders,
)

LONG_FUNCTION = '"""Doc."""\ndef long():\n' + "    pass\n" * MAX_FUNCTION_LINES
FULL_FUNCTION = '"""Doc."""\ndef full():\n' + "    pass\n" * (MAX_FUNCTION_LINES - 1)

# rule, path, source: each breaks that rule and no other.
PLANTS = [
    ("commit", "flagd/flags/service.py", "async def save(session):\n    await session.commit()\n"),
    ("commit", "flagd/flags/store.py", "async def save(tx):\n    await tx._connection.rollback()\n"),
    (
        "commit",
        "flagd/web/app.py",
        "async def page(tx):\n    await tx.begin_nested()\n",
    ),
    ("statements", "flagd/flags/service.py", "from sqlalchemy import select\n"),
    ("statements", "flagd/access/api.py", "import sqlalchemy as sa\n"),
    ("statements", "flagd/snapshots/publisher.py", "def later():\n    from sqlalchemy.sql import text\n"),
    ("clock", "flagd/flags/service.py", "from datetime import UTC, datetime\nNOW = datetime.now(UTC)\n"),
    ("clock", "flagd/access/keys.py", "import datetime\nTODAY = datetime.date.today()\n"),
    ("clock", "flagd/snapshots/hub.py", "import time\n"),
    ("clock", "sdk/flagd_core/evaluate.py", "from time import monotonic\n"),
    ("environment", "flagd/infra/db.py", "import os\nURL = os.environ['DATABASE_URL']\n"),
    ("environment", "flagd/wiring.py", "from os import getenv\n"),
    ("environment", "sdk/flagd_sdk/config.py", "import os\nKEY = os.getenv('KEY')\n"),
    ("http-errors", "flagd/flags/service.py", "def gone(HTTPException):\n    raise HTTPException(404)\n"),
    ("http-errors", "flagd/access/guard.py", "class No(HTTPException):\n    pass\n"),
    ("middleware", "flagd/app.py", "from starlette.middleware.base import BaseHTTPMiddleware\n"),
    ("middleware", "flagd/web/app.py", "@app.middleware('http')\nasync def slow(request, call): ...\n"),
    ("core", "sdk/flagd_core/model.py", "import pydantic\n"),
    ("core", "sdk/flagd_core/decode.py", "from flagd_sdk.errors import Problem\n"),
    ("module-size", "flagd/flags/service.py", "\n" * (MAX_MODULE_LINES + 1)),
    ("test-size", "tests/unit/test_ring.py", "\n" * (MAX_TEST_MODULE_LINES + 1)),
    ("function-size", "flagd/flags/service.py", LONG_FUNCTION),
    ("parameters", "sdk/flagd_sdk/client.py", "def many(self, a, b, c, d, *, e, f, g): ...\n"),
    ("names", "flagd/infra/utils.py", ""),
    ("names", "flagd/helpers/text.py", ""),
    ("module-docstring", "flagd/infra/ids.py", "import uuid\n"),
    ("promise", "tests/unit/test_ring.py", "def test_ring():\n    assert True\n"),
]

ALLOWED = [
    ("flagd/infra/db.py", "async def write(connection):\n    await connection.commit()\n"),
    ("flagd/flags/store.py", "from sqlalchemy import select\n"),
    ("flagd/settings.py", "from sqlalchemy.exc import ArgumentError\nimport os\nos.environ\n"),
    ("flagd/infra/clock.py", "from datetime import UTC, datetime\nnow = lambda: datetime.now(UTC)\n"),
    ("flagd/flags/service.py", "def later(now, clock):\n    return now.date(), clock.now()\n"),
    ("flagd/evaluation/api.py", "try:\n    pass\nexcept HTTPException:\n    pass\n"),
    ("sdk/flagd_core/bucketing.py", "import math\nimport mmh3\nfrom flagd_core.model import Flag\n"),
    ("sdk/flagd_sdk/polling/poller.py", "import time\nimport httpx\n"),
    ("flagd/flags/service.py", FULL_FUNCTION.partition("\n")[2]),
    ("flagd/flags/service.py", "class A:\n    def six(self, a, b, c, d, e, f): ...\n"),
    ("tests/unit/test_ring.py", "def test_ring(a, b, c, d, e, f, g):\n    '''It holds.'''\n"),
]


@pytest.mark.parametrize(("rule", "path", "source"), PLANTS)
def test_a_planted_violation_is_caught_by_its_rule(rule: str, path: str, source: str) -> None:
    """What a rule forbids is found by that rule and by no other."""
    text = source if rule == "module-docstring" or not source.strip() else f'"""Doc."""\n{source}'
    found = {found.name for found in RULES if found.violations(Module.of(path, text))}
    assert found == {rule}


@pytest.mark.parametrize(("path", "source"), ALLOWED)
def test_what_is_allowed_passes(path: str, source: str) -> None:
    """What looks like a violation and is none is let through."""
    module = Module.of(path, f'"""Doc."""\n{source}')
    assert [line for rule in RULES for line in rule.violations(module)] == []


def test_every_rule_is_planted() -> None:
    """No rule goes without a violation that proves it works."""
    assert {rule.name for rule in RULES} == {rule for rule, _, _ in PLANTS}


@pytest.mark.parametrize("kind", ["files", "folders"])
def test_a_crowded_folder_is_found(tmp_path: Path, kind: str) -> None:
    """One entry too many is found, one fewer is not, and files and folders count apart."""
    crowded = tmp_path / "crowded"
    crowded.mkdir()
    for number in range(MAX_FOLDER_ENTRIES):
        (crowded / f"module_{number}.py").touch()
        (crowded / f"folder_{number}").mkdir()
    assert crowded_folders(tmp_path) == []
    one_more = crowded / "one_more"
    if kind == "files":
        one_more.touch()
    else:
        one_more.mkdir()
    assert crowded_folders(tmp_path) == [f"{crowded}: {MAX_FOLDER_ENTRIES + 1} {kind}, 14 are allowed"]
