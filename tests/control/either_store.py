"""The same tests over SQLite and over PostgreSQL: whoever opens a directory gets the one or the other."""

from pathlib import Path

import pytest
from sqlalchemy import Engine

from control.store import database
from tests.postgresql import PostgreSQL

__all__ = ["either_store"]


@pytest.fixture(autouse=True, params=["sqlite", "postgresql"])
def either_store(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Which of them it is."""
    if request.param == "postgresql":
        server: PostgreSQL = request.getfixturevalue("postgresql")

        def instead(data: Path) -> Engine:
            return database._postgresql(server.database_of(data))

        monkeypatch.setattr(database, "sqlite_engine", instead)
    return str(request.param)
