"""The secrets of applications: several at a time, so that one takes another's place while both count.

A secret ends by being turned off, removed, or by its time. Which of them a token came by is not written in the token,
so that with a secret all tokens end that its application has; who holds another gets new ones at once.
"""

import secrets
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypedDict, Unpack

from sqlalchemy import BindParameter, ColumnElement, delete, func, or_, select
from sqlalchemy.orm import Session

from control.errors import Conflict, Invalid, NotFound
from control.store import Database
from control.store.audit import record
from control.store.tables import ApplicationRow, ApplicationSecretRow

from .credentials import APPLICATION_PREFIX, hash_of, matches, new_secret
from .endings import Ending, Endings

MAX_SECRETS = 10
"""Of one application: each is compared with what is shown."""
MAX_NAME = 100
_NOBODY = hash_of(secrets.token_bytes(32))


@dataclass(frozen=True, slots=True)
class ApplicationSecret:
    """One of them, without what is secret. ``expires_at`` None: never."""

    id: str
    client_id: str
    name: str
    active: bool
    expires_at: int | None
    created_at: int
    revision: int


class SecretChanges(TypedDict, total=False):
    """What ``update`` can change; what is absent stays."""

    name: str
    active: bool
    expires_at: int | None


Holds = Callable[[ApplicationSecret], None]
"""Looks at it in the transaction that changes it, and raises Stale if the caller has not seen it so."""


class ApplicationSecrets:
    """Those in the store. Thread-safe. ``client_id`` is of an application that is there."""

    def __init__(self, database: Database, clock: Callable[[], float], endings: Endings) -> None:
        self._database, self._clock, self._endings = database, clock, endings

    def create(
        self, client_id: str, actor: str, *, name: str = "", expires_at: int | None = None
    ) -> tuple[ApplicationSecret, str]:
        """One more, and its text, which is shown this once."""
        with self._database.write() as session:
            if session.scalar(select(ApplicationRow.id).where(ApplicationRow.client_id == client_id)) is None:
                raise NotFound("there is no such application")
            row, text = add(session, client_id, self._clock(), name=name, expires_at=expires_at)
            record(session, self._clock(), actor, "credential.create", client_id, id=row.id, expires_at=expires_at)
            return _value(row), text

    def list(self, client_id: str | None = None) -> "list[ApplicationSecret]":
        """All of them, or those of one application; oldest first."""
        query = select(ApplicationSecretRow).order_by(ApplicationSecretRow.created_at, ApplicationSecretRow.id)
        if client_id is not None:
            query = query.where(ApplicationSecretRow.client_id == client_id)
        with self._database.read() as session:
            return [_value(row) for row in session.scalars(query)]

    def get(self, secret_id: str) -> ApplicationSecret:
        """One of them; NotFound."""
        with self._database.read() as session:
            return _value(_find(session, secret_id))

    def update(
        self, secret_id: str, actor: str, *, holds: Holds | None = None, **changes: Unpack[SecretChanges]
    ) -> ApplicationSecret:
        """Change what is named in ``changes``. If it no longer counts then, nor do its application's tokens."""
        with self._endings(actor) as ending:
            row = _find(ending.session, secret_id)
            if holds is not None:
                holds(_value(row))
            if "name" in changes:
                row.name = _name(changes["name"])
            if "expires_at" in changes:
                row.expires_at = _expiry(changes["expires_at"], self._clock())
            counted, row.active = row.active, changes.get("active", row.active)
            row.revision += 1
            record(ending.session, self._clock(), actor, "credential.update", row.client_id, id=row.id, **changes)
            if counted and not row.active:
                _end(ending, row.client_id, "a secret of the application was turned off")
            return _value(row)

    def remove(self, secret_id: str, actor: str, *, holds: Holds | None = None) -> None:
        """It counts no more, nor do its application's tokens, if it did."""
        with self._endings(actor) as ending:
            row = _find(ending.session, secret_id)
            if holds is not None:
                holds(_value(row))
            counted, client_id = row.active, row.client_id
            ending.session.delete(row)
            ending.session.flush()
            record(ending.session, self._clock(), actor, "credential.remove", client_id, id=secret_id)
            if counted:
                _end(ending, client_id, "a secret of the application was removed")

    def end_expired(self, actor: str) -> int:
        """Turn off those whose time is over: how many."""
        over = ApplicationSecretRow.active.is_(True) & (ApplicationSecretRow.expires_at <= int(self._clock()))
        with self._database.read() as session:
            if session.scalar(select(ApplicationSecretRow.id).where(over).limit(1)) is None:
                return 0
        with self._endings(actor) as ending:
            rows = ending.session.scalars(select(ApplicationSecretRow).where(over)).all()
            for row in rows:
                row.active, row.revision = False, row.revision + 1
                record(ending.session, self._clock(), actor, "credential.expire", row.client_id, id=row.id)
                _end(ending, row.client_id, "a secret of the application has expired")
            return len(rows)


def add(
    session: Session, client_id: str, now: float, *, name: str = "", expires_at: int | None = None
) -> tuple[ApplicationSecretRow, str]:
    """One more secret of that application, and its text."""
    mine = ApplicationSecretRow.client_id == client_id
    if (session.scalar(select(func.count()).select_from(ApplicationSecretRow).where(mine)) or 0) >= MAX_SECRETS:
        raise Conflict(f"an application has at most {MAX_SECRETS} secrets: remove those that nobody uses")
    text = new_secret(APPLICATION_PREFIX)
    row = ApplicationSecretRow(
        id=str(uuid.uuid4()),
        client_id=client_id,
        name=_name(name),
        secret_hash=hash_of(text),
        active=True,
        expires_at=_expiry(expires_at, now),
        created_at=int(now),
        revision=0,
    )
    session.add(row)
    session.flush()
    return row, text


def replace_all(ending: Ending, client_id: str) -> str:
    """A new secret in place of all that there are: its text. The application's tokens end with the old ones."""
    ending.session.execute(delete(ApplicationSecretRow).where(ApplicationSecretRow.client_id == client_id))
    _, text = add(ending.session, client_id, ending.now)
    _end(ending, client_id, "the application has a new secret")
    return text


def fits(secret: str, kept: Iterable[bytes]) -> bool:
    """Is ``secret`` one of those that are kept? Where none is, it takes as long as where one is wrong."""
    return True in [matches(secret, one) for one in tuple(kept) or (_NOBODY,)]  # all of them, however early one fits


def counting(now: int | BindParameter[int]) -> ColumnElement[bool]:
    """Those that count at ``now``."""
    lasts = or_(ApplicationSecretRow.expires_at.is_(None), ApplicationSecretRow.expires_at > now)
    return ApplicationSecretRow.active.is_(True) & lasts


def _end(ending: Ending, client_id: str, why: str) -> None:
    ending.session.flush()
    mine = ApplicationSecretRow.client_id == client_id
    others = select(ApplicationSecretRow.id).where(mine, counting(int(ending.now))).limit(1)
    ending.of_client(client_id, why, goes_on=ending.session.scalar(others) is not None)


def _find(session: Session, secret_id: str) -> ApplicationSecretRow:
    row = session.get(ApplicationSecretRow, secret_id) if secret_id.isprintable() else None
    if row is None:
        raise NotFound("there is no such credential")
    return row


def _name(name: str) -> str:
    if len(name) > MAX_NAME or not name.isprintable() or name != name.strip():
        raise Invalid(f"a credential's name is at most {MAX_NAME} printable characters")
    return name


def _expiry(expires_at: int | None, now: float) -> int | None:
    if expires_at is not None and expires_at <= now:
        raise Invalid("a credential cannot have expired already: turn it off")
    return expires_at


def _value(row: ApplicationSecretRow) -> ApplicationSecret:
    r = row
    return ApplicationSecret(r.id, r.client_id, r.name, r.active, r.expires_at, r.created_at, r.revision)
