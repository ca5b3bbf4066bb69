"""Reading flags, targetings and segments: for the API, the pages, the snapshots, and for checking writes.

Writes nothing and decides nothing. Lists are in the order of keys by code point, whatever the database's locale.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, Table, and_, func, or_, select

from flagd.errors import NotFound
from flagd.flags.model import Flag, Segment, Targeting, default_targeting, segments_in
from flagd.flags.rows import Row, flag_of, segment_of, targeting_of
from flagd.flags.tables import flags, segments, targetings
from flagd.infra.db import ReadTx
from flagd.infra.ids import new_id
from flagd.infra.paging import Page, decode_cursor, forged_cursor, page_of
from flagd.projects.model import Environment, Project, key_problems
from flagd.projects.tables import environments

PG_C_UTF8_SINCE: Final = (17,)
_TARGETING: Final = "targeting_"
"""Prefix of the targeting's columns where one row holds a flag and its targeting."""


@dataclass(frozen=True, slots=True)
class FlagState:
    """A flag and how it answers in one environment."""

    flag: Flag
    targeting: Targeting


@dataclass(frozen=True, slots=True)
class ListQuery:
    """Which part of a list: `search` is looked for in keys and names, without regard to case."""

    limit: int
    cursor: str | None = None
    archived: bool = False
    search: str | None = None


# --- flags -------------------------------------------------------------------------------------------------


async def find_flag(tx: ReadTx, project: Project, key: str) -> Flag:
    """The project's flag with this key, archived or not. Raises NotFound."""
    wanted = select(flags).where(flags.c.project_id == project.id, flags.c.key == key)
    row = await tx.first(wanted) if can_be_key(key) else None
    if row is None:
        raise NotFound(f"there is no flag {key!r} in the project {project.key!r}")
    return flag_of(row)


async def list_flags(tx: ReadTx, project: Project, query: ListQuery) -> Page[Flag]:
    """Flags of a project."""
    statement = listed(tx, select(flags).where(flags.c.project_id == project.id), flags.c, query)
    rows = [flag_of(row) for row in await tx.all(statement)]
    return page_of(rows, query.limit, lambda last: {"key": last.key})


async def list_states(tx: ReadTx, environment: Environment, query: ListQuery) -> Page[FlagState]:
    """Flags of a project, each with its targeting in one of the project's environments: one statement."""
    statement = listed(tx, _states(environment), flags.c, query)
    rows = [_state_of(row, environment.id) for row in await tx.all(statement)]
    return page_of(rows, query.limit, lambda last: {"key": last.flag.key})


async def live_states(
    tx: ReadTx, environment: Environment, keys: Collection[str] | None = None
) -> list[FlagState]:
    """Flags of the environment's project that are not archived, with their targeting there: one statement.

    `keys` narrows it to those among them.
    """
    statement = _live(_states(environment), flags, keys).order_by(_by_code_point(tx, flags.c.key))
    return [_state_of(row, environment.id) for row in await tx.all(statement)]


def _states(environment: Environment) -> Select[Any]:
    here = and_(targetings.c.flag_id == flags.c.id, targetings.c.environment_id == environment.id)
    columns = [column.label(f"{_TARGETING}{column.name}") for column in targetings.c]
    return (
        select(flags, *columns)
        .select_from(flags.outerjoin(targetings, here))
        .where(flags.c.project_id == environment.project_id)
    )


def _state_of(row: Row, environment_id: str) -> FlagState:
    flag = flag_of(row)
    if row[f"{_TARGETING}id"] is None:
        return FlagState(flag, default_targeting(flag, environment_id, new_id()))
    return FlagState(
        flag, targeting_of({column.name: row[f"{_TARGETING}{column.name}"] for column in targetings.c})
    )


# --- targetings --------------------------------------------------------------------------------------------


async def find_targeting(tx: ReadTx, flag: Flag, environment: Environment) -> Targeting:
    """How the flag answers in the environment; off, at version 1, where nobody has said anything yet."""
    stored = await stored_targeting(tx, flag, environment)
    return default_targeting(flag, environment.id, new_id()) if stored is None else stored


async def stored_targeting(tx: ReadTx, flag: Flag, environment: Environment) -> Targeting | None:
    """The targeting's row; None where nobody has said anything since the environment was created after the flag."""
    row = await tx.first(
        select(targetings).where(
            targetings.c.flag_id == flag.id, targetings.c.environment_id == environment.id
        )
    )
    return None if row is None else targeting_of(row)


async def targetings_of(tx: ReadTx, flag: Flag) -> list[tuple[str, Targeting]]:
    """Every stored targeting of a flag, with the key of its environment."""
    statement = (
        select(targetings, environments.c.key.label("environment_key"))
        .join(environments, environments.c.id == targetings.c.environment_id)
        .where(targetings.c.flag_id == flag.id)
        .order_by(environments.c.position, environments.c.key)
    )
    return [(row["environment_key"], targeting_of(row)) for row in await tx.all(statement)]


@dataclass(frozen=True, slots=True)
class PlacedTargeting:
    """A targeting with the keys of its flag and its environment, for naming it in words."""

    flag: str
    environment: str
    targeting: Targeting


async def project_targetings(tx: ReadTx, project_id: str, *, archived: bool) -> list[PlacedTargeting]:
    """Every stored targeting of a project's flags; `archived` includes those of archived flags."""
    statement = (
        select(targetings, flags.c.key.label("flag_key"), environments.c.key.label("environment_key"))
        .join(flags, flags.c.id == targetings.c.flag_id)
        .join(environments, environments.c.id == targetings.c.environment_id)
        .where(flags.c.project_id == project_id)
        .order_by(flags.c.key, environments.c.position, environments.c.key)
    )
    if not archived:
        statement = statement.where(flags.c.archived_at.is_(None))
    return [
        PlacedTargeting(row["flag_key"], row["environment_key"], targeting_of(row))
        for row in await tx.all(statement)
    ]


async def requirements(tx: ReadTx, environment_id: str) -> dict[str, Collection[str]]:
    """Each flag that is not archived and has prerequisites in the environment, with their keys."""
    statement = (
        select(flags.c.key, targetings.c.prerequisites)
        .join(flags, flags.c.id == targetings.c.flag_id)
        .where(targetings.c.environment_id == environment_id, flags.c.archived_at.is_(None))
    )
    return {
        row["key"]: row["prerequisites"].keys() for row in await tx.all(statement) if row["prerequisites"]
    }


async def live_variants(tx: ReadTx, project_id: str, keys: Collection[str]) -> dict[str, tuple[str, ...]]:
    """The variants of those flags among `keys` that exist and are not archived, by key."""
    statement = select(flags.c.key, flags.c.variant_order).where(
        flags.c.project_id == project_id,
        flags.c.key.in_(list(filter(can_be_key, keys))),
        flags.c.archived_at.is_(None),
    )
    return {row["key"]: tuple(row["variant_order"]) for row in await tx.all(statement)}


# --- segments ----------------------------------------------------------------------------------------------


async def find_segment(tx: ReadTx, project: Project, key: str) -> Segment:
    """The project's segment with this key, archived or not. Raises NotFound."""
    wanted = select(segments).where(segments.c.project_id == project.id, segments.c.key == key)
    row = await tx.first(wanted) if can_be_key(key) else None
    if row is None:
        raise NotFound(f"there is no segment {key!r} in the project {project.key!r}")
    return segment_of(row)


async def list_segments(tx: ReadTx, project: Project, query: ListQuery) -> Page[Segment]:
    """Segments of a project."""
    statement = listed(tx, select(segments).where(segments.c.project_id == project.id), segments.c, query)
    rows = [segment_of(row) for row in await tx.all(statement)]
    return page_of(rows, query.limit, lambda last: {"key": last.key})


async def live_segments(tx: ReadTx, project_id: str, keys: Collection[str] | None = None) -> list[Segment]:
    """Segments of a project that are not archived; `keys` narrows it to those among them."""
    statement = _live(select(segments).where(segments.c.project_id == project_id), segments, keys)
    return [segment_of(row) for row in await tx.all(statement.order_by(_by_code_point(tx, segments.c.key)))]


async def segment_references(tx: ReadTx, project_id: str) -> Mapping[str, Collection[str]]:
    """Every segment of a project that is not archived, with the keys of the segments it refers to."""
    statement = select(segments.c.key, segments.c.condition).where(
        segments.c.project_id == project_id, segments.c.archived_at.is_(None)
    )
    return {row["key"]: segments_in(row["condition"]) for row in await tx.all(statement)}


# --- lists -------------------------------------------------------------------------------------------------


def listed(tx: ReadTx, statement: Select[Any], columns: Any, query: ListQuery) -> Select[Any]:
    """The part of a list that is asked for, in the order of keys, and one row more."""
    key = _by_code_point(tx, columns.key)
    position = decode_cursor(query.cursor, "key")
    if position is not None:
        if not can_be_key(str(position["key"])):
            raise forged_cursor()
        statement = statement.where(key > str(position["key"]))
    if not query.archived:
        statement = statement.where(columns.archived_at.is_(None))
    if query.search:
        wanted = query.search.lower()
        places = (_lower(tx, columns.key), _lower(tx, columns.name))
        statement = statement.where(or_(*(place.contains(wanted, autoescape=True) for place in places)))
    return statement.order_by(key).limit(query.limit + 1)


def can_be_key(text: str) -> bool:
    """Whether anything could have this key."""
    # What cannot be a key names nothing; and PostgreSQL fails on text with a NUL instead of not finding it.
    return not key_problems(text, "")


def _live(statement: Select[Any], table: Table, keys: Collection[str] | None) -> Select[Any]:
    statement = statement.where(table.c.archived_at.is_(None))
    return statement if keys is None else statement.where(table.c.key.in_(list(keys)))


def _lower(tx: ReadTx, column: ColumnElement[str]) -> ColumnElement[str]:
    # PostgreSQL asks the database's locale, which may know ASCII alone; from 17 on it has a collation that knows all.
    knows_all = tx.dialect == "postgresql" and tx.server_version >= PG_C_UTF8_SINCE
    return func.lower(column.collate("pg_c_utf8") if knows_all else column)


def _by_code_point(tx: ReadTx, key: ColumnElement[str]) -> ColumnElement[str]:
    # SQLite compares by code point already; PostgreSQL does in the collation "C".
    return key.collate("C") if tx.dialect == "postgresql" else key
