"""A real PostgreSQL for tests, from the package pgserver; a database of its own for whoever asks."""

import importlib
import os
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.sql import SQL, Identifier

from control.store import open_database


class PostgreSQL:
    """A server, with databases that are empty, or as migrations leave them."""

    def __init__(self, server: Any) -> None:
        self._server, self.uri = server, str(server.get_uri())
        self._of_place: dict[Path, str] = {}
        self._migrated = ""

    def empty(self) -> str:
        """The URL of a new one without tables."""
        return self._made("template1")

    def database(self) -> str:
        """The URL of a new one with all tables."""
        if not self._migrated:
            url = self.empty()
            open_database(Path(), url).close()
            self._migrated = url
        return self.copy(self._migrated)

    def copy(self, url: str) -> str:
        """The URL of a new one with all that is in that one, which nobody uses just now."""
        return self._made(url.partition("?")[0].rpartition("/")[2])

    def stop(self) -> None:
        """As if the machine had been switched off."""
        pg_ctl = importlib.import_module("pgserver").pg_ctl
        pg_ctl(["-m", "immediate", "stop"], pgdata=self._server.pgdata, user=self._server.system_user)

    def start(self) -> None:
        """Again, where it was."""
        self._server.ensure_postgres_running()

    def _made(self, template: str) -> str:
        name = f"t{uuid.uuid4().hex}"
        with psycopg.connect(self.uri, autocommit=True) as connection:
            connection.execute(SQL("CREATE DATABASE {} TEMPLATE {}").format(Identifier(name), Identifier(template)))
        return self.uri.replace("/postgres?", f"/{name}?")

    def database_of(self, place: Path) -> str:
        """The URL of the one that stands for a directory: the same for the same place."""
        if place not in self._of_place:
            self._of_place[place] = self.database()
        return self._of_place[place]


@contextmanager
def serving() -> Iterator[PostgreSQL]:
    """A server of its own; the test is skipped, and that is said, where there is none for this Python."""
    pgserver = pytest.importorskip("pgserver", reason="NO POSTGRESQL: pgserver has no build for this Python")
    with tempfile.TemporaryDirectory() as folder:
        os.environ.setdefault("XDG_RUNTIME_DIR", folder)
        pgserver.postgres_server._logger.disabled = True  # it speaks once more when nobody listens any longer
        server = pgserver.get_server(Path(folder, "data"), cleanup_mode="stop")
        with psycopg.connect(str(server.get_uri()), autocommit=True) as connection:
            for setting in ("fsync = off", "full_page_writes = off"):  # the machine will not be switched off
                connection.execute(SQL("ALTER SYSTEM SET ") + SQL(setting))
            connection.execute("SELECT pg_reload_conf()")
        try:
            yield PostgreSQL(server)
        finally:
            server.cleanup()
