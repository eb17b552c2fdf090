"""Backups move: from SQLite into a real PostgreSQL and back, and between two of either."""

import io
from pathlib import Path

import pytest
from sqlalchemy import inspect, text

from control.authority.at_rest import master_key_ids
from control.authority.master_key import MasterKey
from control.authority.vault import Vault
from control.mesh import open_mesh
from control.mesh.backups import STEP, described, go_on
from control.store.backup import NotRestored, back_up, restore
from control.store.direct import engine_of
from tests.postgresql import PostgreSQL

from .test_backup import backup_of, contents, filled, nothing, put_back


def test_there_and_back_again(tmp_path: Path, postgresql: PostgreSQL) -> None:
    """Every value of every table, to the letter; PostgreSQL counts on from the ids that came."""
    backup = backup_of(filled(tmp_path / "a"))
    url = postgresql.empty()
    engine = engine_of(tmp_path, url, create=True)
    restore(engine, io.BytesIO(backup), nothing)
    from_postgresql = backup_of(engine)
    assert contents(from_postgresql) == contents(backup)
    assert contents(backup_of(put_back(tmp_path / "b", from_postgresql))) == contents(backup)
    added = "INSERT INTO audit (at, actor, action, subject, detail) VALUES (1, 'a', 'b', 'c', '{}') RETURNING id"
    with engine.connect() as connection:
        assert connection.scalar(text(added)) == 8
    with pytest.raises(NotRestored, match="is not empty"):
        restore(engine, io.BytesIO(backup), nothing)


def test_what_is_refused_leaves_an_empty_database(tmp_path: Path, postgresql: PostgreSQL) -> None:
    """The tables, too, are part of the one transaction."""
    backup = backup_of(filled(tmp_path / "a"))
    engine = engine_of(tmp_path, postgresql.empty(), create=True)
    rows = backup.splitlines(keepends=True)

    def fails(*_: object) -> None:
        raise NotRestored("no")

    for file, finishes in ((b"".join(rows[:-1]), nothing), (backup, fails)):
        with pytest.raises(NotRestored):
            restore(engine, io.BytesIO(file), finishes)
        assert inspect(engine).get_table_names() == []


def test_a_mesh_moves_from_one_to_the_other(tmp_path: Path, postgresql: PostgreSQL) -> None:
    """The same CA and keys, encrypted as they were, and the first version far beyond."""
    vault = Vault(MasterKey(bytes(range(32))))
    mesh = open_mesh(tmp_path / "a", "http://c.test", vault=vault)
    mesh.rotate_keys("ann")
    ca, keys = mesh.ca_der, mesh.keys()
    out = io.BytesIO()
    back_up(engine_of(tmp_path / "a", None, create=False), out, described)
    mesh.close()
    url = postgresql.empty()
    engine = engine_of(tmp_path, url, create=True)
    out.seek(0)
    header = restore(engine, out, lambda session, head: go_on(session, head, 1.0))
    assert (header.said["version"], header.said["plain_keys"]) == (1, False)
    moved = open_mesh(tmp_path / "none", "http://c.test", database=url, vault=vault)
    assert (moved.ca_der, moved.keys()) == (ca, keys)
    current = moved.current()
    assert current is not None
    assert (current.version, current.kind) == (STEP + 1, "restore")
    assert moved.audit(1)[0].action == "restore"
    with moved._database.read() as session:
        assert master_key_ids(session) == set(header.said["master_keys"])
    moved.close()
