"""What clients may do and how they prove themselves; requests sent ahead, devices that wait, used assertions."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Forward only: going back is restoring a backup."""

    code = '["authorization_code"]'
    op.add_column("oauth_client", sa.Column("grant_types", sa.JSON(), nullable=False, server_default=code))
    op.add_column("oauth_client", sa.Column("jwks", sa.JSON(), nullable=True))
    op.add_column("oauth_grant", sa.Column("nonce", sa.Text(), nullable=False, server_default=""))
    op.add_column("oauth_grant", sa.Column("auth_time", sa.BigInteger(), nullable=True))
    op.create_table(
        "used_assertion",
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("hash", name="pk_used_assertion"),
    )
    op.create_index("ix_used_assertion_expires_at", "used_assertion", ["expires_at"])
    op.create_table(
        "pushed_request",
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column("client_id", sa.String(64), nullable=False),
        sa.Column("query", sa.Text(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["client_id"], ["oauth_client.client_id"], name="fk_pushed_request_client_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("hash", name="pk_pushed_request"),
    )
    op.create_index("ix_pushed_request_client_id", "pushed_request", ["client_id"])
    op.create_index("ix_pushed_request_expires_at", "pushed_request", ["expires_at"])
    op.create_table(
        "device_code",
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column("user_code_hash", sa.LargeBinary(), nullable=False),
        sa.Column("client_id", sa.String(64), nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("audience", sa.JSON(), nullable=False),
        sa.Column("allowed", sa.Boolean(), nullable=True),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("auth_time", sa.BigInteger(), nullable=True),
        sa.Column("interval", sa.BigInteger(), nullable=False),
        sa.Column("polled_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["client_id"], ["oauth_client.client_id"], name="fk_device_code_client_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("hash", name="pk_device_code"),
        sa.UniqueConstraint("user_code_hash", name="uq_device_code_user_code_hash"),
    )
    op.create_index("ix_device_code_client_id", "device_code", ["client_id"])
    op.create_index("ix_device_code_expires_at", "device_code", ["expires_at"])
