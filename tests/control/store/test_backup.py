"""Backups: all of it, as it was at one moment, into a database that has nothing yet; or a sentence and no change."""

import io
import sqlite3
import threading
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, get_args, get_origin

import pytest
from sqlalchemy import Column, Engine, MetaData, func, insert, inspect, select, text
from sqlalchemy.orm import Session

from control.store import migrations, open_database
from control.store.backup import ALEMBIC, MOMENTARY, NotBackedUp, NotRestored, back_up, restore
from control.store.backup_file import BadBackup, Header, Table, Writer, read
from control.store.direct import engine_of
from control.store.migrate import bring, revision_of
from control.store.shapes import json_columns
from control.store.tables import AuditRow, KeptKey, PolicyRow, SnapshotRow, VersionRow

ODD = 'ü "\\ \u2028 \\ud800 \U0001f600'
VALUES: dict[str, Any] = {
    "VARCHAR": "v",
    "TEXT": ODD,
    "BIGINT": 2**53,
    "INTEGER": 7,
    "BOOLEAN": True,
    "BLOB": bytes(range(256)),
}


def fitting(kind: Any) -> Any:
    """JSON that a column of that declared type may hold."""
    if kind is KeptKey:
        return {"jwk": {ODD: ODD}, "gone_at": None}
    inner = get_args(kind)
    if get_origin(kind) is dict:
        return {ODD: fitting(inner[1])}
    if get_origin(kind) is list:
        return [fitting(inner[0])]
    return fitting(inner[0]) if inner else ODD if kind is str else [1, None, ODD]


JSON_COLUMNS = {(table, column): kind for table, column, kind in json_columns()}


def one_of_each_kind() -> Iterator[tuple[str, str]]:
    """Columns of which a backup may hold a row."""
    seen = list[Any]()
    for (table, column), kind in JSON_COLUMNS.items():
        if table not in MOMENTARY and kind not in seen:
            seen.append(kind)
            yield table, column


SCHEMAS = sorted(file.name[:4] for file in (Path(migrations.__file__).parent / "versions").glob("0*.py"))


def filled(data: Path) -> Engine:
    """A database with a row in each table, every column of it set to something odd, and one of nulls where it may."""
    open_database(data).close()
    engine = engine_of(data, None, create=False)
    metadata = MetaData()
    metadata.reflect(engine)
    with engine.connect().execution_options(sidegate_write=True) as connection, connection.begin():
        for table in metadata.sorted_tables:
            if table.name != ALEMBIC:
                connection.execute(insert(table), {c.name: odd(table.name, c) for c in table.columns})
    return engine


def odd(table: str, column: Column[Any]) -> Any:
    """What it may hold, and seldom does."""
    kind = str(column.type).partition("(")[0]
    return fitting(JSON_COLUMNS[table, column.name]) if kind == "JSON" else VALUES[kind]


def nothing(_session: Session, _header: Header) -> None:
    """The last word of a caller that has none."""


def backup_of(engine: Engine) -> bytes:
    """A backup, without what it says to people."""
    out = io.BytesIO()
    back_up(engine, out, lambda _session: {})
    return out.getvalue()


def put_back(data: Path, backup: bytes, finishes: Callable[[Session, Header], None] = nothing) -> Engine:
    """The backup, in a new directory."""
    engine = engine_of(data, None, create=True)
    restore(engine, io.BytesIO(backup), finishes)
    return engine


def contents(backup: bytes) -> list[Any]:
    """Everything but the header."""
    return list(read(io.BytesIO(backup)))[1:]


def test_every_value_of_every_table_comes_back(tmp_path: Path) -> None:
    """Text with every odd character, bytes, large numbers, JSON and null."""
    backup = backup_of(filled(tmp_path / "a"))
    parts = contents(backup)
    tables = [part.name for part in parts if isinstance(part, Table)]
    assert {"policy", "version", "secret", "signing_key", "audit", "operator", "api_key"} <= set(tables)
    assert len([part for part in parts if isinstance(part, tuple)]) == len(tables)
    assert contents(backup_of(put_back(tmp_path / "b", backup))) == parts


def test_null_comes_back_as_null(tmp_path: Path) -> None:
    """A JSON column that is null in SQL is not the word null in JSON."""
    database = open_database(tmp_path / "a")
    row = "INSERT INTO operator VALUES ('i', 'n', x'00', 1, 0, 'operator', NULL, NULL)"
    with database.write() as session:
        session.execute(text(row))
    database.close()
    put_back(tmp_path / "b", backup_of(engine_of(tmp_path / "a", None, create=False)))
    with sqlite3.connect(tmp_path / "b" / "control.sqlite3") as connection:
        assert connection.execute("SELECT scopes IS NULL, expires_at IS NULL FROM operator").fetchall() == [(1, 1)]
    connection.close()


def test_it_is_one_moment_while_others_write(tmp_path: Path) -> None:
    """A version and its audit row are both in it or neither, whenever it is taken."""
    database = open_database(tmp_path)
    done = threading.Event()

    def write() -> None:
        number = 0
        while not done.is_set():
            number += 1
            with database.write() as session:
                session.add(VersionRow(version=number, kind="keys", note="", actor="a", created_at=0))
                session.add(AuditRow(at=0, actor="a", action="keys", subject=str(number), detail={}))

    writer = threading.Thread(target=write)
    writer.start()
    engine = engine_of(tmp_path, None, create=False)
    try:
        backups = [backup_of(engine) for _ in range(20)]
    finally:
        done.set()
        writer.join()
        engine.dispose()
        database.close()
    for backup in backups:
        counts = counted(backup)
        assert counts["version"] == counts["audit"]


def counted(backup: bytes) -> dict[str, int]:
    """How many rows each table has."""
    counts, table = dict[str, int](), ""
    for part in contents(backup):
        if isinstance(part, Table):
            table, counts[part.name] = part.name, 0
        else:
            counts[table] += 1
    return counts


@pytest.fixture
def backup(tmp_path: Path) -> bytes:
    """A good one."""
    return backup_of(filled(tmp_path / "source"))


def damaged(backup: bytes) -> Iterator[tuple[str, bytes]]:
    """What can become of a file, and what is said."""
    lines = backup.splitlines(keepends=True)
    yield "it ends before its last line", b""
    yield "line 1 is not of a backup", b"SQLite format 3\0\n" + backup
    yield "it is not a backup of control", b"{}\n"
    yield "it is not a backup of control", b'["a"]\n'
    yield "it is of format 2", backup.replace(b'"format_version":1', b'"format_version":2', 1)
    yield "it ends before its last line", b"".join(lines[:-1])
    yield "cut off or too long", backup[:-1]
    yield "cut off or too long", backup[: len(backup) // 2]
    yield "something follows", backup + b"\n"
    yield "changed or damaged", b"".join(lines[:2] + lines[3:])
    yield "changed or damaged", backup.replace(b'"v"', b'"w"', 1)
    yield "is not spelled as", backup.replace(b'"v",', b'"v", ', 1)
    yield "names no table, or one for the second time", b"".join(lines[:3] + lines[1:])
    yield "is neither a table, a row nor the end", b"".join(lines[:1] + lines[2:])
    yield "values, and its table", b"".join([*lines[:2], b"[1]\n", *lines[2:]])
    yield "another kind than its column", backup.replace(b",9007199254740992", b",true", 1)
    yield "another kind than its column", backup.replace(b",9007199254740992", b",9223372036854775808", 1)


def test_what_is_damaged_is_refused_and_changes_nothing(tmp_path: Path, backup: bytes) -> None:
    """Cut off, altered, doubled, foreign: a sentence that quotes nothing, and no table is made."""
    for number, (says, bad) in enumerate(damaged(backup)):
        target = engine_of(tmp_path / str(number), None, create=True)
        with pytest.raises(NotRestored, match=f"the backup cannot be used: .*{says}") as refused:
            restore(target, io.BytesIO(bad), nothing)
        assert ODD not in str(refused.value)
        assert not (tmp_path / str(number)).exists()


def test_a_backup_of_other_tables_is_refused(tmp_path: Path) -> None:
    """One whose hash is right and whose tables are not those of its schema leaves nothing behind."""
    with engine_of(tmp_path / "x", None, create=True).connect() as connection:
        bring(connection)
        schema = revision_of(connection) or ""
    for table in (None, Table("policy", {"id": "text"}), Table("sqlite_master", {"name": "text"})):
        out = io.BytesIO()
        writer = Writer(out, Header(schema, 0))
        if table is not None:
            writer.table(table)
            writer.row(["a"])
        writer.end()
        engine = engine_of(tmp_path / "target", None, create=True)
        with pytest.raises(NotRestored, match=r"it lacks the table|not of its schema"):
            restore(engine, io.BytesIO(out.getvalue()), nothing)
        assert inspect(engine).get_table_names() == []


@pytest.mark.parametrize(("table", "column"), list(one_of_each_kind()))
def test_json_that_control_never_wrote_is_refused(tmp_path: Path, backup: bytes, table: str, column: str) -> None:
    """By its line, its table and its column, and without a word of it."""
    out, columns, line = io.BytesIO(), list[str](), 0
    writer = Writer(out, Header(SCHEMAS[-1], 0))
    for number, part in enumerate(contents(backup), start=2):
        if isinstance(part, Table):
            columns, line = list(part.columns), number + 1 if part.name == table else line
            writer.table(part)
        else:
            wrong = [] if isinstance(fitting(JSON_COLUMNS[table, column]), dict) else {ODD: ODD}
            writer.row(
                [
                    wrong if (number, name) == (line, column) else value
                    for name, value in zip(columns, part, strict=True)
                ]
            )
    writer.end()
    with pytest.raises(
        NotRestored, match=f"line {line}, of the table {table}, .*: {column}: input should be a valid"
    ) as no:
        put_back(tmp_path / "b", out.getvalue())
    assert ODD not in str(no.value)
    assert inspect(engine_of(tmp_path / "b", None, create=True)).get_table_names() == []


def test_rows_that_contradict_each_other_leave_nothing(tmp_path: Path) -> None:
    """What the database itself refuses is a sentence, and the same directory takes the right one after it."""
    engine = filled(tmp_path / "a")
    good = backup_of(engine)
    out = io.BytesIO()
    writer, parts = Writer(out, Header(SCHEMAS[-1], 0)), contents(good)
    for part in parts:
        if isinstance(part, Table):
            writer.table(part)
        else:
            writer.row(part)
            writer.row(part)
    writer.end()
    target = engine_of(tmp_path / "b", None, create=True)
    with pytest.raises(NotRestored, match="the database does not take it"):
        restore(target, io.BytesIO(out.getvalue()), nothing)
    assert inspect(target).get_table_names() == []
    restore(target, io.BytesIO(good), nothing)
    assert contents(backup_of(target)) == parts


def test_it_goes_into_nothing_else_than_nothing(tmp_path: Path, backup: bytes) -> None:
    """A database with tables is not touched, be they empty."""
    open_database(tmp_path / "b").close()
    with pytest.raises(NotRestored, match="is not empty"):
        put_back(tmp_path / "b", backup)
    assert counted(backup_of(engine_of(tmp_path / "b", None, create=False)))["policy"] == 0


def test_nothing_is_backed_up_where_nothing_is(tmp_path: Path) -> None:
    """No directory, no database in it, and a database without a mesh."""
    with pytest.raises(FileNotFoundError):
        engine_of(tmp_path, None, create=False)
    with pytest.raises(NotBackedUp, match="there is no mesh in it"):
        backup_of(engine_of(tmp_path, None, create=True))


def test_a_newer_schema_is_refused(tmp_path: Path) -> None:
    """By its name, before anything is made."""
    out = io.BytesIO()
    Writer(out, Header("9999", 0)).end()
    with pytest.raises(NotRestored, match=r"'9999'.*newer"):
        put_back(tmp_path / "b", out.getvalue())
    assert not (tmp_path / "b").exists()


@pytest.mark.parametrize("schema", SCHEMAS)
def test_an_older_schema_is_brought_up_to_date(tmp_path: Path, schema: str) -> None:
    """A backup of any release comes back with the tables of this one, and the caller's last word is on those."""
    engine = engine_of(tmp_path / "old", None, create=True)
    with engine.connect().execution_options(sidegate_write=True) as connection, connection.begin():
        bring(connection, schema)
        connection.execute(
            text("INSERT INTO operator (id, name, token_hash, created_at, revoked) VALUES ('i','n',x'01',1,0)")
        )

    def look(session: Session, header: Header) -> None:
        assert header.schema == schema
        assert session.execute(text("SELECT name, role FROM operator")).all() == [("n", "operator")]

    restored = put_back(tmp_path / "new", backup_of(engine), look)
    open_database(tmp_path / "new").close()
    with restored.connect() as connection:
        assert connection.scalar(text("SELECT count(*) FROM api_key")) == 0


def test_large_rows_are_held_one_by_one(tmp_path: Path) -> None:
    """Sixty megabytes of snapshots take a few at a time, both ways."""
    database = open_database(tmp_path / "a")
    with database.write() as session:
        session.add(PolicyRow(id="p", source="", files={}, env={}, author="", created_at=0))
        session.add(VersionRow(version=1, kind="push", policy_id="p", note="", actor="a", created_at=0))
    for number in range(60):
        with database.write() as session:
            payload = bytes([number]) * 1_000_000
            row = SnapshotRow(version=1, service=str(number), payload=payload, signature=b"", key_id="", digest=b"")
            session.add(row)
    database.close()
    tracemalloc.start()
    try:
        with (tmp_path / "file").open("wb") as out:
            back_up(engine_of(tmp_path / "a", None, create=False), out, lambda _session: {})
        with (tmp_path / "file").open("rb") as file:
            engine = engine_of(tmp_path / "b", None, create=True)
            restore(engine, file, nothing)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    with engine.connect() as connection:
        assert connection.scalar(select(func.count()).select_from(SnapshotRow)) == 60
    assert peak < 40_000_000


def test_the_callers_last_word_is_part_of_it(tmp_path: Path, backup: bytes) -> None:
    """If it fails, nothing was restored."""

    def fails(_session: Session, _header: Header) -> None:
        raise BadBackup("no")

    engine = engine_of(tmp_path / "b", None, create=True)
    with pytest.raises(NotRestored):
        restore(engine, io.BytesIO(backup), fails)
    assert inspect(engine).get_table_names() == []
