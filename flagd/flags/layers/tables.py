"""The tables of layers and of who owns them in each environment."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, String, Table, Text, UniqueConstraint

from flagd.flags.patch.serve import SALT_LENGTH, UNIT_LENGTH
from flagd.infra.tables import (
    id_column,
    id_type,
    json_type,
    key_column,
    metadata,
    time_column,
    version_column,
)
from flagd.projects.model import NAME_LENGTH

layers = Table(
    "layers",
    metadata,
    id_column(),
    Column("project_id", id_type(), ForeignKey("projects.id"), nullable=False),
    key_column(),
    Column("name", String(NAME_LENGTH), nullable=False),
    Column("description", Text, nullable=False, default=""),
    Column("unit", String(UNIT_LENGTH), nullable=False),
    Column("salt", String(SALT_LENGTH), nullable=False),
    version_column(),
    time_column("created_at"),
    time_column("updated_at"),
    time_column("archived_at", nullable=True),
    UniqueConstraint("project_id", "key"),
)
"""What a layer is in every environment of its project."""

allocations = Table(
    "layer_allocations",
    metadata,
    id_column(),
    Column("layer_id", id_type(), ForeignKey("layers.id"), nullable=False),
    Column("environment_id", id_type(), ForeignKey("environments.id"), nullable=False, index=True),
    Column("members", json_type(), nullable=False),
    Column("arcs", json_type(), nullable=False),
    Column("edits", json_type(), nullable=False),
    version_column(),
    time_column("updated_at"),
    UniqueConstraint("layer_id", "environment_id"),
)
"""Who owns a layer's slots in one environment. Without a row there all of them are free."""
