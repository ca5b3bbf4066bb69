"""The migrations, on both databases: forward, back, and equal to the tables in the code."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.operations import Operations
from alembic.script import ScriptDirectory

from flagd.access import tables as _access  # noqa: F401  (defines its tables)
from flagd.flags import tables as _flags  # noqa: F401
from flagd.flags.layers import tables as _layers  # noqa: F401
from flagd.infra import migrate
from flagd.infra.db import Database
from flagd.infra.migrate import Schema
from flagd.infra.tables import metadata


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'empty.db'}"
    url: str = request.getfixturevalue("empty_postgres_url")
    return url


def _revisions() -> list[str]:
    return [script.revision for script in ScriptDirectory(str(migrate.scripts())).walk_revisions()][::-1]


async def _with_connection(url: str, work: Any) -> Any:
    database = Database(url)
    try:
        return await database.run_sync(work)
    finally:
        await database.close()


async def test_the_migrated_schema_is_the_one_in_the_code(empty_url: str) -> None:
    """From empty to the newest schema, nothing differs from the tables the program uses."""
    await migrate.upgrade(empty_url)
    options = {"compare_type": True}
    difference = await _with_connection(
        empty_url, lambda c: compare_metadata(MigrationContext.configure(c, opts=options), metadata)
    )
    assert difference == []


async def test_each_step_goes_back_and_forward(empty_url: str) -> None:
    """Every migration can be undone and done again, from the first to the newest."""
    config = migrate.alembic_config(empty_url)
    for revision in _revisions():
        await asyncio.to_thread(command.upgrade, config, revision)
        await asyncio.to_thread(command.downgrade, config, "-1")
        await asyncio.to_thread(command.upgrade, config, revision)
    await asyncio.to_thread(command.downgrade, config, "base")
    left = await _with_connection(empty_url, lambda c: sa.inspect(c).get_table_names())
    assert set(left) <= {"alembic_version"}


async def test_migrating_twice_changes_nothing(empty_url: str) -> None:
    """The second run finds nothing to do, and the installation keeps its lineage."""
    await migrate.upgrade(empty_url)
    lineage = sa.text("SELECT lineage FROM installation")
    before = await _with_connection(empty_url, lambda c: c.execute(lineage).scalar())
    await migrate.upgrade(empty_url)
    assert await _with_connection(empty_url, lambda c: c.execute(lineage).scalar()) == before


async def test_two_migrators_at_once_leave_one_schema(empty_url: str) -> None:
    """Replicas that start together with --migrate wait for each other."""
    await asyncio.gather(*(_in_a_process(empty_url) for _ in range(3)))
    database = Database(empty_url)
    assert (await migrate.state(database)).schema is Schema.CURRENT
    await database.close()


async def test_a_migration_that_is_cut_short_leaves_nothing(
    empty_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever is stopped in the middle of the first migration finds an empty database, and starts over."""
    made: list[str] = []
    create_table = Operations.create_table

    def until_the_fifth(self: Operations, name: str, *columns: Any, **options: Any) -> Any:
        if len(made) == 4:
            raise KeyboardInterrupt
        made.append(name)
        return create_table(self, name, *columns, **options)

    monkeypatch.setattr(Operations, "create_table", until_the_fifth)
    with pytest.raises(KeyboardInterrupt):
        command.upgrade(migrate.alembic_config(empty_url), "head")
    monkeypatch.undo()

    left = await _with_connection(empty_url, lambda c: sa.inspect(c).get_table_names())
    assert set(left) <= {"alembic_version"}
    await migrate.upgrade(empty_url)
    database = Database(empty_url)
    assert (await migrate.state(database)).schema is Schema.CURRENT
    await database.close()


async def _in_a_process(url: str) -> None:
    code = f"import asyncio; from flagd.infra import migrate; asyncio.run(migrate.upgrade({url!r}))"
    done = await asyncio.to_thread(
        subprocess.run, [sys.executable, "-c", code], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("version", "oldest", "expected"),
    [
        (None, None, Schema.EMPTY),
        ("9999", "0.1.0", Schema.NEWER),
        ("9999", "99.0.0", Schema.TOO_NEW),
        ("9999", None, Schema.TOO_NEW),
    ],
)
async def test_a_foreign_schema_is_recognised(
    empty_url: str, version: str | None, oldest: str | None, expected: Schema
) -> None:
    """A schema from the future is fine exactly when it says that this release works with it."""
    if version is not None:
        await migrate.upgrade(empty_url)
        engine = sa.create_engine(_sync(empty_url))
        with engine.begin() as connection:
            connection.execute(sa.text("UPDATE alembic_version SET version_num = :v"), {"v": version})
            if oldest is None:
                connection.execute(sa.text("DROP TABLE schema_info"))
            else:
                connection.execute(sa.text("UPDATE schema_info SET oldest_code = :o"), {"o": oldest})
        engine.dispose()
    database = Database(empty_url)
    assert (await migrate.state(database)).schema is expected
    await database.close()


def _sync(url: str) -> str:
    return url.replace("postgresql://", "postgresql+psycopg://", 1)
