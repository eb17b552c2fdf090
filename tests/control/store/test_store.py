"""The store: durable, private, one writer at a time, and migrations that say what the tables say."""

import threading
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import select, text
from sqlalchemy.exc import IntegrityError

from control.store import open_database
from control.store.audit import newest, record
from control.store.tables import AuditRow, Base, SnapshotRow, VersionRow


def version(number: int) -> VersionRow:
    """A row with nothing of interest in it."""
    return VersionRow(version=number, kind="push", policy_id=None, note="", actor="ann", created_at=0)


def test_the_migrations_make_the_tables(tmp_path: Path) -> None:
    """Autogenerate finds nothing to do on a database that was just brought up."""
    database = open_database(tmp_path / "data")
    with database.read() as session:
        context = MigrationContext.configure(session.connection(), opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []
    database.close()


def test_opening_again_keeps_what_is_there(tmp_path: Path) -> None:
    """A second start finds the first one's rows."""
    database = open_database(tmp_path)
    with database.write() as session:
        session.add(version(1))
    database.close()
    again = open_database(tmp_path)
    with again.read() as session:
        assert session.scalars(select(VersionRow.version)).all() == [1]
    again.close()


def test_nobody_else_can_read_it(tmp_path: Path) -> None:
    """Directory 0700, files 0600, the WAL and its index included."""
    data = tmp_path / "data"
    database = open_database(data)
    with database.write() as session:
        session.add(version(1))
        modes = {file.name: file.stat().st_mode & 0o777 for file in data.iterdir()}
    assert data.stat().st_mode & 0o777 == 0o700
    assert set(modes) == {"control.sqlite3", "control.sqlite3-wal", "control.sqlite3-shm", "control.made"}
    assert set(modes.values()) == {0o600}
    database.close()


def test_a_database_that_was_left_open_to_others_is_closed(tmp_path: Path) -> None:
    """Too wide a mode is mended at start."""
    open_database(tmp_path).close()
    (tmp_path / "control.sqlite3").chmod(0o644)
    open_database(tmp_path).close()
    assert (tmp_path / "control.sqlite3").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("pragma", "value"), [("journal_mode", "wal"), ("synchronous", 2), ("foreign_keys", 1), ("busy_timeout", 10_000)]
)
def test_sqlite_is_set_up_to_be_durable_and_strict(tmp_path: Path, pragma: str, value: object) -> None:
    """Every connection: WAL, FULL, foreign keys, patience."""
    database = open_database(tmp_path)
    with database.read() as session:
        assert session.execute(text(f"PRAGMA {pragma}")).scalar() == value
    database.close()


def test_what_raises_leaves_nothing(tmp_path: Path) -> None:
    """A change and its audit row are committed together or not at all."""
    database = open_database(tmp_path)
    with pytest.raises(RuntimeError), database.write() as session:
        record(session, 1, "ann", "push", "version 1")
        session.add(version(1))
        session.flush()
        raise RuntimeError
    with database.read() as session:
        assert session.scalars(select(VersionRow)).all() == []
        assert session.scalars(select(AuditRow)).all() == []
    database.close()


def test_foreign_keys_are_enforced(tmp_path: Path) -> None:
    """A snapshot of a version that does not exist is refused by the database itself."""
    database = open_database(tmp_path)
    orphan = SnapshotRow(version=7, service="orders", payload=b"", signature=b"", key_id="", digest=b"")
    with pytest.raises(IntegrityError), database.write() as session:
        session.add(orphan)
    database.close()


def test_writers_take_turns_across_databases(tmp_path: Path) -> None:
    """Two processes' worth of threads read the newest row and add the next: no number twice, none lost."""
    databases = [open_database(tmp_path), open_database(tmp_path)]

    def add_some(database_number: int) -> None:
        for _ in range(10):
            with databases[database_number].write() as session:
                last = session.scalar(select(VersionRow.version).order_by(VersionRow.version.desc()).limit(1)) or 0
                session.add(version(last + 1))

    threads = [threading.Thread(target=add_some, args=(number % 2,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with databases[0].read() as session:
        assert sorted(session.scalars(select(VersionRow.version))) == list(range(1, 41))
    for database in databases:
        database.close()


def test_audit_is_read_newest_first(tmp_path: Path) -> None:
    """The newest entries, with what they are about."""
    database = open_database(tmp_path)
    with database.write() as session:
        for number in range(3):
            record(session, number + 0.9, "ann", "push", f"version {number}", note="n")
    with database.read() as session:
        assert [(e.at, e.subject, e.detail) for e in newest(session, 2)] == [
            (2, "version 2", {"note": "n"}),
            (1, "version 1", {"note": "n"}),
        ]
    database.close()
