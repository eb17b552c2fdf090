"""Which request each entry of the audit trail is of; of those there are it is not known."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Forward only: going back is restoring a backup."""

    op.add_column("audit", sa.Column("request_id", sa.String(length=36), nullable=False, server_default=""))
