"""Overwritten and deleted bytes are gone from the file as well, where the file is ours.

SQLite leaves what was deleted in its pages until they are needed again, and in its write-ahead log. PostgreSQL has
its own vacuum, log and backups, of which nothing is known here.
"""

import sqlite3
from contextlib import closing

from sqlalchemy import text
from sqlalchemy.orm import Session

from .database import Database
from .sqlite import BUSY_TIMEOUT_MS


def erase(session: Session) -> None:
    """What this transaction overwrites or deletes from here on is overwritten with zeros."""
    if session.get_bind().dialect.name == "sqlite":
        session.execute(text("PRAGMA secure_delete = ON"))


def compact(database: Database) -> bool:
    """Write the whole file anew and empty the log: nothing of the past is left in either. False if somebody else uses
    the database just now; True also where there is no file of ours."""
    with database.read() as session:
        url = session.connection().engine.url
    if url.get_backend_name() != "sqlite" or not url.database:
        return True
    with closing(sqlite3.connect(f"{url.database}?mode=rw", uri=True, isolation_level=None)) as connection:
        connection.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("VACUUM")
        busy, _, _ = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    return not busy
