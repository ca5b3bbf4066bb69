"""Keys of applications in memory, following the database."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

import pytest
from sqlalchemy import event

from flagd.access import keys, reads
from flagd.access.keyring import KeyRing
from flagd.access.model import ApiKey, KeyKind
from flagd.access.service import NewApiKey, create_key, revoke_key
from flagd.errors import Unauthenticated, Unavailable
from flagd.infra.changes import Actor
from flagd.infra.db import Database
from tests.integration.access.clocks import HandClock
from tests.integration.access.conftest import Shop

HOUR = timedelta(hours=1)


@pytest.fixture
def keyring(clock: HandClock) -> KeyRing:
    """A ring that holds nothing yet."""
    return KeyRing(clock)


@pytest.fixture
def made(database: Database, actor: Actor, shop: Shop, clock: HandClock) -> Maker:
    """Makes keys in the shop's production."""
    return Maker(database, actor, shop, clock)


class Maker:
    """Makes and revokes keys."""

    def __init__(self, database: Database, actor: Actor, shop: Shop, clock: HandClock) -> None:
        self._database = database
        self._actor = actor
        self._shop = shop
        self._clock = clock

    async def key(self, kind: KeyKind = "server", expires_at: datetime | None = None) -> tuple[ApiKey, str]:
        """A new key in production."""
        new = NewApiKey(kind, "app", self._shop.project, self._shop.production, expires_at)
        async with self._database.write() as tx:
            return await create_key(tx, self._actor, new, self._clock.now())

    async def revoke(self, key: ApiKey) -> None:
        """Takes a key back."""
        async with self._database.write() as tx:
            await revoke_key(tx, self._actor, key, self._clock.now())

    async def last_used(self, key: ApiKey) -> datetime | None:
        """What the database knows of a key's last use."""
        async with self._database.read() as tx:
            return (await reads.find_key(tx, key.id)).last_used_at


async def test_a_key_is_known_with_its_environment(
    keyring: KeyRing, database: Database, made: Maker, shop: Shop
) -> None:
    """After a look at the database, a key leads to its kind, its environment and who it is in the log."""
    key, token = await made.key("server")
    _, client_token = await made.key("client")
    await keyring.refresh(database)
    found = keyring.find(token)
    assert (found.environment_id, found.is_client) == (shop.production.id, False)
    assert (found.principal.kind, found.principal.actor.id) == ("server_key", key.id)
    assert keyring.find(client_token).is_client
    assert found.scope != keyring.find(client_token).scope


async def test_before_the_first_look_nobody_is_refused(keyring: KeyRing, made: Maker) -> None:
    """A process that has not loaded the keys says to come back: a refusal would be final for an application."""
    _, token = await made.key()
    with pytest.raises(Unavailable):
        keyring.find(token)


async def test_a_revoked_key_opens_nothing_after_the_next_look(
    keyring: KeyRing, database: Database, made: Maker
) -> None:
    """Another process learns of a revocation at its next look, and other keys go on."""
    key, token = await made.key()
    _, other = await made.key()
    await keyring.refresh(database)
    await made.revoke(key)
    assert keyring.find(token)
    await keyring.refresh(database)
    with pytest.raises(Unauthenticated):
        keyring.find(token)
    assert keyring.find(other)


async def test_a_key_expires_without_anybody_looking(
    keyring: KeyRing, database: Database, made: Maker, clock: HandClock
) -> None:
    """An expiring key stops at its time though nothing in the database changed."""
    _, token = await made.key(expires_at=clock.now() + HOUR)
    await keyring.refresh(database)
    assert keyring.find(token)
    clock.move(HOUR)
    with pytest.raises(Unauthenticated):
        keyring.find(token)


async def test_what_is_no_key_is_refused(keyring: KeyRing, database: Database, made: Maker) -> None:
    """An unknown key, another text, an admin key and the stored digest open nothing."""
    _, token = await made.key()
    await keyring.refresh(database)
    unknown = [
        keys.make("server").token,
        "",
        "flagd_server_",
        keys.digest_of(token),
        token.upper(),
        "\0",
        "ä",
    ]
    for text in [*unknown, keys.make("admin").token]:
        with pytest.raises(Unauthenticated):
            keyring.find(text)


async def test_an_unchanged_database_is_asked_for_one_row(
    keyring: KeyRing, database: Database, made: Maker
) -> None:
    """While no key changed, a look costs one statement, and no request costs any."""
    _, token = await made.key()
    await keyring.refresh(database)
    statements: list[str] = []
    event.listen(
        database._engine.sync_engine,
        "before_cursor_execute",
        lambda _c, _cursor, statement, *_: statements.append(statement),
    )
    await keyring.refresh(database)
    assert len([text for text in statements if "installation" in text]) == 1
    assert not [text for text in statements if "api_keys" in text]
    statements.clear()
    keyring.find(token)
    assert statements == []


async def test_last_used_times_are_written_in_batches_and_only_forward(
    keyring: KeyRing, database: Database, made: Maker, clock: HandClock
) -> None:
    """Times of last use reach the database when they are flushed, and a later one is never put back."""
    key, token = await made.key()
    unused, _ = await made.key()
    await keyring.refresh(database)
    keyring.find(token)
    clock.move(HOUR)
    keyring.find(token)
    used_at = clock.now()
    assert await made.last_used(key) is None
    await keyring.flush_last_used(database)
    assert await made.last_used(key) == used_at
    assert await made.last_used(unused) is None

    late = KeyRing(HandClock())
    await late.refresh(database)
    late.find(token)
    await late.flush_last_used(database)
    assert await made.last_used(key) == used_at


async def test_last_used_times_survive_a_database_that_is_away(
    keyring: KeyRing, database: Database, made: Maker, clock: HandClock, caplog: pytest.LogCaptureFixture
) -> None:
    """When they cannot be written they are kept, newer ones win, and the failure is logged."""
    key, token = await made.key()
    await keyring.refresh(database)
    keyring.find(token)
    away = Database("postgresql://nobody@127.0.0.1:1/nothing")
    with caplog.at_level(logging.WARNING):
        await keyring.flush_last_used(away)
    assert "not written yet" in caplog.text
    clock.move(HOUR)
    keyring.find(token)
    await keyring.flush_last_used(database)
    assert await made.last_used(key) == clock.now()


async def test_a_database_that_is_away_takes_no_key_away(
    keyring: KeyRing, database: Database, made: Maker
) -> None:
    """A failed look leaves the keys that are held."""
    _, token = await made.key()
    await keyring.refresh(database)
    with pytest.raises(Unavailable):
        await keyring.refresh(Database("postgresql://nobody@127.0.0.1:1/nothing"))
    assert keyring.find(token)


async def test_no_secret_is_stored_or_logged(
    keyring: KeyRing, database: Database, made: Maker, caplog: pytest.LogCaptureFixture
) -> None:
    """The text of a key is in no row of any table and in no line of the log."""
    from flagd.infra.tables import metadata

    with caplog.at_level(logging.DEBUG):
        _, token = await made.key()
        await keyring.refresh(database)
        keyring.find(token)
        async with database.read() as tx:
            rows = [str(row) for table in metadata.sorted_tables for row in await tx.all(table.select())]
    assert rows
    assert token.split("_", 2)[2] not in "".join(rows)
    assert token not in caplog.text
