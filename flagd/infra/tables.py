"""What all tables share: the metadata, its naming convention, and the column types both databases agree on.

Capabilities define their tables on `metadata` and refer to each other's rows by id only.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    CheckConstraint,
    Column,
    DateTime,
    Dialect,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    Uuid,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.types import TypeDecorator, TypeEngine

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

KEY_LENGTH = 128
"""Characters in a key (project, environment, flag, segment, variant, rule)."""


class UtcDateTime(TypeDecorator[datetime]):
    """An instant. Aware UTC in Python; `timestamptz` in PostgreSQL, naive UTC text in SQLite."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Refuses naive values, which mean a different instant on every machine."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a naive datetime has no place in the database")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """SQLite gives back naive values, which were stored as UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def json_type() -> TypeEngine[Any]:
    """A JSON document: `jsonb` in PostgreSQL, text in SQLite. A Python None is SQL NULL in both."""
    return JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")


def id_type() -> Uuid[str]:
    """The type of ids and of references to them: a UUID, as text in Python."""
    return Uuid(as_uuid=False)


def id_column() -> Column[str]:
    """The primary key of a table: a UUID 7 made by the application."""
    return Column("id", id_type(), primary_key=True)


def key_column(name: str = "key") -> Column[str]:
    """A human-made key."""
    return Column(name, String(KEY_LENGTH), nullable=False)


def time_column(name: str, *, nullable: bool = False) -> Column[datetime]:
    """An instant."""
    return Column(name, UtcDateTime(), nullable=nullable)


def version_column() -> Column[int]:
    """Counts the writes to one row; what an ETag shows and If-Match names."""
    return Column("version", Integer, nullable=False, default=1)


installation = Table(
    "installation",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("lineage", id_type(), nullable=False),
    Column("access_revision", BigInteger, nullable=False, default=0),
    CheckConstraint("id = 1", name="single_row"),
)
"""One row: whose revisions these are, and how often the credentials that instances hold in memory have changed."""

schema_info = Table(
    "schema_info",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("oldest_code", String(32), nullable=False),
    CheckConstraint("id = 1", name="single_row"),
)
"""One row: the oldest release of this program that works with this schema."""

changes = Table(
    "changes",
    metadata,
    id_column(),
    time_column("at"),
    Column("actor_kind", String(16), nullable=False),
    Column("actor_id", String(64), nullable=False),
    Column("actor_name", String(320), nullable=False),
    Column("action", String(16), nullable=False),
    Column("object_type", String(16), nullable=False),
    Column("object_id", id_type(), nullable=False),
    Column("object_key", String(320), nullable=False),
    Column("project_id", id_type(), nullable=True),
    Column("before", json_type(), nullable=True),
    Column("after", json_type(), nullable=True),
    Column("reason", Text, nullable=False, default=""),
    Index(None, "project_id", "id"),
    Index(None, "object_id", "id"),
)
"""The change log: one row for each write, appended in the write's own transaction, never changed."""

environment_revisions = Table(
    "environment_revisions",
    metadata,
    Column("environment_id", id_type(), primary_key=True),
    Column("revision", BigInteger, primary_key=True, autoincrement=False),
    Column("change_id", id_type(), ForeignKey("changes.id"), nullable=False, index=True),
)
"""Which change made which revision of which environment: what the publisher tails."""
