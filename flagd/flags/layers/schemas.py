"""Layers and allocations as they travel over HTTP: the shapes that the OpenAPI document shows.

Documentation only: what comes in is checked in `patch`, and what goes out is the value's own document.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import Body
from pydantic import Field

from flagd.flags.schemas import DocumentedAs, Percent, Shape
from flagd.projects.schemas import Key, Name


class LayerCreate(Shape):
    """A new layer. The key never changes."""

    key: Key
    name: Name = Field("", description="The key, where it is left out.")
    description: str | None = None
    unit: str | None = Field(
        None,
        description="The attribute whose value decides where on the ring somebody stands; null: targetingKey.",
    )
    salt: str | None = Field(None, description="Decides who stands where; random where it is left out.")


class LayerPatch(Shape):
    """A merge patch of a layer: what is left out stays. Unit and salt stay as they are while it has flags."""

    name: Name = ""
    description: str | None = None
    unit: str | None = Field(None, description="null: targetingKey.")
    salt: str | None = Field(None, description="null draws a new one.")


class LayerView(Shape):
    """A layer, as it is in every environment of its project."""

    key: str
    name: str
    description: str
    unit: str = Field(description="The attribute whose value decides where on the ring somebody stands.")
    salt: str
    version: int
    archived: bool
    created_at: datetime
    updated_at: datetime


class LayerList(Shape):
    """A page of layers."""

    items: list[LayerView]
    next_cursor: str | None


class AllocationPatch(Shape):
    """A merge patch of who owns the layer; what is left is free. It moves as few units as arithmetic allows."""

    flags: dict[str, Percent | None] | None = Field(
        None,
        description="The share of each flag. 0 admits nobody; null takes the flag out, so nothing limits it.",
    )
    holdout: Percent | None = Field(None, description="The share that no flag may own.")
    compact: Literal[True] | None = Field(
        None,
        description="Joins the arcs, one for each owner. Moves units, as `moved` tells, and comes alone.",
    )


class AllocationView(Shape):
    """Who owns a layer in one environment."""

    layer: str
    environment: str
    flags: dict[str, Percent] = Field(description="The share of each flag that the layer limits.")
    holdout: Percent = Field(description="The share that no flag may own.")
    free: Percent = Field(description="Read-only: what is left.")
    arcs: list[tuple[int, str]] = Field(
        description="Read-only: the arcs of the ring, each its end and its owner: a flag, (holdout) or (free)."
    )
    version: int
    updated_at: datetime
    revision: int = Field(description="The environment's revision.")


class AllocationChanged(AllocationView):
    """An allocation after a patch."""

    moved: float = Field(description="The percent of units that have another owner than before.")


NewLayerBody = Annotated[dict[str, Any], DocumentedAs(LayerCreate), Body()]
LayerPatchBody = Annotated[dict[str, Any], DocumentedAs(LayerPatch), Body()]
AllocationPatchBody = Annotated[dict[str, Any], DocumentedAs(AllocationPatch), Body()]
