"""SQLite's file: private, durable, and made once.

A file that is gone, or that another one lies in the place of, is no empty mesh: what would be written to the old one
is lost with it, and a new one would have another CA, which no sidecar knows. So while control runs every transaction
looks for the file that it began with, and at a start the mark beside it tells a mesh that was lost from a first start.
"""

import logging
import os
import sqlite3
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sqlalchemy import URL, Connection, Engine, ExceptionContext, create_engine, event
from sqlalchemy.exc import DatabaseError, OperationalError

from control.errors import ControlError

FILE_NAME = "control.sqlite3"
MARK_NAME = "control.made"
BUSY_TIMEOUT_MS = 10_000
_MARK = f"""\
There is a mesh in {FILE_NAME} beside this file. Should that file be lost, control does not start with an empty one:
put it back, or restore a backup. To begin a new mesh, which no sidecar of the old one will follow, remove this file.
"""
_log = logging.getLogger("control")


class LostMesh(ControlError):  # noqa: N818 - a noun
    """There was a mesh, and there is none."""

    code = "lost_mesh"


def sqlite_engine(data: Path) -> Engine:
    """SQLite in the directory ``data``; LostMesh if it held a mesh and now does not."""
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    data.chmod(0o700)
    file = data / FILE_NAME
    if (data / MARK_NAME).exists() and not (file.exists() and file.stat().st_size):
        raise LostMesh(
            f"{FILE_NAME} is gone or empty, and held a mesh. Put it back or restore a backup; to begin a new mesh, "
            f"remove {MARK_NAME}"
        )
    # Made here, and not by SQLite, so that there is no moment at which others may read it; SQLite gives the mode of
    # this file to its WAL beside it.
    os.close(os.open(file, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600))
    file.chmod(0o600)
    place = URL.create("sqlite", database=f"file:{quote(str(file.absolute()))}", query={"mode": "rw", "uri": "true"})
    engine = create_engine(place, hide_parameters=True)
    event.listen(engine, "connect", _prepare)
    event.listen(engine, "begin", _Same(file).begin)
    event.listen(engine, "handle_error", _damaged)
    return engine


def mark(data: Path) -> None:
    """From now on there is a mesh. A disk that takes nothing does not keep control from starting."""
    place = data / MARK_NAME
    try:
        if not place.exists():
            with suppress(FileExistsError), open(place, "x", opener=_private) as file:
                file.write(_MARK)
    except OSError as error:
        _log.warning("data %s: %s was not written (%s)", data, MARK_NAME, error.strerror)


class _Same:
    """Is the file still the one that was opened?"""

    def __init__(self, file: Path) -> None:
        self._file, found = file, file.stat()
        self._place = (found.st_dev, found.st_ino)

    def begin(self, connection: Connection) -> None:
        try:
            found = self._file.stat()
            why = "" if (found.st_dev, found.st_ino) == self._place else "another file is in its place"
        except OSError as error:
            why = str(error.strerror)
        if why:
            raise OperationalError("BEGIN", None, sqlite3.OperationalError(f"{self._file.name}: {why}"))
        writes = connection.get_execution_options().get("sidegate_write", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _prepare(connection: Any, _record: object) -> None:
    # The driver's own transaction handling begins too late (at the first write); we begin ourselves, above.
    connection.isolation_level = None
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", f"busy_timeout={BUSY_TIMEOUT_MS}"):
        connection.execute(f"PRAGMA {pragma}")


def _damaged(context: ExceptionContext) -> None:
    """A file that is damaged, or no database at all, is one that cannot be used now: the driver has no word of its own
    for it, and names it by the base of all its errors."""
    found = context.sqlalchemy_exception
    if type(found) is DatabaseError and found.orig is not None:
        raise OperationalError(found.statement, None, found.orig, hide_parameters=True) from context.original_exception


def _private(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_CLOEXEC, 0o600)
