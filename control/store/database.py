"""Opening the database, and transactions over it.

SQLite is made durable (WAL with ``synchronous=FULL``: a committed change survives a power cut), strict (foreign
keys on) and private (directory 0700, file 0600). A writing transaction takes the write lock when it begins, so
that two pushes can never read one newest version and both write the next; PostgreSQL gets the same by an advisory
lock, since administrators' changes are rare and worth putting in a row.
"""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.orm import Session

from .migrate import upgrade

FILE_NAME = "control.sqlite3"
BUSY_TIMEOUT_MS = 10_000
_WRITER_LOCK = 0x51DE6A7E
"""Any fixed number: the name of PostgreSQL's advisory lock."""


class Database:
    """Short transactions over one engine. Thread-safe; a session never leaves its thread."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._writer = threading.Lock()

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A consistent view; what is changed in it is not kept."""
        with Session(self._engine) as session:
            yield session

    @contextmanager
    def write(self) -> Iterator[Session]:
        """The only writer until the block ends: committed then, or rolled back if it raises."""
        # Threads wait here, before they take a connection: whoever waits for the database's own lock holds one, and
        # enough of them would leave none for the writer that they wait for.
        options = {"sidegate_write": True}
        with self._writer, self._engine.connect().execution_options(**options) as connection, connection.begin():
            if connection.dialect.name == "postgresql":
                connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _WRITER_LOCK})
            with Session(connection) as session:
                yield session
                session.flush()

    def close(self) -> None:
        """Give the connections back."""
        self._engine.dispose()


def open_database(data: Path, url: str | None = None) -> Database:
    """The database at ``url``, or SQLite in the directory ``data``, brought up to date."""
    if url is None:
        data.mkdir(mode=0o700, parents=True, exist_ok=True)
        data.chmod(0o700)
        file = data / FILE_NAME
        # Made here, and not by SQLite, so that there is no moment at which others may read it; SQLite gives the
        # mode of this file to its WAL beside it.
        os.close(os.open(file, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600))
        file.chmod(0o600)
        url = f"sqlite:///{file}"
    engine = create_engine(url, hide_parameters=True)  # an error's text must not hold what a row holds
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
    upgrade(engine)
    return Database(engine)


def _prepare_sqlite(connection: Any, _record: object) -> None:
    # The driver's own transaction handling begins too late (at the first write); we begin ourselves, below.
    connection.isolation_level = None
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", f"busy_timeout={BUSY_TIMEOUT_MS}"):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get("sidegate_write", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
