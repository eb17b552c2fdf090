"""What opens the registrations of clients that made them themselves; who answered a request that was sent ahead."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Forward only: going back is restoring a backup."""

    op.create_table(
        "registration_access",
        sa.Column("client_id", sa.String(64), nullable=False),
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("said", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(
            ["client_id"], ["oauth_client.client_id"], name="fk_registration_access_client_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("client_id", name="pk_registration_access"),
    )
    op.add_column("pushed_request", sa.Column("answered_by", sa.Text(), nullable=True))
