"""The tables of projects and environments."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, ForeignKey, Integer, String, Table, Text, UniqueConstraint

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

projects = Table(
    "projects",
    metadata,
    id_column(),
    key_column(),
    Column("name", String(NAME_LENGTH), nullable=False),
    Column("description", Text, nullable=False, default=""),
    version_column(),
    time_column("created_at"),
    time_column("updated_at"),
    time_column("archived_at", nullable=True),
    UniqueConstraint("key"),
)

environments = Table(
    "environments",
    metadata,
    id_column(),
    Column("project_id", id_type(), ForeignKey("projects.id"), nullable=False),
    key_column(),
    Column("name", String(NAME_LENGTH), nullable=False),
    Column("position", Integer, nullable=False),
    Column("revision", BigInteger, nullable=False, default=0),
    Column("client_origins", json_type(), nullable=False, default=list),
    version_column(),
    time_column("created_at"),
    time_column("updated_at"),
    time_column("archived_at", nullable=True),
    UniqueConstraint("project_id", "key"),
)
