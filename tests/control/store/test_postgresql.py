"""What only a shared store does: telling others, one in charge, and bearing that the server goes away."""

import queue
import threading
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import inspect, text

from control.store import Database, open_database
from control.store.database import _postgresql
from control.store.tables import Base, VersionRow
from tests.postgresql import PostgreSQL

WITHIN_S = 30


@pytest.fixture
def url(postgresql: PostgreSQL) -> str:
    """Of a database with all tables."""
    return postgresql.database()


@pytest.fixture
def two(url: str) -> Iterator[tuple[Database, Database]]:
    """Two controls' stores."""
    opened = open_database(Path(), url), open_database(Path(), url)
    yield opened
    for one in opened:
        one.close()


def version(number: int) -> VersionRow:
    """A row to write."""
    return VersionRow(version=number, kind="keys", policy_id=None, note="", actor="a", created_at=0)


def cut_off(url: str) -> None:
    """As if the server had gone: every connection to the database but this one is ended."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()"
            " AND pid <> pg_backend_pid()"
        )


def test_migrations_make_the_tables(postgresql: PostgreSQL) -> None:
    """The same ones as on SQLite, also when several controls start at the same time."""
    url = postgresql.empty()
    errors = list[BaseException]()

    def start() -> None:
        try:
            open_database(Path(), url).close()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=start) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    engine = _postgresql(url)
    assert set(inspect(engine).get_table_names()) == {*Base.metadata.tables, "alembic_version"}
    engine.dispose()


def test_what_one_commits_the_other_hears(two: tuple[Database, Database]) -> None:
    """After the commit, and nothing of what was rolled back."""
    ours, theirs = two
    heard = queue.Queue[bool]()
    stop = theirs.hear(heard.put)
    try:
        assert heard.get(timeout=WITHIN_S)  # it listens from now on
        with pytest.raises(ZeroDivisionError), ours.write() as session:
            session.add(version(1))
            session.flush()
            raise ZeroDivisionError
        with ours.write() as session:
            session.add(version(1))
        while not heard.get(timeout=WITHIN_S):
            pass
        with theirs.read() as session:
            assert session.get(VersionRow, 1) is not None
    finally:
        stop()


def test_hearing_goes_on_after_the_connection_was_lost(two: tuple[Database, Database], url: str) -> None:
    """And begins with the news that there may be some."""
    _, theirs = two
    heard = queue.Queue[bool]()
    stop = theirs.hear(heard.put)
    try:
        assert heard.get(timeout=WITHIN_S)
        cut_off(url)
        while not heard.get(timeout=WITHIN_S):
            pass
    finally:
        stop()


def test_one_is_in_charge_and_another_follows(two: tuple[Database, Database], url: str) -> None:
    """When it lets go, and when its connection is lost."""
    first, second = (one.lease("background") for one in two)
    assert (first.is_held(), second.is_held(), first.is_held()) == (True, False, True)
    assert two[1].lease("something else").is_held()
    first.release()
    assert (second.is_held(), first.is_held()) == (True, False)
    cut_off(url)
    assert first.is_held()
    assert not second.is_held()
    first.release()


def test_writers_stand_in_line(two: tuple[Database, Database]) -> None:
    """Each sees what the one before has committed: no number is given twice."""

    def count(database: Database) -> None:
        for _ in range(25):
            with database.write() as session:
                newest = session.scalar(text("SELECT coalesce(max(version), 0) FROM version"))
                session.add(version(int(newest or 0) + 1))

    threads = [threading.Thread(target=count, args=(one,)) for one in two * 2]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with two[0].read() as session:
        assert session.scalar(text("SELECT max(version) FROM version")) == 100


def test_a_reader_sees_one_moment(two: tuple[Database, Database]) -> None:
    """However long it looks."""
    reading, writing = two
    with reading.read() as session:
        assert session.scalar(text("SELECT count(*) FROM version")) == 0
        with writing.write() as other:
            other.add(version(1))
        assert session.scalar(text("SELECT count(*) FROM version")) == 0
    with reading.read() as session:
        assert session.scalar(text("SELECT count(*) FROM version")) == 1


def test_lost_connections_are_replaced(two: tuple[Database, Database], url: str) -> None:
    """The next transaction finds a new one."""
    ours, _ = two
    with ours.read() as session:
        session.execute(text("SELECT 1"))
    cut_off(url)
    with ours.write() as session:
        session.add(version(1))
    with ours.read() as session:
        assert session.get(VersionRow, 1) is not None
