"""Canaries, what was reported during each, and the freeze."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Forward only: going back is restoring a backup."""

    op.create_table(
        "canary",
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("policy_id", sa.String(length=36), nullable=False),
        sa.Column("share", sa.BigInteger(), nullable=False),
        sa.Column("asked", sa.BigInteger(), nullable=False),
        sa.Column("ended", sa.BigInteger(), nullable=True),
        sa.Column("verdict", sa.String(length=20), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["since"], ["version.version"], name=op.f("fk_canary_since")),
        sa.ForeignKeyConstraint(["policy_id"], ["policy.id"], name=op.f("fk_canary_policy_id")),
        sa.ForeignKeyConstraint(["ended"], ["version.version"], name=op.f("fk_canary_ended")),
        sa.PrimaryKeyConstraint("since", name=op.f("pk_canary")),
    )
    op.create_index(op.f("ix_canary_ended"), "canary", ["ended"])
    op.create_table(
        "canary_snapshot",
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("service", sa.String(length=255), nullable=False),
        sa.Column("payload", sa.LargeBinary(), nullable=False),
        sa.Column("signature", sa.LargeBinary(), nullable=False),
        sa.Column("key_id", sa.Text(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["version"], ["version.version"], name=op.f("fk_canary_snapshot_version")),
        sa.PrimaryKeyConstraint("version", "service", name=op.f("pk_canary_snapshot")),
    )
    op.create_table(
        "canary_traffic",
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("sidecar_id", sa.String(length=36), nullable=False),
        sa.Column("line", sa.String(length=20), nullable=False),
        sa.Column("service", sa.String(length=255), nullable=False),
        sa.Column("requests", sa.BigInteger(), nullable=False),
        sa.Column("denied", sa.BigInteger(), nullable=False),
        sa.Column("failed", sa.BigInteger(), nullable=False),
        sa.Column("seconds", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["since"], ["canary.since"], name=op.f("fk_canary_traffic_since")),
        sa.PrimaryKeyConstraint("since", "sidecar_id", "line", name=op.f("pk_canary_traffic")),
    )
    op.create_table(
        "freeze",
        sa.Column("id", sa.Integer(), nullable=False, autoincrement=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_freeze")),
    )
