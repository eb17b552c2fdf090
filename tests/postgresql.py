"""A real PostgreSQL for tests, from the package pgserver; a database of its own for whoever asks."""

import os
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg.sql import SQL, Identifier

from control.store import open_database


class PostgreSQL:
    """One server for the whole run; ``database`` is empty, or as migrations leave it."""

    def __init__(self, uri: str) -> None:
        self.uri = uri
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
        return self._made(self._migrated.partition("?")[0].rpartition("/")[2])

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


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PostgreSQL]:
    """Skipped, and said, where there is none for this Python."""
    pgserver = pytest.importorskip("pgserver", reason="NO POSTGRESQL: pgserver has no build for this Python")
    with tempfile.TemporaryDirectory() as folder:
        os.environ.setdefault("XDG_RUNTIME_DIR", folder)
        pgserver.postgres_server._logger.disabled = True  # it speaks once more when nobody listens any longer
        server = pgserver.get_server(Path(folder, "data"), cleanup_mode="stop")
        try:
            yield PostgreSQL(server.get_uri())
        finally:
            server.cleanup()
