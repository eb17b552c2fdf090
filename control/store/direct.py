"""A database as it is: opened without bringing it up to date, for backup and restore.

What is read is one view for as long as a transaction lasts, while control goes on writing.
"""

import os
import sqlite3
from pathlib import Path
from urllib.parse import quote

from sqlalchemy import Connection, Engine, create_engine, event, make_url
from sqlalchemy.pool import NullPool

from .sqlite import BUSY_TIMEOUT_MS, FILE_NAME


def engine_of(data: Path, url: str | None, *, create: bool) -> Engine:
    """The database at ``url``, or SQLite in the directory ``data``; FileNotFoundError unless it is there or is to be
    made."""
    return _sqlite(data, create=create) if url is None else _postgresql(url)


def _postgresql(url: str) -> Engine:
    place = make_url(url).set(drivername="postgresql+psycopg")
    return create_engine(place, isolation_level="REPEATABLE READ", poolclass=NullPool, hide_parameters=True)


def _sqlite(data: Path, *, create: bool) -> Engine:
    file = data / FILE_NAME
    if not create and not file.exists():
        raise FileNotFoundError(2, "there is no database", str(file))

    def connect() -> sqlite3.Connection:
        if create:
            data.mkdir(mode=0o700, parents=True, exist_ok=True)
            data.chmod(0o700)
            os.close(os.open(file, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600))
            file.chmod(0o600)
        place = f"file:{quote(str(file.absolute()))}?mode=rw"
        connection = sqlite3.connect(place, uri=True, isolation_level=None, timeout=BUSY_TIMEOUT_MS / 1000)
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
            connection.execute(f"PRAGMA {pragma}")
        return connection

    engine = create_engine("sqlite://", creator=connect, poolclass=NullPool, hide_parameters=True)
    event.listen(engine, "begin", _begin)
    return engine


def _begin(connection: Connection) -> None:
    writes = connection.get_execution_options().get("sidegate_write", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
