"""Clients that people let in, what they were let do, and the refresh tokens and access tokens of it."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Forward only: going back is restoring a backup."""

    op.create_table(
        "oauth_client",
        sa.Column("client_id", sa.String(64), nullable=False),
        sa.Column("redirect_uris", sa.JSON(), nullable=False),
        sa.Column("public", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["client_id"], ["application.client_id"], name="fk_oauth_client_client_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("client_id", name="pk_oauth_client"),
    )
    op.create_table(
        "oauth_grant",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("client_id", sa.String(64), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("audience", sa.JSON(), nullable=False),
        sa.Column("redirect_uri", sa.Text(), nullable=False),
        sa.Column("code_hash", sa.LargeBinary(), nullable=False),
        sa.Column("code_challenge", sa.Text(), nullable=False),
        sa.Column("code_expires_at", sa.BigInteger(), nullable=False),
        sa.Column("code_used", sa.Boolean(), nullable=False),
        sa.Column("revoked", sa.Boolean(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["client_id"], ["oauth_client.client_id"], name="fk_oauth_grant_client_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_oauth_grant"),
        sa.UniqueConstraint("code_hash", name="uq_oauth_grant_code_hash"),
    )
    op.create_index("ix_oauth_grant_expires_at", "oauth_grant", ["expires_at"])
    op.create_table(
        "refresh_token",
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column("grant_id", sa.String(36), nullable=False),
        sa.Column("generation", sa.BigInteger(), nullable=False),
        sa.Column("used_at", sa.BigInteger(), nullable=True),
        sa.Column("superseded", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["grant_id"], ["oauth_grant.id"], name="fk_refresh_token_grant_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("hash", name="pk_refresh_token"),
    )
    op.create_index("ix_refresh_token_grant_id", "refresh_token", ["grant_id"])
    op.create_table(
        "granted_token",
        sa.Column("jti", sa.String(36), nullable=False),
        sa.Column("grant_id", sa.String(36), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["grant_id"], ["oauth_grant.id"], name="fk_granted_token_grant_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("jti", name="pk_granted_token"),
    )
    op.create_index("ix_granted_token_grant_id", "granted_token", ["grant_id"])
