"""Revocations as signed increments; what a sidecar joined with."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Forward only: going back is restoring a backup."""

    op.create_table(
        "increment",
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("payload", sa.LargeBinary(), nullable=False),
        sa.Column("signature", sa.LargeBinary(), nullable=False),
        sa.Column("key_id", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["version"], ["version.version"], name=op.f("fk_increment_version")),
        sa.PrimaryKeyConstraint("version", name=op.f("pk_increment")),
    )
    with op.batch_alter_table("sidecar") as batch_op:
        batch_op.add_column(sa.Column("joined_by", sa.String(length=160), nullable=True))
        batch_op.create_index(batch_op.f("ix_sidecar_joined_by"), ["joined_by"], unique=False)
