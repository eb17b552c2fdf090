"""Bringing a database up to the tables of this version, at every start: no ini file and no command of its own."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, text

from control.errors import ControlError

_MIGRATIONS = Path(__file__).parent / "migrations"
NEWEST = "head"
_MIGRATION_LOCK = 0x51DE6A7F
"""Any fixed number: the name of PostgreSQL's advisory lock."""


class NewerSchema(ControlError):  # noqa: N818 - a noun
    """The database was written by a newer control, which knows what this one would break."""

    code = "newer_schema"


def upgrade(engine: Engine) -> None:
    """Apply the migrations that the database has not seen, all in one transaction; NewerSchema."""
    with engine.connect().execution_options(sidegate_write=True) as connection, connection.begin():
        if engine.dialect.name == "postgresql":  # several controls may start at the same time, on a large database
            connection.execute(text("SET LOCAL lock_timeout = 0"))
            connection.execute(text("SET LOCAL statement_timeout = 0"))
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _MIGRATION_LOCK})
        bring(connection)


def bring(connection: Connection, revision: str = NEWEST) -> None:
    """The same within the caller's transaction, as far as ``revision``; NewerSchema."""
    has = revision_of(connection)
    if has is not None and not knows(has):
        raise NewerSchema(f"the database is of schema {has}, which a newer version of control has made: run that one")
    config = _config()
    config.attributes["connection"] = connection
    command.upgrade(config, revision)


def revision_of(connection: Connection) -> str | None:
    """Of which schema the database is, or None if it has no tables yet."""
    return MigrationContext.configure(connection).get_current_revision()


def knows(revision: str) -> bool:
    """Is ``revision`` one of this version's?"""
    return revision in {script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions()}


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    return config
