"""The tables of users, sessions and API keys. Secrets are in none of them, only what recognises one."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, Column, ForeignKey, Index, String, Table, Text, UniqueConstraint

from flagd.access.keys import DIGEST_LENGTH, HINT_LENGTH
from flagd.access.model import EMAIL_LENGTH
from flagd.infra.tables import id_column, id_type, metadata, time_column, version_column
from flagd.projects.model import NAME_LENGTH

KIND_LENGTH = 16

users = Table(
    "users",
    metadata,
    id_column(),
    Column("email", String(EMAIL_LENGTH), nullable=False),
    Column("name", String(NAME_LENGTH), nullable=False),
    Column("password_hash", Text, nullable=False),
    version_column(),
    time_column("created_at"),
    time_column("disabled_at", nullable=True),
    UniqueConstraint("email"),
)
"""`email` is kept in its normal spelling (lower case)."""

sessions = Table(
    "sessions",
    metadata,
    id_column(),
    Column("token_hash", String(DIGEST_LENGTH), nullable=False),
    Column("user_id", id_type(), ForeignKey("users.id"), nullable=False),
    time_column("created_at"),
    time_column("expires_at"),
    time_column("last_seen_at"),
    time_column("ended_at", nullable=True),
    UniqueConstraint("token_hash"),
    Index(None, "user_id"),
)

api_keys = Table(
    "api_keys",
    metadata,
    id_column(),
    Column("kind", String(KIND_LENGTH), nullable=False),
    Column("name", String(NAME_LENGTH), nullable=False),
    Column("token_hash", String(DIGEST_LENGTH), nullable=False),
    Column("hint", String(HINT_LENGTH), nullable=False),
    Column("project_id", id_type(), ForeignKey("projects.id"), nullable=True),
    Column("environment_id", id_type(), ForeignKey("environments.id"), nullable=True),
    time_column("created_at"),
    Column("created_by", String(EMAIL_LENGTH), nullable=False),
    time_column("expires_at", nullable=True),
    time_column("revoked_at", nullable=True),
    time_column("last_used_at", nullable=True),
    UniqueConstraint("token_hash"),
    CheckConstraint("kind IN ('admin', 'server', 'client')", name="kind"),
    CheckConstraint(
        "(kind = 'admin' AND environment_id IS NULL) OR"
        " (kind <> 'admin' AND project_id IS NOT NULL AND environment_id IS NOT NULL)",
        name="scope",
    ),
)
"""An admin key reaches everything or one project; a server or client key, one environment."""
