"""layers: rings that flags share, and who owns them in each environment.

Revision ID: 0002
Revises: 0001
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from flagd.infra.tables import UtcDateTime, json_type

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

# The oldest release that works with the schema after this migration; None: as before.
OLDEST_CODE: str | None = None


def upgrade() -> None:
    op.create_table(
        "layers",
        sa.Column("id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("project_id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("key", sa.String(length=128), nullable=False),
        sa.Column("name", sa.String(length=128), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("unit", sa.String(length=256), nullable=False),
        sa.Column("salt", sa.String(length=128), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("updated_at", UtcDateTime(), nullable=False),
        sa.Column("archived_at", UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name=op.f("fk_layers_project_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_layers")),
        sa.UniqueConstraint("project_id", "key", name=op.f("uq_layers_project_id_key")),
    )
    op.create_table(
        "layer_allocations",
        sa.Column("id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("layer_id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("environment_id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("members", json_type(), nullable=False),
        sa.Column("arcs", json_type(), nullable=False),
        sa.Column("edits", json_type(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("updated_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["environment_id"], ["environments.id"], name=op.f("fk_layer_allocations_environment_id")
        ),
        sa.ForeignKeyConstraint(["layer_id"], ["layers.id"], name=op.f("fk_layer_allocations_layer_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_layer_allocations")),
        sa.UniqueConstraint(
            "layer_id", "environment_id", name=op.f("uq_layer_allocations_layer_id_environment_id")
        ),
    )
    op.create_index(op.f("ix_layer_allocations_environment_id"), "layer_allocations", ["environment_id"])


def downgrade() -> None:
    for table in ("layer_allocations", "layers"):
        op.drop_table(table)
