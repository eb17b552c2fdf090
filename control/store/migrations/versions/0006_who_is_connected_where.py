"""Several controls over one database: which are alive, and who is connected to each."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Forward only: going back is restoring a backup."""

    op.create_table(
        "replica",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("seen_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_replica"),
    )
    op.create_table(
        "presence",
        sa.Column("replica", sa.String(length=36), nullable=False),
        sa.Column("sidecar_id", sa.String(length=36), nullable=False),
        sa.Column("instance", sa.String(length=200), nullable=False),
        sa.Column("told", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("replica", "sidecar_id", "instance", name="pk_presence"),
    )
