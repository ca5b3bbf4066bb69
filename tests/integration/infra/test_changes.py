"""Transactions and the change log on real databases."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest
import sqlalchemy as sa

from flagd.errors import Unavailable
from flagd.infra import changes
from flagd.infra.changes import Actor, Change
from flagd.infra.db import Database, WriteTx
from flagd.infra.ids import new_id
from flagd.infra.tables import changes as log
from flagd.infra.tables import environment_revisions
from flagd.projects.model import NewEnvironment, NewProject
from flagd.projects.service import create_environment, create_project

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
ANNA = Actor("user", "1", "Anna")


async def _environments(database: Database, count: int) -> list[str]:
    async with database.write() as tx:
        project = await create_project(tx, ANNA, NewProject("shop", "Shop"), NOW)
        made = [
            await create_environment(tx, ANNA, project, NewEnvironment(f"env-{n}", f"Env {n}"), NOW)
            for n in range(count)
        ]
    return [environment.id for environment in made]


def _change(environments: list[str], number: int = 0) -> Change:
    after = {"number": number}
    return Change("flag", new_id(), f"flag-{number}", "update", None, tuple(environments), None, after)


async def _write(database: Database, environments: list[str], number: int = 0) -> dict[str, int]:
    async with database.write() as tx:
        return await changes.append(tx, ANNA, _change(environments, number), NOW)


async def test_a_change_says_who_what_and_when(database: Database) -> None:
    """The log row holds actor, object, action, both states and the instant."""
    (environment,) = await _environments(database, 1)
    await _write(database, [environment], 7)
    async with database.read() as tx:
        row = await tx.first(sa.select(log).where(log.c.object_key == "flag-7"))
    assert row is not None
    assert (row["actor_name"], row["action"], row["before"], row["after"]) == (
        "Anna",
        "update",
        None,
        {"number": 7},
    )
    assert row["at"] == NOW


async def test_a_failed_write_leaves_no_trace(database: Database) -> None:
    """When anything in the transaction fails, neither the change nor its revision nor an announcement remains."""
    (environment,) = await _environments(database, 1)
    heard: list[str] = []
    database.after_commit(lambda: heard.append("something"))
    first = (await _write(database, [environment]))[environment]
    with pytest.raises(LookupError):
        await _write_and_fail(database, environment)
    assert (await _write(database, [environment], 2))[environment] == first + 1
    async with database.read() as tx:
        assert await tx.first(sa.select(log).where(log.c.object_key == "flag-1")) is None
    assert heard == ["something"] * 2


async def _write_and_fail(database: Database, environment: str) -> None:
    async with database.write() as tx:
        await changes.append(tx, ANNA, _change([environment], 1), NOW)
        raise LookupError("after the write")


async def test_concurrent_writers_take_revisions_without_gap_or_repeat(database: Database) -> None:
    """Fifty writers over three environments, in every order: each counts 1, 2, 3 ... and nobody deadlocks."""
    environments = await _environments(database, 3)
    orders = [environments, environments[::-1], environments[1:], environments[:1]]
    await asyncio.gather(*(_write(database, orders[n % 4], n) for n in range(50)))
    async with database.read() as tx:
        for environment in environments:
            rows = await tx.all(
                sa.select(environment_revisions.c.revision)
                .where(environment_revisions.c.environment_id == environment)
                .order_by(environment_revisions.c.revision)
            )
            numbers = [row["revision"] for row in rows]
            assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))


async def test_a_revision_is_visible_only_after_all_before_it(postgres_url: str) -> None:
    """Whoever sees revision n sees every earlier one: a tail that reads 'after n' misses nothing."""
    database = Database(postgres_url)
    (environment,) = await _environments(database, 1)
    stop = asyncio.Event()
    seen: list[list[int]] = []

    async def look() -> None:
        while not stop.is_set():
            async with database.read() as tx:
                rows = await tx.all(sa.select(environment_revisions.c.revision))
            seen.append(sorted(row["revision"] for row in rows))

    watcher = asyncio.create_task(look())
    await asyncio.gather(*(_write(database, [environment], n) for n in range(60)))
    stop.set()
    await watcher
    await database.close()
    assert len(seen) > 5
    assert all(numbers == list(range(numbers[0], numbers[0] + len(numbers))) for numbers in seen if numbers)


async def test_reading_sees_one_state(postgres_url: str) -> None:
    """All statements of a reading transaction see the same state, whatever is committed meanwhile."""
    database = Database(postgres_url)
    (environment,) = await _environments(database, 1)
    async with database.read() as tx:
        count = sa.select(sa.func.count()).select_from(log)
        before = await tx.scalar(count)
        await _write(database, [environment])
        assert await tx.scalar(count) == before
    await database.close()


async def test_a_database_that_is_not_there_is_unavailable() -> None:
    """Without a database the error is one that callers may retry, and quick."""
    database = Database("postgresql://nobody@127.0.0.1:1/nothing")
    with pytest.raises(Unavailable):
        async with database.write() as tx:
            assert isinstance(tx, WriteTx)
    await database.close()
