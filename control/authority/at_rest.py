"""The rows that hold private keys, and bringing all of them under one master key at start.

``secret``         the mesh's CA and the snapshot signing key
``signing_key``    the token signing keys
``second_factor``  what people's authenticators share with us

The CA's certificate is in ``secret`` too and is public. One transaction: every row is sealed under the current key, or
none was touched. Plain rows that are no more are then removed from the file; a mark in the same transaction sees to it
that this happens though control may die in between.
"""

import logging
from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from control.store import Database
from control.store.audit import record
from control.store.erasure import compact, erase
from control.store.tables import SecondFactorRow, SecretRow, SigningKeyRow

from .vault import Vault, sealed_under

SECRET, SIGNING_KEY, SECOND_FACTOR = "secret", "signing_key", "second_factor"
"""The kinds of rows, as a blob is bound to them."""
PUBLIC = ("ca.certificate",)
_ERASE = "erase.plain"
_log = logging.getLogger("control.authority")


@dataclass(frozen=True, slots=True)
class StoredKey:
    """One private key as it is stored."""

    kind: str
    name: str
    blob: bytes


class FactorBox:
    """Closes and opens what authenticators share with us."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault

    def seal(self, name: str, plain: bytes) -> bytes:
        """As it is stored for the person ``name``."""
        return self._vault.seal(SECOND_FACTOR, name, plain)

    def open(self, name: str, blob: bytes) -> bytes:
        """The reverse; WrongMasterKey."""
        return self._vault.open(SECOND_FACTOR, name, blob)


def stored_keys(session: Session) -> Iterator[StoredKey]:
    """Every private key that there is."""
    for name, blob in session.execute(select(SecretRow.name, SecretRow.blob).order_by(SecretRow.name)).all():
        if name not in (*PUBLIC, _ERASE):
            yield StoredKey(SECRET, name, blob)
    query = select(SigningKeyRow.kid, SigningKeyRow.private_pem).order_by(SigningKeyRow.kid)
    for kid, pem in session.execute(query).all():
        if pem is not None:
            yield StoredKey(SIGNING_KEY, kid, pem)
    factors = select(SecondFactorRow.person_id, SecondFactorRow.secret).order_by(SecondFactorRow.person_id)
    for person_id, blob in session.execute(factors).all():
        yield StoredKey(SECOND_FACTOR, person_id, blob)


def master_key_ids(session: Session) -> frozenset[str]:
    """Under which master keys (hex) the private keys lie; "" stands for none."""
    ids = (sealed_under(key.blob) for key in stored_keys(session))
    return frozenset("" if one is None else one.hex() for one in ids)


def protect(database: Database, vault: Vault, now: float, actor: str) -> int:
    """Every private key under the vault's current key; how many were not. WrongMasterKey if one cannot be opened, and
    then nothing is changed: nor is it if there is no master key."""
    with database.write() as session:
        erase(session)
        opened = [(key, vault.open(key.kind, key.name, key.blob)) for key in stored_keys(session)]
        due = [(key, plain) for key, plain in opened if not vault.is_current(key.blob)]
        for key, plain in due:
            _replace(session, key, vault.seal(key.kind, key.name, plain))
        if due:
            session.merge(SecretRow(name=_ERASE, blob=b""))
            record(session, now, actor, "master_key.encrypt", "private keys", keys=len(due))
        unfinished = session.get(SecretRow, _ERASE) is not None
    if unfinished:
        _forget_plain(database)
    if not vault.encrypts:
        _log.warning(
            "the private keys in the database are not encrypted: whoever reads its file, or a backup of it, has them. "
            "See master_key_file, CONTROL_MASTER_KEY and master_key_command"
        )
    return len(due)


def _replace(session: Session, key: StoredKey, blob: bytes) -> None:
    if key.kind == SECRET:
        session.execute(update(SecretRow).where(SecretRow.name == key.name).values(blob=blob))
    elif key.kind == SIGNING_KEY:
        session.execute(update(SigningKeyRow).where(SigningKeyRow.kid == key.name).values(private_pem=blob))
    else:
        session.execute(update(SecondFactorRow).where(SecondFactorRow.person_id == key.name).values(secret=blob))


def _forget_plain(database: Database) -> None:
    if not compact(database):
        _log.warning("the database is in use: what its keys were before is removed from its file at the next start")
        return
    with database.write() as session:
        mark = session.get(SecretRow, _ERASE)
        if mark is not None:  # another control over the same database may have been faster
            session.delete(mark)
