"""client origins: which web pages may have flags evaluated in an environment.

Revision ID: 0003
Revises: 0002
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from flagd.infra.tables import json_type

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

# The oldest release that works with the schema after this migration; None: as before.
OLDEST_CODE: str | None = None


def upgrade() -> None:
    # No page may ask until somebody says which; the default is what a release without the column leaves out.
    op.add_column(
        "environments",
        sa.Column("client_origins", json_type(), nullable=False, server_default=sa.text("'[]'")),
    )


def downgrade() -> None:
    with op.batch_alter_table("environments") as batch:
        batch.drop_column("client_origins")
