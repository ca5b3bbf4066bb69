"""The tables of flags, their targetings and segments. What is ordered has its order in a column of its own."""

from __future__ import annotations

from sqlalchemy import Boolean, CheckConstraint, Column, ForeignKey, String, Table, Text, UniqueConstraint

from flagd.infra.tables import (
    KEY_LENGTH,
    id_column,
    id_type,
    json_type,
    key_column,
    metadata,
    time_column,
    version_column,
)
from flagd.projects.model import NAME_LENGTH

KIND_LENGTH = 16
OWNER_LENGTH = 320

flags = Table(
    "flags",
    metadata,
    id_column(),
    Column("project_id", id_type(), ForeignKey("projects.id"), nullable=False),
    key_column(),
    Column("name", String(NAME_LENGTH), nullable=False),
    Column("kind", String(KIND_LENGTH), nullable=False),
    Column("variants", json_type(), nullable=False),
    Column("variant_order", json_type(), nullable=False),
    Column("client_visible", Boolean, nullable=False),
    Column("description", Text, nullable=False, default=""),
    Column("tags", json_type(), nullable=False),
    Column("owner", String(OWNER_LENGTH), nullable=False, default=""),
    Column("permanent", Boolean, nullable=False),
    Column("schema", json_type(), nullable=True),
    version_column(),
    time_column("created_at"),
    time_column("updated_at"),
    time_column("archived_at", nullable=True),
    UniqueConstraint("project_id", "key"),
    CheckConstraint("kind IN ('boolean', 'string', 'integer', 'float', 'object')", name="kind"),
)
"""What a flag is in every environment of its project."""

targetings = Table(
    "targetings",
    metadata,
    id_column(),
    Column("flag_id", id_type(), ForeignKey("flags.id"), nullable=False),
    Column("environment_id", id_type(), ForeignKey("environments.id"), nullable=False, index=True),
    Column("enabled", Boolean, nullable=False),
    Column("off_variant", String(KEY_LENGTH), nullable=True),
    Column("default", json_type(), nullable=False),
    Column("targets", json_type(), nullable=False),
    Column("rules", json_type(), nullable=False),
    Column("rule_order", json_type(), nullable=False),
    Column("prerequisites", json_type(), nullable=False),
    version_column(),
    time_column("updated_at"),
    UniqueConstraint("flag_id", "environment_id"),
)
"""How a flag answers in one environment. A flag without a row there is off: see `model.default_targeting`."""

segments = Table(
    "segments",
    metadata,
    id_column(),
    Column("project_id", id_type(), ForeignKey("projects.id"), nullable=False),
    key_column(),
    Column("name", String(NAME_LENGTH), nullable=False),
    Column("description", Text, nullable=False, default=""),
    Column("included", json_type(), nullable=False),
    Column("excluded", json_type(), nullable=False),
    Column("condition", json_type(), nullable=True),
    version_column(),
    time_column("created_at"),
    time_column("updated_at"),
    time_column("archived_at", nullable=True),
    UniqueConstraint("project_id", "key"),
)
"""Parts of a project's units that rules of any of its flags may refer to."""
