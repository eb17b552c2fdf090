"""The form of a backup: lines of JSON in UTF-8, each in the one spelling that ``spelled`` gives it.

    {"format":"sidegate-backup","format_version":1,"schema":"0004",...}   what it is, and of what
    {"table":"policy","columns":{"id":"text","files":"json",...}}         a table, and the kinds of its columns
    ["4f0c…",{…},…]                                                       its rows, each a list in that order
    {"rows":1234,"sha256":"…"}                                            of every byte before this line

Kinds are ``text``, ``int``, ``float``, ``bool``, ``bytes`` (as base64) and ``json``; null is null in each. Tables stand
after those that they refer to. The hash tells damage and cut-off files; it is no signature. Reading holds one line
at a time. Knows nothing of databases.
"""

import base64
import binascii
import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, BinaryIO

FORMAT, FORMAT_VERSION = "sidegate-backup", 1
MAX_LINE_BYTES = 64 * 1024 * 1024
"""One row; a snapshot is the largest."""
MAX_TABLES, MAX_COLUMNS = 200, 200
KINDS = ("text", "int", "float", "bool", "bytes", "json")

Row = tuple[Any, ...]


class BadBackup(Exception):  # noqa: N818 - a noun
    """Not a backup, not all of one, or one that was changed. The text says where, and quotes nothing."""


@dataclass(frozen=True, slots=True)
class Header:
    """What a backup says of itself. ``said`` is for people: nothing depends on it."""

    schema: str
    created_at: int
    said: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Table:
    """The rows that follow are of this table."""

    name: str
    columns: Mapping[str, str]


class Writer:
    """Writes one backup, line by line."""

    def __init__(self, out: BinaryIO, header: Header) -> None:
        self._out, self._hash, self.rows = out, hashlib.sha256(), 0
        self._columns: Sequence[str] = ()
        first = {"format": FORMAT, "format_version": FORMAT_VERSION}
        self._line({**first, "schema": header.schema, "created_at": header.created_at, "said": dict(header.said)})

    def table(self, table: Table) -> None:
        """The rows that come are of ``table``."""
        self._columns = tuple(table.columns.values())
        self._line({"table": table.name, "columns": dict(table.columns)})

    def row(self, values: Sequence[Any]) -> None:
        """One row, in the order of the table's columns."""
        self.rows += 1
        self._line([_plain(kind, value) for kind, value in zip(self._columns, values, strict=True)])

    def end(self) -> None:
        """No more rows."""
        self._line({"rows": self.rows, "sha256": self._hash.hexdigest()})

    def _line(self, value: Any) -> None:
        line = spelled(value)
        if len(line) > MAX_LINE_BYTES:
            raise BadBackup(f"row {self.rows} is larger than {MAX_LINE_BYTES} bytes, and could not be read again")
        self._hash.update(line)
        self._out.write(line)


def spelled(value: Any) -> bytes:
    """The one spelling of a line."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode() + b"\n"


def read(file: BinaryIO) -> Iterator[Header | Table | Row]:
    """A backup from its first line to its last; BadBackup, be it at the very end: nothing of it counts until then."""
    lines = _Lines(file)
    yield _header(lines.next())
    names, table, rows = set[str](), None, 0
    while True:
        before = lines.digest
        value = lines.next()
        if isinstance(value, list) and table is not None:
            rows += 1
            yield _row(table, value, lines.number)
        elif isinstance(value, dict) and "table" in value:
            table = _table(value, names, lines.number)
            yield table
        else:
            _check_end(value, rows, before, lines)
            return


class _Lines:
    """The lines of a file, counted and hashed."""

    def __init__(self, file: BinaryIO) -> None:
        self._file, self._hash, self.number = file, hashlib.sha256(), 0

    @property
    def digest(self) -> str:
        """Of every line so far."""
        return self._hash.hexdigest()

    def next(self) -> Any:
        """The value of the next line."""
        line = self._file.readline(MAX_LINE_BYTES + 1)
        self.number += 1
        if not line:
            raise BadBackup(f"it ends before its last line, after line {self.number - 1}")
        if not line.endswith(b"\n"):
            raise BadBackup(f"line {self.number} is cut off or too long")
        self._hash.update(line)
        try:
            value = json.loads(line)
            whole = spelled(value) == line
        except (ValueError, RecursionError):
            raise self.bad("is not of a backup") from None
        if not whole:
            raise self.bad("is not spelled as a backup spells it")
        return value

    def bad(self, why: str) -> BadBackup:
        """The line just read cannot be used."""
        return BadBackup(f"line {self.number} {why}")

    def ended(self) -> bool:
        """Nothing follows."""
        return not self._file.read(1)


def _header(value: Any) -> Header:
    match value:
        case {"format": str(form)} if form == FORMAT:
            pass
        case _:
            raise BadBackup("it is not a backup of control")
    match value:
        case {"format_version": int(number)} if number != FORMAT_VERSION:
            raise BadBackup(f"it is of format {number}, and this version of control reads format {FORMAT_VERSION}")
        case {"schema": str(schema), "created_at": int(created_at), "said": dict(said)} if len(value) == 5:
            return Header(schema, created_at, said)
    raise BadBackup("line 1 is not that of a backup")


def _table(value: dict[str, Any], names: set[str], line: int) -> Table:
    match value:
        case {"table": str(name), "columns": dict(columns)} if (
            len(value) == 2
            and name not in names
            and len(names) < MAX_TABLES
            and 0 < len(columns) <= MAX_COLUMNS
            and all(kind in KINDS for kind in columns.values() if isinstance(kind, str))
            and all(isinstance(kind, str) for kind in columns.values())
        ):
            names.add(name)
            return Table(name, columns)
    raise BadBackup(f"line {line} names no table, or one for the second time")


def _row(table: Table, values: list[Any], line: int) -> Row:
    if len(values) != len(table.columns):
        raise BadBackup(f"line {line} has {len(values)} values, and its table {len(table.columns)} columns")
    try:
        return tuple(
            None if value is None else _READ[kind](value)
            for kind, value in zip(table.columns.values(), values, strict=True)
        )
    except (ValueError, TypeError):
        raise BadBackup(f"line {line} holds a value of another kind than its column") from None


def _check_end(value: Any, rows: int, digest: str, lines: _Lines) -> None:
    match value:
        case {"rows": int(said), "sha256": str(sha256)} if len(value) == 2:
            if said != rows or sha256 != digest:
                raise BadBackup("it was changed or damaged: its rows are not those that its last line tells")
            if not lines.ended():
                raise BadBackup("something follows on its last line")
        case _:
            raise lines.bad("is neither a table, a row nor the end")


def _plain(kind: str, value: Any) -> Any:
    return base64.b64encode(value).decode() if kind == "bytes" and value is not None else value


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _int(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not -(2**63) <= value < 2**63:
        raise TypeError
    return value


def _float(value: Any) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise TypeError
    return value


def _bool(value: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError
    return value


def _bytes(value: Any) -> bytes:
    try:
        decoded = base64.b64decode(_text(value), validate=True)
    except binascii.Error as error:
        raise ValueError from error
    if base64.b64encode(decoded).decode() != value:
        raise ValueError
    return decoded


def _json(value: Any) -> Any:
    return value


_READ: Mapping[str, Callable[[Any], Any]] = {
    "text": _text,
    "int": _int,
    "float": _float,
    "bool": _bool,
    "bytes": _bytes,
    "json": _json,
}
