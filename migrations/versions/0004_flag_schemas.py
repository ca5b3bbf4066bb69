"""flag schemas: a JSON Schema for the values of a flag's variants.

Revision ID: 0004
Revises: 0003
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from flagd.infra.tables import json_type

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

# The oldest release that works with the schema after this migration; None: as before.
OLDEST_CODE: str | None = None


def upgrade() -> None:
    op.add_column("flags", sa.Column("schema", json_type(), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("flags") as batch:
        batch.drop_column("schema")
