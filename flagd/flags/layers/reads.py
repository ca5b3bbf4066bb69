"""Reading layers and allocations: for the API, for the snapshots, and for checking writes.

Writes nothing and decides nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
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


async def states_in(tx: ReadTx, environment: Environment) -> list[LayerState]:
    """Every layer that anybody said something about in the environment: one statement.

    Archived ones are among them: they limit nobody, and what they count keeps counting.
    """
    columns = [column.label(f"{_LAYER}{column.name}") for column in layers.c]
    statement = (
        select(allocations, *columns)
        .join(layers, layers.c.id == allocations.c.layer_id)
        .where(allocations.c.environment_id == environment.id)
        .order_by(layers.c.id)
    )
    return [
        LayerState(
            Layer(**{column.name: row[f"{_LAYER}{column.name}"] for column in layers.c}), _allocation_of(row)
        )
        for row in await tx.all(statement)
    ]


async def membership(tx: ReadTx, environment: Environment, flag: str) -> Document | None:
    """The layer that limits a flag in the environment, and its share of it, as a targeting shows them."""
    for state in await states_in(tx, environment):
        if flag in state.allocation.members:
            return {"key": state.layer.key, "percent": percent(state.allocation.slots()[flag])}
    return None


async def members_in_project(tx: ReadTx, project_id: str) -> list[tuple[str, Home]]:
    """The key of each flag that any layer of the project has, with where it does: once for each environment."""
    statement = (
        select(
            layers.c.key.label("layer_key"),
            environments.c.key.label("environment_key"),
            allocations.c.members,
        )
        .join(layers, layers.c.id == allocations.c.layer_id)
        .join(environments, environments.c.id == allocations.c.environment_id)
        .where(layers.c.project_id == project_id)
        .order_by(layers.c.key, environments.c.position, environments.c.key)
    )
    return [
        (key, Home(row["layer_key"], row["environment_key"]))
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
