"""The publisher on real databases and Redis: what is served is what the rows say, in every process."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
import sqlalchemy as sa

from flagd.errors import Unavailable
from flagd.flags import segment_service, service, targeting_service
from flagd.flags.model import Named, Placed
from flagd.flags.tables import flags, targetings
from flagd.infra.cache import NoCache, RedisCache
from flagd.infra.changes import Actor
from flagd.infra.db import Database
from flagd.infra.tables import installation
from flagd.projects.model import Environment, NewEnvironment, NewProject, Project
from flagd.projects.service import create_environment, create_project
from flagd.projects.tables import environments
from flagd.snapshots import cache as shared
from flagd.snapshots.model import Place, Revision, Snapshot
from flagd.snapshots.publisher import Publisher

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
ANNA = Actor("user", "1", "Anna")


class Shop:
    """A project with one environment, and the edits these tests make in it."""

    def __init__(self, database: Database, project: Project, environment: Environment) -> None:
        self.database = database
        self.project = project
        self.environment = environment

    @classmethod
    async def opened(cls, database: Database) -> Shop:
        async with database.write() as tx:
            project = await create_project(tx, ANNA, NewProject("shop", "Shop"), NOW)
            environment = await create_environment(tx, ANNA, project, NewEnvironment("live", "Live"), NOW)
        return cls(database, project, environment)

    async def flag(self, key: str) -> None:
        async with self.database.write() as tx:
            document = {"key": key, "name": key, "kind": "boolean"}
            await service.create_flag(tx, ANNA, self.project, document, NOW)

    async def turn(self, key: str, enabled: bool, version: int = 1) -> int:
        async with self.database.write() as tx:
            placed = Placed(self.project, self.environment, key)
            return (await targeting_service.set_enabled(tx, ANNA, placed, enabled, version, NOW)).revision

    async def archive(self, key: str) -> None:
        async with self.database.write() as tx:
            await service.archive_flag(tx, ANNA, Named(self.project, key), 1, NOW)

    async def segment(self, key: str) -> None:
        async with self.database.write() as tx:
            document: dict[str, Any] = {"key": key, "name": key, "included": ["anna"]}
            await segment_service.create_segment(tx, ANNA, self.project, document, NOW)


def _held(publisher: Publisher, shop: Shop) -> Snapshot:
    snapshot = publisher.snapshot(shop.environment.id)
    assert snapshot is not None
    return snapshot


async def _fresh(database: Database, shop: Shop) -> Snapshot:
    publisher = Publisher(database, NoCache(), 1)
    await publisher.refresh()
    return _held(publisher, shop)


async def test_following_the_log_gives_the_same_bytes_as_reading_everything(database: Database) -> None:
    """After every kind of edit, the snapshot built from the changes equals one compiled from all rows."""
    shop = await Shop.opened(database)
    follower = Publisher(database, NoCache(), 1)
    await follower.refresh()
    edits = [
        shop.flag("b"),
        shop.flag("a"),
        shop.segment("early"),
        shop.turn("a", True),
        shop.turn("a", False, 2),
        shop.archive("b"),
    ]
    for edit in edits:
        await edit
        await follower.refresh()
        held, fresh = _held(follower, shop), await _fresh(database, shop)
        assert held.body == fresh.body
        assert held.etag == fresh.etag
    assert list(_held(follower, shop).flags) == ["a"]


async def test_many_changes_at_once_are_caught_up_with(database: Database) -> None:
    """A follower that slept through more changes than are worth naming ends with the same bytes."""
    shop = await Shop.opened(database)
    follower = Publisher(database, NoCache(), 1)
    await follower.refresh()
    await shop.flag("a")
    for version in range(1, 211):
        await shop.turn("a", version % 2 == 1, version)
    await follower.refresh()
    assert _held(follower, shop).body == (await _fresh(database, shop)).body


async def test_a_revert_to_earlier_content_is_a_new_revision(database: Database) -> None:
    """On, off, on: the same content three revisions apart has tags of its own, so that it is sent."""
    shop = await Shop.opened(database)
    await shop.flag("a")
    publisher = Publisher(database, NoCache(), 1)
    tags = []
    for version, enabled in enumerate((True, False, True), start=1):
        await shop.turn("a", enabled, version)
        await publisher.refresh()
        tags.append(_held(publisher, shop).etag)
    assert len(set(tags)) == 3


async def test_removing_the_last_flag_is_published(database: Database) -> None:
    """When the last flag goes, an empty snapshot takes its place."""
    shop = await Shop.opened(database)
    await shop.flag("only")
    publisher = Publisher(database, NoCache(), 1)
    await publisher.refresh()
    await shop.archive("only")
    await publisher.refresh()
    assert dict(_held(publisher, shop).flags) == {}


async def test_a_new_lineage_replaces_what_is_held(database: Database) -> None:
    """After a restore from backup (a new lineage) a lower revision counts, and is served."""
    shop = await Shop.opened(database)
    await shop.flag("a")
    publisher = Publisher(database, NoCache(), 1)
    await publisher.refresh()
    other = "00000000-0000-4000-8000-000000000000"
    async with database.write() as tx:
        await tx.run(sa.update(installation).values(lineage=other))
        await tx.run(sa.update(environments).values(revision=1))
    await publisher.refresh()
    assert _held(publisher, shop).revision == Revision(other, 1)


async def test_a_database_that_went_back_is_read_anew(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    """After a failover to a lagging copy in the same lineage, what is served equals the rows, and the log says so."""
    shop = await Shop.opened(database)
    await shop.flag("a")
    await shop.flag("b")
    publisher = Publisher(database, NoCache(), 1)
    await publisher.refresh()
    async with database.write() as tx:
        await tx.run(sa.update(flags).where(flags.c.key == "b").values(archived_at=NOW))
        await tx.run(sa.update(environments).values(revision=environments.c.revision - 1))
    await publisher.refresh()
    assert list(_held(publisher, shop).flags) == ["a"]
    assert "new-lineage" in caplog.text


async def test_one_unreadable_environment_leaves_the_others_alone(database: Database) -> None:
    """A row that cannot be read keeps its environment as it was; every other one, and the key look, go on."""
    shop = await Shop.opened(database)
    await shop.flag("a")
    async with database.write() as tx:
        other = await create_environment(tx, ANNA, shop.project, NewEnvironment("test", "Test"), NOW)
    looks: list[int] = []
    publisher = Publisher(database, NoCache(), 1)

    async def look() -> None:
        looks.append(1)

    publisher.also(look)
    await publisher.refresh()
    before = _held(publisher, shop).etag
    await shop.turn("a", True)
    await shop.flag("b")
    async with database.write() as tx:
        broken = sa.update(targetings).where(targetings.c.environment_id == shop.environment.id)
        await tx.run(broken.values(default={"nonsense": 1}))
    await publisher.refresh()
    assert _held(publisher, shop).etag == before
    held = publisher.snapshot(other.id)
    assert held is not None
    assert list(held.flags) == ["a", "b"]
    assert len(looks) == 2
    assert publisher.ready


async def test_a_starting_replica_takes_the_bytes_from_redis(database: Database, redis_url: str) -> None:
    """What one process compiled, another finds in Redis, bit for bit; damaged bytes are compiled anew."""
    shop = await Shop.opened(database)
    await shop.flag("a")
    cache = RedisCache(redis_url)
    first = Publisher(database, cache, 1)
    await first.refresh()
    snapshot = _held(first, shop)
    found = await shared.load(cache, snapshot.place, snapshot.revision)
    assert found is not None
    assert found.body == snapshot.body
    key = shared._key(snapshot.place, snapshot.revision)
    await cache.put(key, snapshot.body[:-1], 60)
    assert await shared.load(cache, snapshot.place, snapshot.revision) is None
    await cache.close()


async def test_without_redis_everything_goes_on(database: Database) -> None:
    """A Redis that is not there costs a warning, not an answer."""
    shop = await Shop.opened(database)
    await shop.flag("a")
    cache = RedisCache("redis://127.0.0.1:1/0")
    publisher = Publisher(database, cache, 1)
    await publisher.refresh()
    assert publisher.current
    assert list(_held(publisher, shop).flags) == ["a"]
    assert not cache.healthy
    await cache.close()


async def test_an_announcement_reaches_whoever_listens(redis_url: str) -> None:
    """A message published by one process wakes another, which was told first that it may have missed some."""
    speaker, listener = RedisCache(redis_url), RedisCache(redis_url)
    heard = listener.listen()
    await anext(heard)
    next_one = asyncio.ensure_future(anext(heard))
    await asyncio.sleep(0.05)
    assert not next_one.done()
    await speaker.announce()
    async with asyncio.timeout(5):
        await next_one
    await speaker.close()
    await listener.close()


async def test_a_vanished_database_leaves_what_is_held(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the database is away the publisher serves on and says that it is not current; then it catches up."""
    database = Database(postgres_url)
    shop = await Shop.opened(database)
    await shop.flag("a")
    publisher = Publisher(database, NoCache(), 0.05)
    await publisher.refresh()
    gone = Database("postgresql://nobody@127.0.0.1:1/nothing")
    monkeypatch.setattr(publisher, "_database", gone)
    following = asyncio.create_task(publisher.run())
    await _until(lambda: not publisher.current)
    assert list(_held(publisher, shop).flags) == ["a"]
    await shop.flag("b")
    monkeypatch.setattr(publisher, "_database", database)
    await _until(lambda: publisher.current and list(_held(publisher, shop).flags) == ["a", "b"])
    following.cancel()
    await asyncio.gather(following, return_exceptions=True)
    await gone.close()
    await database.close()


async def test_why_the_log_cannot_be_read_is_told(
    database: Database, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A look that takes too long is named as that, for its error says nothing; any other says what it is."""
    publisher = Publisher(database, NoCache(), 60)
    await publisher.refresh()
    reasons: list[Exception] = [TimeoutError(), Unavailable("nobody at home")]

    async def fail() -> None:
        raise reasons[0]

    publisher.also(fail)
    for reason, words in ((reasons[0], "it takes too long"), (reasons[1], "nobody at home")):
        reasons[:] = [reason]
        publisher.current = True
        following = asyncio.create_task(publisher.run())
        await _until(lambda: not publisher.current)
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)
        assert caplog.messages[-1] == f"the change log cannot be read ({words}); serving what is held"


async def test_whoever_follows_environments_is_told_of_them(database: Database) -> None:
    """Each look hands on every environment as it is, an archived one too, and also where its flags are unreadable."""
    shop = await Shop.opened(database)
    await shop.flag("a")
    told: list[Sequence[Environment]] = []
    publisher = Publisher(database, NoCache(), 1)
    publisher.tell(told.append)
    async with database.write() as tx:
        broken = sa.update(targetings).where(targetings.c.environment_id == shop.environment.id)
        await tx.run(broken.values(default={"nonsense": 1}))
        await tx.run(sa.update(environments).values(client_origins=["*"], archived_at=NOW))
    await publisher.refresh()
    assert [[item.client_origins for item in found] for found in told] == [[("*",)]]


async def test_looks_come_one_after_the_other(database: Database) -> None:
    """A look that is slow is ended before the next begins, so that none puts back what a later one replaced."""
    publisher = Publisher(database, NoCache(), 1)
    steps: list[str] = []

    async def slow() -> None:
        steps.append("begins")
        await asyncio.sleep(0)
        await asyncio.sleep(0)

    publisher.also(slow)
    publisher.tell(lambda _: steps.append("ends"))
    await asyncio.gather(*(publisher.refresh() for _ in range(3)))
    assert steps == ["begins", "ends"] * 3


async def _until(condition: Any) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 (what is waited for has no event)
            await asyncio.sleep(0.01)


def test_a_place_tells_environments_apart() -> None:
    """Two environments never share an entry of the cache, even at the same revision."""
    revision = Revision("one", 1)
    keys = {shared._key(Place(id_, "shop", "live"), revision) for id_ in ("1", "2")}
    assert len(keys) == 2
