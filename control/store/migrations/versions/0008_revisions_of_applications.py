"""How often an application was changed, so that two who saw the same one do not both change its secret."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Forward only: going back is restoring a backup."""

    op.add_column("application", sa.Column("revision", sa.BigInteger(), nullable=False, server_default="0"))
