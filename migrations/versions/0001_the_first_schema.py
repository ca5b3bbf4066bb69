"""the first schema.

Revision ID: 0001
Revises: nothing
"""

from __future__ import annotations

import uuid

import sqlalchemy as sa
from alembic import op

from flagd.infra.tables import UtcDateTime, json_type

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

# The oldest release that works with the schema after this migration.
OLDEST_CODE = "0.1.0"


def upgrade() -> None:
    _log()
    _projects()
    _access()
    _flags()
    _first_rows()


def _log() -> None:
    """The installation's own rows and the change log."""
    op.create_table(
        "installation",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("lineage", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("access_revision", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("id = 1", name=op.f("ck_installation_single_row")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_installation")),
    )
    op.create_table(
        "schema_info",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("oldest_code", sa.String(length=32), nullable=False),
        sa.CheckConstraint("id = 1", name=op.f("ck_schema_info_single_row")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_schema_info")),
    )
    op.create_table(
        "changes",
        sa.Column("id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("actor_kind", sa.String(length=16), nullable=False),
        sa.Column("actor_id", sa.String(length=64), nullable=False),
        sa.Column("actor_name", sa.String(length=320), nullable=False),
        sa.Column("action", sa.String(length=16), nullable=False),
        sa.Column("object_type", sa.String(length=16), nullable=False),
        sa.Column("object_id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("object_key", sa.String(length=320), nullable=False),
        sa.Column("project_id", sa.Uuid(as_uuid=False), nullable=True),
        sa.Column("before", json_type(), nullable=True),
        sa.Column("after", json_type(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_changes")),
    )
    op.create_index(op.f("ix_changes_object_id_id"), "changes", ["object_id", "id"])
    op.create_index(op.f("ix_changes_project_id_id"), "changes", ["project_id", "id"])
    op.create_table(
        "environment_revisions",
        sa.Column("environment_id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("revision", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("change_id", sa.Uuid(as_uuid=False), nullable=False),
        sa.ForeignKeyConstraint(
            ["change_id"], ["changes.id"], name=op.f("fk_environment_revisions_change_id")
        ),
        sa.PrimaryKeyConstraint("environment_id", "revision", name=op.f("pk_environment_revisions")),
    )
    op.create_index(op.f("ix_environment_revisions_change_id"), "environment_revisions", ["change_id"])


def _projects() -> None:
    """Projects and their environments."""
    op.create_table(
        "projects",
        sa.Column("id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("key", sa.String(length=128), nullable=False),
        sa.Column("name", sa.String(length=128), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("updated_at", UtcDateTime(), nullable=False),
        sa.Column("archived_at", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_projects")),
        sa.UniqueConstraint("key", name=op.f("uq_projects_key")),
    )
    op.create_table(
        "environments",
        sa.Column("id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("project_id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("key", sa.String(length=128), nullable=False),
        sa.Column("name", sa.String(length=128), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("updated_at", UtcDateTime(), nullable=False),
        sa.Column("archived_at", UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name=op.f("fk_environments_project_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_environments")),
        sa.UniqueConstraint("project_id", "key", name=op.f("uq_environments_project_id_key")),
    )


def _access() -> None:
    """People, their sessions, and API keys."""
    op.create_table(
        "users",
        sa.Column("id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("email", sa.String(length=320), nullable=False),
        sa.Column("name", sa.String(length=128), nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("disabled_at", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_users")),
        sa.UniqueConstraint("email", name=op.f("uq_users_email")),
    )
    op.create_table(
        "sessions",
        sa.Column("id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("user_id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("expires_at", UtcDateTime(), nullable=False),
        sa.Column("last_seen_at", UtcDateTime(), nullable=False),
        sa.Column("ended_at", UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_sessions_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sessions")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_sessions_token_hash")),
    )
    op.create_index(op.f("ix_sessions_user_id"), "sessions", ["user_id"])
    op.create_table(
        "api_keys",
        sa.Column("id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("name", sa.String(length=128), nullable=False),
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("hint", sa.String(length=4), nullable=False),
        sa.Column("project_id", sa.Uuid(as_uuid=False), nullable=True),
        sa.Column("environment_id", sa.Uuid(as_uuid=False), nullable=True),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("created_by", sa.String(length=320), nullable=False),
        sa.Column("expires_at", UtcDateTime(), nullable=True),
        sa.Column("revoked_at", UtcDateTime(), nullable=True),
        sa.Column("last_used_at", UtcDateTime(), nullable=True),
        sa.CheckConstraint(
            "(kind = 'admin' AND environment_id IS NULL) OR"
            " (kind <> 'admin' AND project_id IS NOT NULL AND environment_id IS NOT NULL)",
            name=op.f("ck_api_keys_scope"),
        ),
        sa.CheckConstraint("kind IN ('admin', 'server', 'client')", name=op.f("ck_api_keys_kind")),
        sa.ForeignKeyConstraint(
            ["environment_id"], ["environments.id"], name=op.f("fk_api_keys_environment_id")
        ),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name=op.f("fk_api_keys_project_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_keys")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_api_keys_token_hash")),
    )


def _flags() -> None:
    """Flags, their targeting and segments."""
    op.create_table(
        "flags",
        sa.Column("id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("project_id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("key", sa.String(length=128), nullable=False),
        sa.Column("name", sa.String(length=128), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("variants", json_type(), nullable=False),
        sa.Column("variant_order", json_type(), nullable=False),
        sa.Column("client_visible", sa.Boolean(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("tags", json_type(), nullable=False),
        sa.Column("owner", sa.String(length=320), nullable=False),
        sa.Column("permanent", sa.Boolean(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("updated_at", UtcDateTime(), nullable=False),
        sa.Column("archived_at", UtcDateTime(), nullable=True),
        sa.CheckConstraint(
            "kind IN ('boolean', 'string', 'integer', 'float', 'object')", name=op.f("ck_flags_kind")
        ),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name=op.f("fk_flags_project_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_flags")),
        sa.UniqueConstraint("project_id", "key", name=op.f("uq_flags_project_id_key")),
    )
    op.create_table(
        "targetings",
        sa.Column("id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("flag_id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("environment_id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("off_variant", sa.String(length=128), nullable=True),
        sa.Column("default", json_type(), nullable=False),
        sa.Column("targets", json_type(), nullable=False),
        sa.Column("rules", json_type(), nullable=False),
        sa.Column("rule_order", json_type(), nullable=False),
        sa.Column("prerequisites", json_type(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("updated_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["environment_id"], ["environments.id"], name=op.f("fk_targetings_environment_id")
        ),
        sa.ForeignKeyConstraint(["flag_id"], ["flags.id"], name=op.f("fk_targetings_flag_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_targetings")),
        sa.UniqueConstraint("flag_id", "environment_id", name=op.f("uq_targetings_flag_id_environment_id")),
    )
    op.create_index(op.f("ix_targetings_environment_id"), "targetings", ["environment_id"])
    op.create_table(
        "segments",
        sa.Column("id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("project_id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("key", sa.String(length=128), nullable=False),
        sa.Column("name", sa.String(length=128), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("included", json_type(), nullable=False),
        sa.Column("excluded", json_type(), nullable=False),
        sa.Column("condition", json_type(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("updated_at", UtcDateTime(), nullable=False),
        sa.Column("archived_at", UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name=op.f("fk_segments_project_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_segments")),
        sa.UniqueConstraint("project_id", "key", name=op.f("uq_segments_project_id_key")),
    )


def _first_rows() -> None:
    """A lineage of this database's own, under which its revisions are counted."""
    installation = sa.table(
        "installation",
        sa.column("id"),
        sa.column("lineage", sa.Uuid(as_uuid=False)),
        sa.column("access_revision"),
    )
    op.bulk_insert(installation, [{"id": 1, "lineage": str(uuid.uuid4()), "access_revision": 0}])
    schema_info = sa.table("schema_info", sa.column("id"), sa.column("oldest_code"))
    op.bulk_insert(schema_info, [{"id": 1, "oldest_code": OLDEST_CODE}])


def downgrade() -> None:
    for table in (
        "targetings",
        "segments",
        "flags",
        "api_keys",
        "sessions",
        "users",
        "environments",
        "projects",
        "environment_revisions",
        "changes",
        "schema_info",
        "installation",
    ):
        op.drop_table(table)
