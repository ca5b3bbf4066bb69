"""What flags and segments refer to, on every way there is to write it, on both databases."""

from __future__ import annotations

from datetime import UTC, datetime
from random import Random
from typing import Any

from flagd.errors import Conflict, Invalid
from flagd.flags import reads, segment_service, service, targeting_service
from flagd.flags.model import Named, Placed
from flagd.infra.changes import Actor
from flagd.infra.db import Database, WriteTx
from flagd.projects.model import NewEnvironment, NewProject
from flagd.projects.service import create_environment, create_project
from flagd_core import links

from .shop import BOOLEAN, ROOT, Shop, targeting_of

KEYS = "abcd"
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
ACTOR = Actor("system", "tests", "Tests")


async def test_a_flag_waits_for_nothing_at_its_creation(shop: Shop) -> None:
    """Prerequisites belong to an environment: a flag cannot be created with them, and so not into a circle."""
    response = await shop.send("POST", "flags", json=BOOLEAN | {"prerequisites": {"checkout": ["on"]}})
    assert response.status_code == 422
    assert "unknown member" in shop.problems(response)["#/prerequisites"]


async def test_a_segment_is_not_created_in_itself(shop: Shop) -> None:
    """A new segment that names itself is refused as the circle it would be."""
    response = await shop.send("POST", "segments", json={"key": "a", "if": {"not": {"segment": "a"}}})
    assert response.status_code == 422
    assert "a -> a" in shop.problems(response)["#/if"]


async def test_diamonds_are_no_circles(shop: Shop) -> None:
    """Two ways to the same flag or segment are fine, and so is archiving and restoring what is at the top."""
    for key in ("top", "left", "right", "base"):
        await shop.flag(key=key)
    for key, wanted in (("left", ["base"]), ("right", ["base"]), ("top", ["left", "right"])):
        await shop.wrote(targeting_of(key), {"prerequisites": {name: ["on"] for name in wanted}})
    for key, inner in (("base", []), ("left", ["base"]), ("right", ["base"]), ("top", ["left", "right"])):
        condition = {"any": [{"segment": name} for name in inner]} if inner else None
        await shop.segment(key, **{"if": condition})
    for path in ("flags/top", "segments/top"):
        await shop.wrote(f"{path}/archive")
        assert (await shop.wrote(f"{path}/restore"))["archived"] is False
    told = await shop.refused(targeting_of("base"), {"prerequisites": {"top": ["on"]}})
    assert "base -> top -> left -> base" in told["#/prerequisites/top"]
    told = await shop.refused("segments/base", {"if": {"segment": "top"}})
    assert "base -> top -> left -> base" in told["#/if"]


async def test_putting_away_twice_is_putting_away_once(shop: Shop) -> None:
    """Archiving what is archived, and restoring what is in use, is no write: for segments as for flags."""
    await shop.segment("beta")
    await shop.flag()
    for path in ("segments/beta", "flags/checkout"):
        for verb, version in (("archive", 2), ("restore", 3)):
            for _ in range(2):
                assert (await shop.wrote(f"{path}/{verb}"))["version"] == version


async def test_projects_do_not_see_each_other(shop: Shop) -> None:
    """What another project has under a key is not there to refer to, and an edit here leaves it as it is."""
    there = f"{ROOT}/projects/other"
    await shop.made(f"{ROOT}/projects", {"key": "other", "name": "Other"})
    await shop.made(f"{there}/segments", {"key": "beta", "included": ["alice"]})
    await shop.made(f"{there}/segments", {"key": "theirs"})
    await shop.made(f"{there}/flags", BOOLEAN | {"key": "theirs"})
    await shop.segment("beta")
    await shop.flag()
    rule = {"if": {"segment": "theirs"}, "serve": {"variant": "on"}}
    assert "#/rules/r1/if/segment" in await shop.refused(targeting_of("checkout"), {"rules": {"r1": rule}})
    assert "#/if/segment" in await shop.refused("segments/beta", {"if": {"segment": "theirs"}})
    waits = {"prerequisites": {"theirs": ["on"]}}
    assert "#/prerequisites/theirs" in await shop.refused(targeting_of("checkout"), waits)
    before = await shop.get(f"{there}/segments/beta")
    await shop.wrote("segments/beta", {"included": ["bob"]})
    await shop.wrote("segments/beta/archive")
    assert await shop.get(f"{there}/segments/beta") == before
    assert (await shop.send("GET", "segments/theirs")).status_code == 404


async def test_no_sequence_of_writes_makes_a_circle_or_a_loose_end(database: Database) -> None:
    """However flags and segments are wired, put away and brought back, what is in use never leads in a circle,
    and never to what is not in use.
    """
    walk = _Walk(database)
    await walk.begin()
    refused = 0
    for _ in range(150):
        refused += await walk.step()
        for references, noun in await walk.references():
            assert not links.problems(references, references.keys(), noun)
    assert 20 < refused < 130


class _Walk:
    """Random writes to four flags and four segments, the same ones every time."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._random = Random(2026)
        self._placed: Placed

    async def begin(self) -> None:
        """Flags and segments that know nothing of each other."""
        async with self._database.write() as tx:
            project = await create_project(tx, ACTOR, NewProject("shop", "Shop"), NOW)
            live = await create_environment(tx, ACTOR, project, NewEnvironment("live", "Live"), NOW)
            for key in KEYS:
                await service.create_flag(tx, ACTOR, project, BOOLEAN | {"key": key}, NOW)
                await segment_service.create_segment(tx, ACTOR, project, {"key": key}, NOW)
        self._placed = Placed(project, live, "")

    async def step(self) -> bool:
        """One write; whether it was refused."""
        key = self._random.choice(KEYS)
        wanted = self._random.sample(KEYS, self._random.choice((0, 1, 1, 2)))
        write = self._random.choice((self._wire, self._wire, self._put_away, self._bring_back))
        noun = self._random.choice(("flag", "segment"))
        try:
            async with self._database.write() as tx:
                await write(tx, noun, key, wanted)
        except (Conflict, Invalid):
            return True
        return False

    async def _wire(self, tx: WriteTx, noun: str, key: str, wanted: list[str]) -> None:
        named = Named(self._placed.project, key)
        if noun == "segment":
            segment = await reads.find_segment(tx, named.project, key)
            parts = [{"segment": name} for name in wanted]
            patch: dict[str, Any] = {"if": {"any": parts} if parts else None}
            await segment_service.patch_segment(tx, ACTOR, named, patch, segment.version, NOW)
            return
        flag = await reads.find_flag(tx, named.project, key)
        targeting = await reads.find_targeting(tx, flag, self._placed.environment)
        patch = {"prerequisites": {name: ["on"] if name in wanted else None for name in KEYS}}
        placed = Placed(named.project, self._placed.environment, key)
        await targeting_service.patch_targeting(tx, ACTOR, placed, patch, targeting.version, NOW)

    async def _put_away(self, tx: WriteTx, noun: str, key: str, _wanted: list[str]) -> None:
        named = Named(self._placed.project, key)
        if noun == "segment":
            version = (await reads.find_segment(tx, named.project, key)).version
            await segment_service.archive_segment(tx, ACTOR, named, version, NOW)
        else:
            version = (await reads.find_flag(tx, named.project, key)).version
            await service.archive_flag(tx, ACTOR, named, version, NOW)

    async def _bring_back(self, tx: WriteTx, noun: str, key: str, _wanted: list[str]) -> None:
        named = Named(self._placed.project, key)
        if noun == "segment":
            version = (await reads.find_segment(tx, named.project, key)).version
            await segment_service.restore_segment(tx, ACTOR, named, version, NOW)
        else:
            version = (await reads.find_flag(tx, named.project, key)).version
            await service.restore_flag(tx, ACTOR, named, version, NOW)

    async def references(self) -> list[tuple[dict[str, set[str]], str]]:
        """What is in use, with what each refers to."""
        async with self._database.read() as tx:
            states = await reads.live_states(tx, self._placed.environment)
            segments = await reads.segment_references(tx, self._placed.project.id)
        flags = {state.flag.key: set(state.targeting.prerequisites) for state in states}
        return [(flags, "prerequisite"), ({key: set(keys) for key, keys in segments.items()}, "segment")]


async def test_no_write_leaves_a_flag_that_applications_cannot_work_out(shop: Shop) -> None:
    """Segments named again and again are refused where the rules of a flag would lead too far, on every way there."""
    crowd = {"any": [{"segment": "inner"}] * 300}
    for key in ("inner", "middle"):
        await shop.segment(key)
    await shop.flag()
    rule = {"if": {"any": [{"segment": "middle"}] * 4}, "serve": {"variant": "on"}}
    await shop.wrote(targeting_of("checkout"), {"rules": {"often": rule}})

    told = await shop.refused("segments/middle", {"if": crowd})
    assert "'checkout' in 'production'" in told["#/if"]
    assert "1204 evaluations of segments" in told["#/if"]

    await shop.wrote("flags/checkout/archive")
    await shop.wrote("segments/middle", {"if": crowd})
    response = await shop.write("flags/checkout/restore")
    assert (response.status_code, "1204 evaluations" in response.text) == (409, True)

    await shop.flag(key="other")
    told = await shop.refused(targeting_of("other"), {"rules": {"often": rule}})
    assert "1204 evaluations" in told["#/rules"]
