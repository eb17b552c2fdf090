"""Opening the database, and transactions over it.

SQLite (``sqlite``) is made durable (WAL with ``synchronous=FULL``: a committed change survives a power cut), strict
(foreign keys on) and private (directory 0700, file 0600). A writing transaction takes the write lock when it begins, so
that two pushes can never read one newest version and both write the next; PostgreSQL gets the same by an advisory
lock, since administrators' changes are rare and worth putting in a row.

Several controls may share a PostgreSQL. Whatever one commits the others hear of (``hearing``), and what only one of
them should do is done by who is in charge of it (``lease``).
"""

import hashlib
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, Row, Select, create_engine, make_url, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from .migrate import upgrade
from .sqlite import mark, sqlite_engine

_WRITER_LOCK = 0x51DE6A7E
"""Any fixed number: the name of PostgreSQL's advisory lock."""
CHANNEL = "sidegate"
"""Whoever listens there hears of every change (LISTEN, NOTIFY)."""
CONNECT_TIMEOUT_S = 5
_BOUNDS = {
    "connect_timeout": CONNECT_TIMEOUT_S,
    "tcp_user_timeout": 15_000,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "options": "-c statement_timeout=30s -c lock_timeout=10s -c idle_in_transaction_session_timeout=60s",
    "application_name": "sidegate-control",
    "client_encoding": "utf8",  # whatever the database was made with: SQL_ASCII would give us bytes
}
"""Of PostgreSQL: whatever has become of it, no call waits much longer (libpq's connection parameters)."""
POOL = {"pool_size": 8, "max_overflow": 8, "pool_timeout": 10, "pool_pre_ping": True}


class Database:
    """Short transactions over one engine. Thread-safe; a session never leaves its thread."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._writer = threading.Lock()
        self.is_shared = engine.dialect.name == "postgresql"
        """May other controls write to it as well?"""
        # A transaction that writes must not look before it has the lock: PostgreSQL's view would be from before it.
        self._reading = engine.execution_options(isolation_level="REPEATABLE READ") if self.is_shared else engine

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A consistent view; what is changed in it is not kept."""
        with Session(self._reading) as session:
            yield session

    def rows(self, query: Select[Any], **given: object) -> Sequence[Row[Any]]:
        """What one query finds, as plain rows: a session costs twice what a short query does, and some are asked for
        every token."""
        with self._reading.connect() as connection:
            return connection.execute(query, given).all()

    @contextmanager
    def write(self) -> Iterator[Session]:
        """The only writer until the block ends: committed then, or rolled back if it raises."""
        # Threads wait here, before they take a connection: whoever waits for the database's own lock holds one, and
        # enough of them would leave none for the writer that they wait for.
        options = {"sidegate_write": True}
        with self._writer, self._engine.connect().execution_options(**options) as connection, connection.begin():
            if self.is_shared:
                connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _WRITER_LOCK})
            with Session(connection) as session:
                yield session
                session.flush()
            if self.is_shared:
                connection.execute(text(f"NOTIFY {CHANNEL}"))  # told with the commit, or not at all

    @contextmanager
    def note(self) -> Iterator[Session]:
        """A transaction for what concerns this process alone, such as who is connected to it: no order among writers,
        and nobody is told."""
        if not self.is_shared:
            with self.write() as session:
                yield session
            return
        with self._engine.connect() as connection, connection.begin(), Session(connection) as session:
            yield session
            session.flush()

    def lease(self, name: str) -> "Lease":
        """Of all controls on the database at most one is in charge of ``name``."""
        return Lease(self._engine if self.is_shared else None, name)

    def hear(self, changed: Callable[[bool], None]) -> Callable[[], None]:
        """Call ``changed`` from a thread whenever some control may have written, and with True whenever one surely has;
        the result ends it."""
        if not self.is_shared:
            return lambda: None
        from .hearing import Hearing  # the driver is loaded where it is needed

        hearing = Hearing(self._engine.url.set(drivername="postgresql"), _BOUNDS, changed)
        hearing.start()
        return hearing.stop

    def close(self) -> None:
        """Give the connections back."""
        self._engine.dispose()


class Lease:
    """An advisory lock on a connection of its own, kept for as long as the connection lives: a control that dies or
    loses the database is followed by another. Two may believe for a moment that they are in charge, one of them of a
    connection that PostgreSQL has given up; what is done under a lease must bear being done twice. Thread-safe."""

    def __init__(self, engine: Engine | None, name: str) -> None:
        self._engine, self._lock = engine, threading.Lock()
        self._number = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big", signed=True)
        self._connection: Connection | None = None

    def is_held(self) -> bool:
        """Are we in charge? If nobody is, we are from now on. The database's errors if it cannot be asked."""
        with self._lock:
            return self._engine is None or self._still_held() or self._taken(self._engine)

    def release(self) -> None:
        """Somebody else's turn."""
        with self._lock:
            self._drop()

    def _still_held(self) -> bool:
        if self._connection is None:
            return False
        try:
            self._connection.execute(text("SELECT 1"))
            self._connection.commit()
        except SQLAlchemyError:
            self._drop()
            return False
        return True

    def _taken(self, engine: Engine) -> bool:
        connection = engine.connect()
        try:
            taken = bool(connection.scalar(text("SELECT pg_try_advisory_lock(:lock)"), {"lock": self._number}))
            connection.commit()
        except BaseException:
            connection.invalidate()
            connection.close()
            raise
        if taken:
            self._connection = connection
        else:
            connection.close()
        return taken

    def _drop(self) -> None:
        if self._connection is not None:
            with suppress(SQLAlchemyError):
                self._connection.invalidate()  # closed, and not given back to the pool with the lock on it
            self._connection.close()
            self._connection = None


def open_database(data: Path, url: str | None = None) -> Database:
    """The database at ``url`` (``postgresql://``), or SQLite in the directory ``data``, brought up to date."""
    engine = sqlite_engine(data) if url is None else _postgresql(url)
    upgrade(engine)
    if engine.dialect.name == "sqlite":
        mark(data)
    return Database(engine)


def _postgresql(url: str) -> Engine:
    place: URL = make_url(url).set(drivername="postgresql+psycopg")
    # An error's text must not hold what a row holds.
    return create_engine(place, hide_parameters=True, connect_args=_BOUNDS, **POOL)
