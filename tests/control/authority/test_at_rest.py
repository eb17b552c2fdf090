"""Private keys at rest: what is in the files, what opens it, and what a wrong key changes: nothing."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select, update

from control.authority import signing_keys
from control.authority.at_rest import master_key_ids, protect, stored_keys
from control.authority.master_key import MasterKey
from control.authority.vault import Vault, WrongMasterKey, sealed_under
from control.mesh import Mesh, open_mesh
from control.store import erasure, open_database
from control.store.tables import AuditRow, SecretRow, SigningKeyRow
from tests.postgresql import PostgreSQL

FIRST, SECOND, THIRD = (MasterKey(bytes(range(n, n + 32))) for n in (1, 50, 100))
PEM = b"-----BEGIN PRIVATE KEY-----"


class Place:
    """A directory, and a mesh in it that is opened and closed with one master key or another."""

    def __init__(self, data: Path) -> None:
        self.data, self.now = data, 1_800_000_000.0

    def open(self, vault: Vault) -> Mesh:
        """Started. Whoever asks closes it."""
        return open_mesh(self.data, "http://c.test", clock=lambda: self.now, vault=vault)

    def start(self, vault: Vault) -> tuple[bytes, bytes, list[str]]:
        """Started, looked at, stopped: the CA, the snapshot key, and the signing keys that there are."""
        mesh = self.open(vault)
        try:
            if len(mesh.keys()) == 1:
                mesh.rotate_keys("ann")
            keys = mesh.keys()
            return mesh.ca_der, mesh.signing_public_key, [key.kid for key in keys]
        finally:
            mesh.close()

    def bytes_on_disk(self) -> bytes:
        """Everything in the directory, database, log and all."""
        return b"".join(file.read_bytes() for file in sorted(self.data.iterdir()))

    def blobs(self) -> list[bytes]:
        """The private keys as they are stored."""
        database = open_database(self.data)
        with database.read() as session:
            found = [key.blob for key in stored_keys(session)]
        database.close()
        return found


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    """A directory with nothing in it."""
    return Place(tmp_path / "data")


def test_without_a_master_key_it_is_said_loudly(place: Place, caplog: pytest.LogCaptureFixture) -> None:
    """One warning at each start; the keys lie in the file."""
    place.start(Vault())
    assert [r.message for r in caplog.records if "not encrypted" in r.message]
    assert PEM in place.bytes_on_disk()


def test_with_one_from_the_start_nothing_is_ever_plain(place: Place, caplog: pytest.LogCaptureFixture) -> None:
    """Neither while it runs nor after, in database and log; and nothing is warned of."""
    mesh = place.open(Vault(FIRST))
    mesh.rotate_keys("ann")
    assert b"PRIVATE KEY" not in place.bytes_on_disk()
    mesh.close()
    assert b"PRIVATE KEY" not in place.bytes_on_disk()
    assert len(place.blobs()) == 4
    assert not caplog.records


def test_plain_keys_are_encrypted_and_gone_from_the_files(place: Place) -> None:
    """The same keys as before, no byte of their plain form anywhere, not even of those that were removed long ago."""
    before = place.start(Vault())
    assert b"PRIVATE KEY" in place.bytes_on_disk()
    plain = place.blobs()
    database = open_database(place.data)
    with database.write() as session:
        session.add(SecretRow(name="old", blob=plain[0]))
    with database.write() as session:
        session.delete(session.get_one(SecretRow, "old"))  # without secure_delete: its bytes stay in the page
    database.close()
    assert place.start(Vault(FIRST)) == before
    on_disk = place.bytes_on_disk()
    assert PEM not in on_disk
    for pem in plain:
        assert not any(line in on_disk for line in pem.splitlines()[1:-1])
    assert all(sealed_under(blob) == FIRST.id for blob in place.blobs())
    assert place.start(Vault(FIRST)) == before


def test_control_that_died_before_the_file_was_rewritten(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """The next start finishes it: the mark is kept with the change."""
    monkeypatch.setattr(erasure, "BUSY_TIMEOUT_MS", 1)
    before = place.start(Vault())
    database = open_database(place.data)
    with database.read() as reader:
        reader.execute(select(SecretRow)).all()  # a reader keeps the log from being emptied, as a crash would
        protect(database, Vault(FIRST), 1, "system")
    with database.read() as session:
        assert session.get(SecretRow, "erase.plain") is not None
    database.close()
    assert place.start(Vault(FIRST)) == before
    assert PEM not in place.bytes_on_disk()
    database = open_database(place.data)
    with database.read() as session:
        assert session.get(SecretRow, "erase.plain") is None
    database.close()


@pytest.mark.parametrize("vault", [Vault(), Vault(SECOND), Vault(SECOND, [THIRD])])
def test_a_wrong_key_is_a_sentence_and_changes_nothing(place: Place, vault: Vault) -> None:
    """Which key is needed is said by its id; the right one still opens everything."""
    before = place.start(Vault(FIRST))
    stored = place.blobs()
    with pytest.raises(WrongMasterKey, match=FIRST.id.hex()):
        place.open(vault)
    assert place.blobs() == stored
    assert place.start(Vault(FIRST)) == before


def test_half_plain_and_half_under_another_key(place: Place) -> None:
    """A wrong key seals nothing, not even what it could."""
    place.start(Vault())
    plain = place.blobs()
    place.start(Vault(FIRST))
    database = open_database(place.data)
    with database.write() as session:
        session.execute(update(SecretRow).where(SecretRow.name == "ca.key").values(blob=plain[0]))
    database.close()
    with pytest.raises(WrongMasterKey):
        place.open(Vault(SECOND))
    assert plain[0] in place.blobs()


def test_the_master_key_is_rotated(place: Place) -> None:
    """With the one before beside it everything is sealed anew; from then on the old one opens nothing."""
    before = place.start(Vault(FIRST))
    assert place.start(Vault(SECOND, [FIRST])) == before
    assert all(sealed_under(blob) == SECOND.id for blob in place.blobs())
    assert place.start(Vault(SECOND)) == before
    with pytest.raises(WrongMasterKey, match=SECOND.id.hex()):
        place.open(Vault(FIRST))


def test_several_controls_change_over_one_by_one(place: Place) -> None:
    """Each learns the new key as its previous one first: whoever starts again in between, all can open all."""
    before = place.start(Vault(FIRST))
    for vault in (Vault(FIRST, [SECOND]), Vault(SECOND, [FIRST]), Vault(FIRST, [SECOND]), Vault(SECOND, [FIRST])):
        assert place.start(vault) == before
    assert place.start(Vault(SECOND)) == before


def test_a_blob_in_another_row_does_not_open(place: Place) -> None:
    """Whoever can write to the database cannot make one key stand for another."""
    place.start(Vault(FIRST))
    database = open_database(place.data)
    with database.write() as session:
        kids = list(session.scalars(select(SigningKeyRow.kid).order_by(SigningKeyRow.kid)))
        blob = session.get_one(SigningKeyRow, kids[0]).private_pem
        session.execute(update(SigningKeyRow).where(SigningKeyRow.kid == kids[1]).values(private_pem=blob))
    database.close()
    with pytest.raises(WrongMasterKey, match="damaged or moved"):
        place.open(Vault(FIRST))


def test_several_controls_encrypt_one_postgresql(tmp_path: Path, postgresql: PostgreSQL) -> None:
    """All of them start at once with a new master key: each comes up, and everything is sealed, once."""
    url = postgresql.empty()
    open_mesh(tmp_path, "http://c.test", database=url).close()
    opened, failed = list[bytes](), list[Exception]()

    def start() -> None:
        try:
            mesh = open_mesh(tmp_path, "http://c.test", database=url, vault=Vault(FIRST))
            opened.append(mesh.ca_der)
            mesh.close()
        except Exception as error:  # whatever it is, the test tells of it
            failed.append(error)

    threads = [threading.Thread(target=start) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert len(set(opened)) == 1
    database = open_database(tmp_path, url)
    with database.read() as session:
        assert master_key_ids(session) == {FIRST.id.hex()}
        assert session.get(SecretRow, "erase.plain") is None
        assert len(session.scalars(select(AuditRow).where(AuditRow.action == "master_key.encrypt")).all()) == 1
    database.close()
    with pytest.raises(WrongMasterKey):
        open_mesh(tmp_path, "http://c.test", database=url, vault=Vault(SECOND))


def test_each_sealing_is_another(place: Place) -> None:
    """A nonce is never used twice: equal keys look different, and so does one that is sealed again."""
    vault = Vault(FIRST)
    sealed = {vault.seal("secret", "ca.key", PEM) for _ in range(100)}
    assert len({blob[9:21] for blob in sealed}) == 100


def test_it_is_written_down(place: Place) -> None:
    """Sealing is in the audit trail, once, with no more than a number."""
    place.start(Vault())
    place.start(Vault(FIRST))
    place.start(Vault(FIRST))
    database = open_database(place.data)
    with database.read() as session:
        rows = session.scalars(select(AuditRow).where(AuditRow.action == "master_key.encrypt")).all()
        assert [(row.actor, row.detail) for row in rows] == [("system", {"keys": 4})]
        assert master_key_ids(session) == {FIRST.id.hex()}
    database.close()


def test_a_key_that_signs_no_more_has_no_private_half(place: Place) -> None:
    """It is destroyed when its key retires, in the file as well."""
    mesh = place.open(Vault())
    first = signing_keys.from_pem(place.blobs()[-1])
    lines = signing_keys.to_pem(first).splitlines()[1:-1]
    mesh.rotate_keys("ann")
    place.now += 100
    mesh.advance_keys(None)
    keys = mesh.keys()
    mesh.close()
    assert [key.state for key in keys] == ["retiring", "active"]
    assert len(place.blobs()) == 3
    assert not any(line in place.bytes_on_disk() for line in lines)


SEALED = Vault(FIRST).seal("signing_key", "k", b"-----BEGIN PRIVATE KEY-----\nMIGH\n")


@given(st.integers(0, len(SEALED) - 1), st.integers(1, 255))
def test_a_changed_byte_does_not_open(place_: int, change: int) -> None:
    """Wherever it is: format, key id, nonce, ciphertext or tag."""
    damaged = bytearray(SEALED)
    damaged[place_] ^= change
    with pytest.raises(WrongMasterKey):
        Vault(FIRST).open("signing_key", "k", bytes(damaged))


@given(st.binary(max_size=200))
def test_what_is_no_envelope_does_not_open(blob: bytes) -> None:
    """Any bytes: a plain key, or one sentence."""
    try:
        assert Vault(FIRST).open("signing_key", "k", blob) == blob
    except WrongMasterKey:
        return
    assert blob.startswith(b"-----BEGIN ")
