"""People, how they prove who they are, and where they have; several secrets for an application; scopes described."""

import uuid

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Forward only: going back is restoring a backup."""

    op.add_column("granted_token", sa.Column("exchanged", sa.Boolean(), nullable=False, server_default=sa.false()))
    _secrets_of_applications()
    _people()
    op.create_table(
        "scope",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_scope"),
        sa.UniqueConstraint("name", name="uq_scope_name"),
    )


def _secrets_of_applications() -> None:
    op.create_table(
        "application_secret",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("client_id", sa.String(64), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("secret_hash", sa.LargeBinary(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["client_id"], ["application.client_id"], name="fk_application_secret_client_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_application_secret"),
    )
    op.create_index("ix_application_secret_client_id", "application_secret", ["client_id"])
    unknown: dict[str, object] = {"name": "", "active": True, "expires_at": None, "revision": 0}
    application = sa.table("application", sa.column("client_id"), sa.column("secret_hash"), sa.column("created_at"))
    columns = ("id", "client_id", "secret_hash", "created_at", *unknown)
    found = op.get_bind().execute(sa.select(application))
    rows = [{"id": str(uuid.uuid4()), **unknown, **row._mapping} for row in found]
    op.bulk_insert(sa.table("application_secret", *map(sa.column, columns)), rows)
    op.drop_column("application", "secret_hash")


def _people() -> None:
    op.create_table(
        "person",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("username", sa.Text(), nullable=False),
        sa.Column("folded", sa.String(300), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_person"),
        sa.UniqueConstraint("folded", name="uq_person_folded"),
    )
    op.create_index("ix_person_expires_at", "person", ["expires_at"])
    _of_people(
        "person_session",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("auth_time", sa.BigInteger(), nullable=False),
        sa.Column("amr", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("last_seen", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("agent", sa.Text(), nullable=False),
        sa.UniqueConstraint("id", name="uq_person_session_id"),
    )
    _of_people("password_link", sa.Column("expires_at", sa.BigInteger(), nullable=False))
    _of_people(
        "sign_in_ticket",
        sa.Column("known", sa.Boolean(), nullable=False),
        sa.Column("tries", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
    )
    _of_people("recovery_code")
    for table in ("person_session", "password_link", "sign_in_ticket"):
        op.create_index(f"ix_{table}_expires_at", table, ["expires_at"])
    for table in ("person_session", "password_link", "sign_in_ticket", "recovery_code"):
        op.create_index(f"ix_{table}_person_id", table, ["person_id"])
    op.create_table(
        "second_factor",
        sa.Column("person_id", sa.String(36), nullable=False),
        sa.Column("secret", sa.LargeBinary(), nullable=False),
        sa.Column("confirmed", sa.Boolean(), nullable=False),
        sa.Column("last_step", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name="fk_second_factor_person_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("person_id", name="pk_second_factor"),
    )


def _of_people(table: str, *columns: sa.schema.SchemaItem) -> None:
    """One that is found by a hash, and goes with its person."""
    op.create_table(
        table,
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        *columns,
        sa.Column("person_id", sa.String(36), nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=f"fk_{table}_person_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("hash", name=f"pk_{table}"),
    )
