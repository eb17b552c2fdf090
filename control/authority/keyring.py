"""The token signing keys as stored. All but the signer works in the caller's transaction, which is also where the
version, the snapshots and the audit row of the change are written. A private half is kept for as long as its key may
sign, and no longer.
"""

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, get_args

from sqlalchemy import select
from sqlalchemy.orm import Session

from control.errors import Conflict, Corrupt, NotFound
from control.store import Database
from control.store.erasure import erase
from control.store.tables import SigningKeyRow

from . import signing_keys
from .at_rest import SIGNING_KEY
from .lifecycle import KeyTimes, State
from .signing_keys import Algorithm, PrivateKey
from .vault import Vault

_ACTIVE = select(SigningKeyRow.kid).where(SigningKeyRow.state == "active")
_PUBLISHED = ("prepared", "active", "retiring")


@dataclass(frozen=True, slots=True)
class KeyInfo:
    """A signing key as an operator sees it: no private half. ``version``: the first snapshot that holds it."""

    kid: str
    algorithm: str
    state: State
    jwk: dict[str, str]
    version: int
    created_at: int
    activated_at: int | None
    retired_at: int | None

    @property
    def times(self) -> KeyTimes:
        """What the life cycle looks at."""
        return KeyTimes(self.kid, self.state, self.created_at, self.retired_at, self.activated_at)


def all_keys(session: Session) -> list[KeyInfo]:
    """Every key, oldest first."""
    return [_info(row) for row in _rows(session)]


def check(session: Session) -> None:
    """Corrupt, if control cannot have written the keys so: for a database that came from elsewhere."""
    rows = _rows(session)
    for row in rows:
        has_private = row.private_pem is not None
        if row.state not in get_args(State) or has_private != (row.state in ("prepared", "active")):
            raise Corrupt("a signing key is in no state that there is, or without its private half")
        if not signing_keys.is_jwk(row.public_jwk, row.kid, row.algorithm):
            raise Corrupt("a signing key's public half is not that of its name")
    if rows and [row.state for row in rows].count("active") != 1:
        raise Corrupt("not one signing key is active")


def published(session: Session) -> tuple[dict[str, str], ...]:
    """The public keys whose tokens count: the JWKS (RFC 7517 section 5), in a stable order."""
    return tuple(row.public_jwk for row in _rows(session) if row.state in _PUBLISHED)


def prepare(session: Session, vault: Vault, algorithm: Algorithm, version: int, now: float) -> KeyInfo:
    """A new key that signs nothing yet; Conflict while another one is waiting."""
    if any(row.state == "prepared" for row in _rows(session)):
        raise Conflict("a key is already prepared and waits to become active")
    key = signing_keys.generate(algorithm)
    jwk = signing_keys.public_jwk(key, algorithm)
    row = SigningKeyRow(
        kid=jwk["kid"],
        algorithm=algorithm,
        private_pem=vault.seal(SIGNING_KEY, jwk["kid"], signing_keys.to_pem(key)),
        public_jwk=jwk,
        state="prepared",
        version=version,
        created_at=int(now),
    )
    session.add(row)
    session.flush()
    return _info(row)


def activate(session: Session, kid: str, now: float) -> None:
    """``kid`` signs from now on; the one that did retires, and its private half is destroyed."""
    erase(session)
    row = _row(session, kid)
    if row.state != "prepared":
        raise AssertionError(f"a {row.state} key cannot become active")
    for active in _rows(session):
        if active.state == "active":
            active.state, active.retired_at, active.private_pem = "retiring", int(now), None
    row.state, row.activated_at = "active", int(now)
    session.flush()


def remove(session: Session, kid: str) -> None:
    """Forget a retiring key."""
    session.delete(_row(session, kid))
    session.flush()


def revoke(session: Session, kid: str, now: float) -> State:
    """The key's tokens stop counting; its private half is destroyed. Returns the state it was in."""
    erase(session)
    row = _row(session, kid)
    if row.state == "revoked":
        raise Conflict("this key is revoked already")
    before: State = row.state  # type: ignore[assignment]  # only this file writes it
    row.state, row.retired_at, row.private_pem = "revoked", int(now), None
    session.flush()
    return before


def active_key(session: Session, vault: Vault) -> tuple[str, Algorithm, PrivateKey]:
    """What signs now: kid, algorithm, private key."""
    row = next(row for row in _rows(session) if row.state == "active")
    if row.private_pem is None:
        raise AssertionError("the active key has lost its private half")
    pem = vault.open(SIGNING_KEY, row.kid, row.private_pem)
    return row.kid, signing_keys.algorithm_named(row.algorithm), signing_keys.from_pem(pem)


def _rows(session: Session) -> Sequence[SigningKeyRow]:
    return session.scalars(select(SigningKeyRow).order_by(SigningKeyRow.version, SigningKeyRow.kid)).all()


def _row(session: Session, kid: str) -> SigningKeyRow:
    row = session.get(SigningKeyRow, kid)
    if row is None:
        raise NotFound("there is no such key")
    return row


def _info(row: SigningKeyRow) -> KeyInfo:
    state: State = row.state  # type: ignore[assignment]  # only this file writes it
    return KeyInfo(
        row.kid, row.algorithm, state, row.public_jwk, row.version, row.created_at, row.activated_at, row.retired_at
    )


class Signer:
    """The active key, kept open for use. Which one it is is asked anew for every token, since another control may
    have changed it. Thread-safe."""

    def __init__(self, database: Database, vault: Vault) -> None:
        self._database, self._vault, self._lock = database, vault, threading.Lock()
        self._opened: tuple[str, Algorithm, PrivateKey] | None = None

    def sign(self, claims: Mapping[str, Any], typ: str = "at+jwt") -> str:
        """A JWT of these claims: an access token, unless ``typ`` says otherwise."""
        active = {row.kid for row in self._database.rows(_ACTIVE)}
        with self._lock:
            if self._opened is None or self._opened[0] not in active:
                with self._database.read() as session:
                    self._opened = active_key(session, self._vault)
            kid, algorithm, key = self._opened
        return signing_keys.sign(key, algorithm, kid, claims, typ)
