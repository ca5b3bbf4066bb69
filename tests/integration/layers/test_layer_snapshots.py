"""What applications are sent of layers, on both databases: followed from the log or read anew, the same bytes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import Executable, RowMapping

from flagd.flags import service, targeting_service
from flagd.flags.layers import allocation_service, reads
from flagd.flags.layers.service import create_layer
from flagd.flags.model import Named, Placed
from flagd.infra.cache import NoCache
from flagd.infra.changes import Actor
from flagd.infra.db import Database, ReadTx
from flagd.projects.model import Environment, NewEnvironment, NewProject, Project
from flagd.projects.service import create_environment, create_project
from flagd.snapshots.model import Snapshot
from flagd.snapshots.publisher import Publisher

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
ANNA = Actor("user", "1", "Anna")


class Shop:
    """A project with two environments, three flags and two layers, and a publisher that follows its log."""

    def __init__(
        self, database: Database, project: Project, environments: tuple[Environment, Environment]
    ) -> None:
        self.database = database
        self.project = project
        self.live, self.test = environments
        self.follower = Publisher(database, NoCache(), 1)

    @classmethod
    async def opened(cls, database: Database) -> Shop:
        async with database.write() as tx:
            project = await create_project(tx, ANNA, NewProject("shop", "Shop"), NOW)
            live = await create_environment(tx, ANNA, project, NewEnvironment("live", "Live"), NOW)
            test = await create_environment(tx, ANNA, project, NewEnvironment("test", "Test"), NOW)
            for key in ("banner", "checkout", "price"):
                await service.create_flag(tx, ANNA, project, {"key": key, "kind": "boolean"}, NOW)
            for key in ("pages", "other"):
                await create_layer(tx, ANNA, project, {"key": key, "salt": f"salt of {key}"}, NOW)
        shop = cls(database, project, (live, test))
        await shop.follower.refresh()
        return shop

    async def allocate(self, patch: dict[str, Any], layer: str = "pages") -> None:
        """Changes who owns the layer in the live environment."""
        async with self.database.write() as tx:
            found = await reads.find_layer(tx, self.project, layer)
            version = (await reads.find_allocation(tx, found, self.live)).version
            placed = Placed(self.project, self.live, layer)
            await allocation_service.patch_allocation(tx, ANNA, placed, patch, version, NOW)

    async def turn_on(self, flag: str) -> None:
        """Turns a flag on in the live environment."""
        async with self.database.write() as tx:
            await targeting_service.set_enabled(tx, ANNA, Placed(self.project, self.live, flag), True, 1, NOW)

    async def archive(self, flag: str) -> None:
        """Puts a flag away."""
        async with self.database.write() as tx:
            await service.archive_flag(tx, ANNA, Named(self.project, flag), 1, NOW)

    async def followed(self) -> Snapshot:
        """The live snapshot after the follower looked, which is the one a fresh process makes from nothing."""
        await self.follower.refresh()
        fresh = Publisher(self.database, NoCache(), 1)
        await fresh.refresh()
        found, expected = self.follower.snapshot(self.live.id), fresh.snapshot(self.live.id)
        assert found is not None
        assert expected is not None
        assert (found.body, found.etag) == (expected.body, expected.etag)
        return found


@pytest.fixture
def arcs_of(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The layers whose arcs are read from here on, each as often as they are."""
    seen: list[str] = []
    all_rows = ReadTx.all

    async def watched(tx: ReadTx, statement: Executable) -> Sequence[RowMapping]:
        rows = await all_rows(tx, statement)
        seen.extend(row["of_layer_key"] for row in rows if "arcs" in row)
        return rows

    monkeypatch.setattr(ReadTx, "all", watched)
    return seen


def versions(snapshot: Snapshot) -> dict[str, int]:
    """The version of each flag."""
    return {key: part.wire["version"] for key, part in snapshot.flags.items()}


def without_version(wire: Mapping[str, Any]) -> dict[str, Any]:
    """All else that is sent of a flag."""
    return {name: value for name, value in wire.items() if name != "version"}


async def test_following_the_log_gives_the_same_bytes_as_reading_everything(database: Database) -> None:
    """After every kind of edit of a layer; and a flag's version rises exactly when what is sent of it changes."""
    shop = await Shop.opened(database)
    held = await shop.followed()
    edits = [
        shop.allocate({"flags": {"checkout": 20, "price": 30}, "holdout": 5}),
        shop.allocate({"flags": {"price": 10}}),
        shop.allocate({"flags": {"banner": 90}}, "other"),
        shop.turn_on("price"),
        shop.allocate({"flags": {"checkout": None}, "holdout": 50}),
        shop.allocate({"holdout": 0}),
        shop.allocate({"flags": {"banner": 80, "checkout": 5}}, "other"),
        shop.allocate({"flags": {"price": 0}}),
        shop.allocate({"flags": {"banner": None}}, "other"),
        shop.archive("banner"),
    ]
    for edit in edits:
        await edit
        before, held = held, await shop.followed()
        for key, part in held.flags.items():
            old = before.flags[key].wire
            if without_version(part.wire) == without_version(old):
                assert part.wire["version"] == old["version"]
            else:
                assert part.wire["version"] > old["version"]
    assert list(held.flags) == ["checkout", "price"]


async def test_a_flag_in_a_layer_says_who_is_admitted(database: Database) -> None:
    """A flag in the layer is sent with its stretches, any other with none, and other environments know nothing."""
    shop = await Shop.opened(database)
    await shop.allocate({"flags": {"checkout": 20, "price": 0}, "holdout": 5})
    snapshot = await shop.followed()
    layer = snapshot.flags["checkout"].wire["layer"]
    assert {**layer, "slots": None} == {
        "key": "pages",
        "salt": "salt of pages",
        "unit": "targetingKey",
        "algorithm": "murmur3",
        "slots": None,
    }
    assert sum(end - start for start, end in layer["slots"]) == 20_000
    assert snapshot.flags["price"].wire["layer"]["slots"] == []
    assert "layer" not in snapshot.flags["banner"].wire
    elsewhere = shop.follower.snapshot(shop.test.id)
    assert elsewhere is not None
    assert not any("layer" in part.wire for part in elsewhere.flags.values())


async def test_leaving_a_layer_is_sent_too(database: Database) -> None:
    """A flag that leaves is sent without a layer, at a higher version than before, and again when it comes back."""
    shop = await Shop.opened(database)
    seen = []
    for patch in ({"flags": {"price": 10}}, {"flags": {"price": None}}, {"flags": {"price": 10}}):
        await shop.allocate(patch)
        snapshot = await shop.followed()
        seen.append(("layer" in snapshot.flags["price"].wire, versions(snapshot)["price"]))
    assert seen == [(True, 3), (False, 4), (True, 5)]


async def test_a_follower_that_missed_several_edits_ends_the_same(database: Database) -> None:
    """Flags that came and went between two looks at the log are as they are now."""
    shop = await Shop.opened(database)
    await shop.allocate({"flags": {"price": 10}})
    await shop.follower.refresh()
    await shop.allocate({"flags": {"price": None, "checkout": 50}})
    await shop.allocate({"flags": {"checkout": None, "banner": 50}})
    snapshot = await shop.followed()
    assert [key for key, part in snapshot.flags.items() if "layer" in part.wire] == ["banner"]


async def test_nobody_is_in_two_experiments_of_one_layer(database: Database) -> None:
    """Evaluated as applications do: each unit gets one of the layer's flags at most, in about the shares given."""
    shop = await Shop.opened(database)
    for flag in ("banner", "checkout", "price"):
        await shop.turn_on(flag)
    await shop.allocate({"flags": {"checkout": 20, "price": 30}, "holdout": 10})
    await shop.allocate({"flags": {"price": 50, "banner": 5}})
    rules = (await shop.followed()).ruleset
    units = [f"user-{number}" for number in range(2_000)]
    served = {
        flag: {unit for unit in units if rules.evaluate(flag, unit).value is True}
        for flag in ("banner", "checkout", "price")
    }
    assert len(set().union(*served.values())) == sum(map(len, served.values()))
    for flag, share in (("banner", 100), ("checkout", 400), ("price", 1_000)):
        assert abs(len(served[flag]) - share) < 80
    outside = rules.evaluate("price", next(iter(served["checkout"])))
    assert (outside.variant, outside.reason) == ("off", "DEFAULT")


async def test_the_layer_of_a_flag_is_found_without_the_others(
    database: Database, arcs_of: list[str]
) -> None:
    """What a targeting shows of its layer costs the arcs of that layer; of a flag in none, no arcs at all."""
    shop = await Shop.opened(database)
    await shop.allocate({"flags": {"price": 10, "checkout": 20}})
    await shop.allocate({"flags": {"banner": 30}}, "other")
    await shop.allocate({"flags": {"checkout": None}})
    arcs_of.clear()
    async with database.read() as tx:
        assert await reads.membership(tx, shop.live, "price") == {"key": "pages", "percent": 10}
        assert arcs_of == ["pages"]
        assert await reads.membership(tx, shop.live, "checkout") is None
        assert await reads.membership(tx, shop.test, "price") is None
        assert arcs_of == ["pages"]


async def test_an_edit_reads_the_layers_it_concerns(database: Database, arcs_of: list[str]) -> None:
    """Following the log reads the arcs of the layers that a changed flag is or was in, and of no others."""
    shop = await Shop.opened(database)
    await shop.allocate({"flags": {"price": 10, "checkout": 20}})
    await shop.allocate({"flags": {"banner": 30}}, "other")
    await shop.allocate({"flags": {"checkout": None}})
    await shop.allocate({"flags": {"checkout": 5}}, "other")
    async with database.write() as tx:
        await service.create_flag(tx, ANNA, shop.project, {"key": "new", "kind": "boolean"}, NOW)
    await shop.follower.refresh()

    async def read_after(edit: Any) -> list[str]:
        await edit
        arcs_of.clear()
        await shop.follower.refresh()
        return sorted(arcs_of)

    assert await read_after(shop.turn_on("price")) == ["pages"]
    assert await read_after(shop.turn_on("banner")) == ["other"]
    assert await read_after(shop.turn_on("checkout")) == ["other", "pages"]
    assert await read_after(shop.turn_on("new")) == []
    assert await read_after(shop.allocate({"holdout": 3})) == ["other", "pages"]  # checkout was in both
    await shop.followed()
