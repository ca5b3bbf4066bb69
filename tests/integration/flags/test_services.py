"""What the pages and other parts of the server call: the services, without HTTP."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from flagd.errors import Conflict, Invalid, NotFound, Stale
from flagd.flags import reads, service, targeting_service
from flagd.flags.model import Named, Placed
from flagd.flags.patch.rollout import Rollout
from flagd.infra.changes import Actor
from flagd.infra.db import Database
from flagd.projects.model import NewEnvironment, NewProject
from flagd.projects.service import archive_project, create_environment, create_project

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
LATER = datetime(2026, 11, 24, 12, tzinfo=UTC)
ACTOR = Actor("system", "tests", "Tests")


@pytest.fixture
async def placed(database: Database) -> Placed:
    """A boolean flag in production, once on each kind of database."""
    async with database.write() as tx:
        project = await create_project(tx, ACTOR, NewProject("shop", "Shop"), NOW)
        environment = await create_environment(
            tx, ACTOR, project, NewEnvironment("production", "Production"), NOW
        )
        await service.create_flag(tx, ACTOR, project, {"key": "checkout", "kind": "boolean"}, NOW)
        await service.create_flag(tx, ACTOR, project, {"key": "banner", "kind": "boolean"}, NOW)
        return Placed(project, environment, "checkout")


async def test_a_flag_is_switched_and_rolled_out(database: Database, placed: Placed) -> None:
    """The two acts of the pages answer the new targeting, what moved, and the revision."""
    async with database.write() as tx:
        on = await targeting_service.set_enabled(tx, ACTOR, placed, True, 1, NOW)
        split = await targeting_service.set_rollout(tx, ACTOR, placed, Rollout("on", 20), 2, LATER)
    assert (on.targeting.enabled, on.targeting.version) == (True, 2)
    assert split.targeting.default.document()["split"]["weights"] == {"off": 80, "on": 20}
    assert (split.moved, split.revision, split.targeting.updated_at) == (
        {"/default": 80},
        on.revision + 1,
        LATER,
    )


@pytest.mark.parametrize(
    ("version", "percent", "error"), [(7, 20, Stale), (1, 120, Invalid), (1, 20.00001, Invalid)]
)
async def test_a_rollout_that_cannot_be(
    database: Database, placed: Placed, version: int, percent: float, error: type[Exception]
) -> None:
    """A rollout based on another version, or to a percentage that is none, writes nothing."""
    with pytest.raises(error):
        async with database.write() as tx:
            await targeting_service.set_rollout(tx, ACTOR, placed, Rollout("on", percent), version, NOW)
    async with database.read() as tx:
        (state, *_) = await reads.live_states(tx, placed.environment, {"checkout"})
    assert state.targeting.version == 1


async def test_states_of_an_environment_are_read_in_pages(database: Database, placed: Placed) -> None:
    """Flags come with their targeting in one environment, also where nobody has said anything there yet."""
    async with database.write() as tx:
        late = await create_environment(tx, ACTOR, placed.project, NewEnvironment("late", "Late"), NOW)
        await targeting_service.set_enabled(tx, ACTOR, placed, True, 1, NOW)
    async with database.read() as tx:
        first = await reads.list_states(tx, placed.environment, reads.ListQuery(1))
        rest = await reads.list_states(tx, placed.environment, reads.ListQuery(5, first.next_cursor))
        later = await reads.list_states(tx, late, reads.ListQuery(5))
    assert [state.flag.key for state in first.items] == ["banner"]
    assert [(state.flag.key, state.targeting.enabled) for state in rest.items] == [("checkout", True)]
    assert [(state.targeting.enabled, state.targeting.version) for state in later.items] == [(False, 1)] * 2
    assert {state.targeting.environment_id for state in later.items} == {late.id}


async def test_live_states_leave_out_what_is_archived(database: Database, placed: Placed) -> None:
    """Applications are sent flags in use only; keys narrow what is read."""
    async with database.write() as tx:
        await service.archive_flag(tx, ACTOR, Named(placed.project, "banner"), 1, NOW)
    async with database.read() as tx:
        everything = await reads.live_states(tx, placed.environment)
        narrowed = await reads.live_states(tx, placed.environment, {"banner"})
    assert [state.flag.key for state in everything] == ["checkout"]
    assert narrowed == []


@pytest.mark.parametrize("key", ["ghost", "", "a\x00", "\ud800", "x" * 1000])
async def test_names_of_nothing_are_not_found(database: Database, placed: Placed, key: str) -> None:
    """Whatever text names a flag: where there is none, it is not found, on both databases."""
    async with database.read() as tx:
        with pytest.raises(NotFound):
            await reads.find_flag(tx, placed.project, key)
        with pytest.raises(NotFound):
            await reads.find_segment(tx, placed.project, key)


async def test_values_are_the_same_after_storage(database: Database, placed: Placed) -> None:
    """Every kind of value comes back as it was, whatever form the database keeps numbers and objects in."""
    values: dict[str, Any] = {
        "integer": [2**53 - 1, -(2**53) + 1, 0],
        "float": [1e300, 1e22, 1e17, 5.0, 0.1, -0.0, 5e-324],
        "object": [{"b": {"z": 1, "a": [1.0, 2, None]}, "aa": "小", "a": 9007199254740991.0}],
        "string": ["", "line\n\ttab", "🙂"],
    }
    for kind, expected in values.items():
        document = {
            "key": kind,
            "kind": kind,
            "variants": {f"v{n}": {"value": value} for n, value in enumerate(expected)},
        }
        async with database.write() as tx:
            made = await service.create_flag(tx, ACTOR, placed.project, document, NOW)
        async with database.read() as tx:
            read = await reads.find_flag(tx, placed.project, kind)
        assert read == made
        assert [repr(variant.value) for variant in read.variants] == [
            repr(variant.value) for variant in made.variants
        ]


async def test_an_archived_project_refuses_services_too(database: Database, placed: Placed) -> None:
    """The rule holds for every caller, not only for the API."""
    async with database.write() as tx:
        archived = await archive_project(tx, ACTOR, placed.project, 1, NOW)
        with pytest.raises(Conflict, match="is archived"):
            await service.create_flag(tx, ACTOR, archived, {"key": "x", "kind": "boolean"}, NOW)
