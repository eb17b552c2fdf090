"""What was registered with an earlier schema is there after an upgrade, over SQLite and over a real PostgreSQL."""

from pathlib import Path

import pytest
from sqlalchemy import Engine, MetaData, Table, insert, text

from control.identity import Applications
from control.identity.credentials import hash_of
from control.store import Database
from control.store.direct import engine_of
from control.store.migrate import bring, upgrade
from tests.postgresql import PostgreSQL

from .test_backup import SCHEMAS

SECRET = "the-secret-of-an-application"
KNOWN = {"id": "i", "client_id": "c", "name": "web", "scopes": ["read"], "services": None, "active": True}


def _upgraded(engine: Engine, schema: str) -> None:
    """An application with its one secret in ``schema``, which is then brought up to date."""
    with engine.connect().execution_options(sidegate_write=True) as connection, connection.begin():
        bring(connection, schema)
        table = Table("application", MetaData(), autoload_with=connection)
        facts = {**KNOWN, "secret_hash": hash_of(SECRET), "created_at": 5, "revision": 0}
        connection.execute(insert(table).values({name: facts[name] for name in table.columns.keys()}))  # noqa: SIM118
    upgrade(engine)
    with engine.connect() as connection:
        found = connection.execute(text("SELECT client_id, secret_hash, created_at FROM application_secret")).all()
    assert [(client, bytes(kept), at) for client, kept, at in found] == [("c", hash_of(SECRET), 5)]
    opened = Applications(Database(engine), lambda: 10.0).authenticate("c", SECRET)
    assert opened is not None
    assert opened.name == "web"


EARLIER = [schema for schema in SCHEMAS if schema < "0012"]


@pytest.mark.parametrize("schema", EARLIER)
def test_an_applications_secret_still_opens(tmp_path: Path, schema: str) -> None:
    """It moved to a table of its own."""
    _upgraded(engine_of(tmp_path, None, create=True), schema)


def test_it_does_so_in_postgresql(tmp_path: Path, postgresql: PostgreSQL) -> None:
    """There the driver and the types are others."""
    engine = engine_of(tmp_path, postgresql.empty(), create=True)
    _upgraded(engine, EARLIER[-1])
