"""Reading layers and allocations: for the API, for the snapshots, and for checking writes.

Writes nothing and decides nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import select

from flagd.errors import NotFound
from flagd.flags.layers.model import Allocation, Home, Layer, LayerState, blank_allocation
from flagd.flags.layers.tables import allocations, layers
from flagd.flags.model import Document, percent
from flagd.flags.reads import ListQuery, can_be_key, listed
from flagd.infra.db import ReadTx
from flagd.infra.ids import new_id
from flagd.infra.paging import Page, page_of
from flagd.projects.model import Environment, Project
from flagd.projects.tables import environments

Row = Mapping[Any, Any]

_LAYER: Final = "of_layer_"
"""Prefix of the layer's columns where one row holds an allocation and its layer."""


async def find_layer(tx: ReadTx, project: Project, key: str) -> Layer:
    """The project's layer with this key, archived or not. Raises NotFound."""
    wanted = select(layers).where(layers.c.project_id == project.id, layers.c.key == key)
    row = await tx.first(wanted) if can_be_key(key) else None
    if row is None:
        raise NotFound(f"there is no layer {key!r} in the project {project.key!r}")
    return Layer(**row)


async def list_layers(tx: ReadTx, project: Project, query: ListQuery) -> Page[Layer]:
    """Layers of a project."""
    statement = listed(tx, select(layers).where(layers.c.project_id == project.id), layers.c, query)
    rows = [Layer(**row) for row in await tx.all(statement)]
    return page_of(rows, query.limit, lambda last: {"key": last.key})


async def find_allocation(tx: ReadTx, layer: Layer, environment: Environment) -> Allocation:
    """Who owns the layer in the environment; nobody, at version 1, where nobody has said anything yet."""
    stored = await stored_allocation(tx, layer, environment)
    return blank_allocation(layer, environment.id, new_id()) if stored is None else stored


async def stored_allocation(tx: ReadTx, layer: Layer, environment: Environment) -> Allocation | None:
    """The allocation's row; None where nobody has said anything yet."""
    row = await tx.first(
        select(allocations).where(
            allocations.c.layer_id == layer.id, allocations.c.environment_id == environment.id
        )
    )
    return None if row is None else _allocation_of(row)


@dataclass(frozen=True, slots=True)
class Outline:
    """An allocation without its arcs, of which there may be many thousands in an environment.

    `layer` is the key. `members` are the flags it has, `edits` counts for those and for all that it ever had.
    """

    id: str
    layer: str
    archived: bool
    members: tuple[str, ...]
    edits: Mapping[str, int]


async def outlines_in(tx: ReadTx, environment: Environment) -> list[Outline]:
    """Every layer that anybody said something about in the environment: which flags it has and had there."""
    statement = (
        select(
            allocations.c.id,
            allocations.c.members,
            allocations.c.edits,
            layers.c.key.label("layer_key"),
            layers.c.archived_at,
        )
        .join(layers, layers.c.id == allocations.c.layer_id)
        .where(allocations.c.environment_id == environment.id)
        .order_by(layers.c.id)
    )
    return [
        Outline(
            id=row["id"],
            layer=row["layer_key"],
            archived=row["archived_at"] is not None,
            members=tuple(row["members"]),
            edits=row["edits"],
        )
        for row in await tx.all(statement)
    ]


async def states_in(
    tx: ReadTx, environment: Environment, ids: Collection[str] | None = None
) -> list[LayerState]:
    """Every layer that anybody said something about in the environment, arcs included: one statement.

    Archived ones are among them: what they count keeps counting. `ids` narrows it to these allocations.
    """
    columns = [column.label(f"{_LAYER}{column.name}") for column in layers.c]
    statement = (
        select(allocations, *columns)
        .join(layers, layers.c.id == allocations.c.layer_id)
        .where(allocations.c.environment_id == environment.id)
        .order_by(layers.c.id)
    )
    if ids is not None:
        statement = statement.where(allocations.c.id.in_(list(ids)))
    return [
        LayerState(
            Layer(**{column.name: row[f"{_LAYER}{column.name}"] for column in layers.c}), _allocation_of(row)
        )
        for row in await tx.all(statement)
    ]


async def membership(tx: ReadTx, environment: Environment, flag: str) -> Document | None:
    """The layer that limits a flag in the environment, and its share of it, as a targeting shows them."""
    homes = [outline.id for outline in await outlines_in(tx, environment) if flag in outline.members]
    if not homes:
        return None
    (state,) = await states_in(tx, environment, homes)
    return {"key": state.layer.key, "percent": percent(state.allocation.slots()[flag])}


async def members_in_project(
    tx: ReadTx, project_id: str, *, archived: bool = False
) -> list[tuple[str, Home]]:
    """The key of each flag that any layer of the project has, with where it does: once for each environment.

    `archived` includes environments that are archived: there nothing can be changed, so what they have is in
    nobody's way, but their applications are still answered by it.
    """
    statement = (
        select(
            layers.c.key.label("layer_key"),
            environments.c.key.label("environment_key"),
            environments.c.archived_at,
            allocations.c.members,
        )
        .join(layers, layers.c.id == allocations.c.layer_id)
        .join(environments, environments.c.id == allocations.c.environment_id)
        .where(layers.c.project_id == project_id)
        .order_by(layers.c.key, environments.c.position, environments.c.key)
    )
    if not archived:
        statement = statement.where(environments.c.archived_at.is_(None))
    return [
        (key, Home(row["layer_key"], row["environment_key"], row["archived_at"] is not None))
        for row in await tx.all(statement)
        for key in row["members"]
    ]


def _allocation_of(row: Row) -> Allocation:
    return Allocation(
        id=row["id"],
        layer_id=row["layer_id"],
        environment_id=row["environment_id"],
        members=tuple(row["members"]),
        arcs=tuple((int(end), str(owner)) for end, owner in row["arcs"]),
        edits=dict(row["edits"]),
        version=row["version"],
        updated_at=row["updated_at"],
    )
