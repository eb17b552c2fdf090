"""Roles, scopes and an end for operators; those there are may do everything, as before."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Forward only: going back is restoring a backup."""

    op.add_column("operator", sa.Column("role", sa.String(length=20), nullable=False, server_default="operator"))
    op.add_column("operator", sa.Column("scopes", sa.JSON(), nullable=True))
    op.add_column("operator", sa.Column("expires_at", sa.BigInteger(), nullable=True))
