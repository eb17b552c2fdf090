"""A database to a backup and back, whatever tables it has: they are read from the database itself.

A backup is one consistent view, taken while others write. Restoring is one transaction into a database that has
nothing yet: the tables as they were then, the rows, and the migrations since. SQLite and PostgreSQL alike, from either
to either. Knows nothing of what the rows mean; its caller has the last word within the transaction.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import chain
from typing import Any, BinaryIO

from sqlalchemy import (
    JSON,
    Boolean,
    Connection,
    Engine,
    Float,
    Integer,
    LargeBinary,
    MetaData,
    String,
    func,
    insert,
    inspect,
    select,
    text,
)
from sqlalchemy import Table as Sql
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from control.errors import ControlError

from .backup_file import BadBackup, Header, Row, Table, Writer, read
from .migrate import bring, knows, revision_of
from .shapes import misfit

ALEMBIC = "alembic_version"
MOMENTARY = frozenset({"presence", "replica"})
"""Who is connected just now: never part of a backup."""
READ_ROWS, WRITE_ROWS, WRITE_BYTES = 20, 200, 1024 * 1024
"""So many are held at once: a row may be a snapshot of some megabytes."""
_KINDS: tuple[tuple[type[Any], str], ...] = (
    (LargeBinary, "bytes"),
    (JSON, "json"),
    (Boolean, "bool"),
    (Integer, "int"),
    (Float, "float"),
    (String, "text"),
)


class NotBackedUp(ControlError):  # noqa: N818 - reads as the sentence it is
    """A database of which there is nothing to keep."""

    code = "not_backed_up"


class NotRestored(ControlError):  # noqa: N818 - reads as the sentence it is
    """A backup that was not put back; nothing was changed. The text says why."""

    code = "not_restored"


Says = Callable[[Session], Mapping[str, Any]]
Finishes = Callable[[Session, Header], None]


def back_up(engine: Engine, out: BinaryIO, says: Says) -> int:
    """Write all that the database holds at this moment; how many rows. NotBackedUp. ``says``: what the header tells
    people."""
    with engine.connect() as connection, connection.begin():
        schema = revision_of(connection)
        if schema is None:
            raise NotBackedUp("there is no mesh in it yet")
        writer = Writer(out, Header(schema, int(time.time()), dict(says(Session(connection)))))
        try:
            for table in _tables(connection):
                _write(connection, table, writer)
            writer.end()
        except BadBackup as error:
            raise NotBackedUp(str(error)) from None
    return writer.rows


def _write(connection: Connection, table: Sql, writer: Writer) -> None:
    writer.table(Table(table.name, {column.name: _kind(column.type) for column in table.columns}))
    rows = select(table).order_by(*table.primary_key.columns)
    for row in connection.execution_options(stream_results=True, yield_per=READ_ROWS).execute(rows):
        writer.row(tuple(row))


def restore(engine: Engine, file: BinaryIO, finishes: Finishes) -> Header:
    """Put a backup into an empty database; NotRestored. ``finishes`` is called before it is committed."""
    try:
        header = _header(read(file))  # the whole of it, before anything is touched
        file.seek(0)
        with engine.connect().execution_options(sidegate_write=True) as connection, connection.begin():
            _check_empty(connection)
            bring(connection, header.schema)
            _insert(connection, read(file))
            _advance_sequences(connection)
            bring(connection)
            with Session(connection) as session:
                finishes(session, header)
                session.flush()
    except BadBackup as error:
        raise NotRestored(f"the backup cannot be used: {error}") from None
    except SQLAlchemyError as error:
        cause = str(getattr(error, "orig", None) or type(error).__name__)
        raise NotRestored(f"the database does not take it ({cause})") from None
    return header


def _header(parts: Iterator[Header | Table | Row]) -> Header:
    header = next(parts)
    if not isinstance(header, Header):
        raise AssertionError("a backup begins with its header")
    if not knows(header.schema):
        raise NotRestored(
            f"the backup is of schema {header.schema[:20]!r}, which this version of control does not know: it was "
            "made by a newer one. Restore it with that one"
        )
    for _ in parts:
        pass
    return header


def _check_empty(connection: Connection) -> None:
    if inspect(connection).get_table_names():
        raise NotRestored("the database is not empty. A backup is put back into one that has nothing yet")


def _tables(connection: Connection) -> list[Sql]:
    metadata = MetaData()
    metadata.reflect(connection)
    for table in metadata.tables.values():
        for column in table.columns:
            if isinstance(column.type, JSON):
                column.type = type(column.type)(none_as_null=True)
    return [table for table in metadata.sorted_tables if table.name != ALEMBIC and table.name not in MOMENTARY]


def _kind(type_: object) -> str:
    for known, kind in _KINDS:
        if isinstance(type_, known):
            return kind
    raise AssertionError(f"a backup knows no {type_!r}")


def _insert(connection: Connection, parts: Iterable[Header | Table | Row]) -> None:
    tables, into, batch, size = {table.name: table for table in _tables(connection)}, None, list[dict[str, Any]](), 0
    for line, part in enumerate(chain(parts, (None,)), start=1):
        if batch and (not isinstance(part, tuple) or len(batch) >= WRITE_ROWS or size > WRITE_BYTES):
            connection.execute(insert(into), batch)  # type: ignore[arg-type]  # there are rows of a table alone
            batch, size = [], 0
        match part:
            case Table():
                into, columns = _checked(tables.pop(part.name, None), part), part.columns
            case tuple():
                batch.append(_fitting(into, dict(zip(columns, part, strict=True)), line))
                size += sum(len(value) for value in part if isinstance(value, str | bytes))
    if tables:
        raise BadBackup(f"it lacks the table {min(tables)}")


def _fitting(table: Sql | None, row: dict[str, Any], line: int) -> dict[str, Any]:
    name = "" if table is None else table.name
    for column, value in row.items():
        if why := misfit(name, column, value):
            raise BadBackup(f"line {line}, of the table {name}, holds what control never wrote there: {why}")
    return row


def _checked(table: Sql | None, said: Table) -> Sql:
    if table is None or {column.name: _kind(column.type) for column in table.columns} != said.columns:
        raise BadBackup("it has a table that is not of its schema")
    return table


def _advance_sequences(connection: Connection) -> None:
    """PostgreSQL counts ids by itself and does not look at those that were given."""
    if connection.dialect.name != "postgresql":
        return
    for table in _tables(connection):
        for column in table.primary_key.columns:
            named = {"t": f'"{table.name}"', "c": column.name}
            sequence = connection.scalar(text("SELECT pg_get_serial_sequence(:t, :c)"), named)
            newest = connection.scalar(select(func.max(column))) if sequence else None
            if newest is not None:
                connection.execute(text("SELECT setval(:s, :n)"), {"s": sequence, "n": newest})
