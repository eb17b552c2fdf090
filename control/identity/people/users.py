"""People as operators know them: added, found, changed, turned off, removed.

Who is turned off, removed, or whose time is over is out in the transaction that says so: sessions, links, what they let
clients do, and tokens, in every sidecar. Turning them on again brings back the person, and nothing else.
"""

import uuid
from collections.abc import Callable
from typing import Any, TypedDict, Unpack

from sqlalchemy import delete, func, or_, select
from sqlalchemy.orm import Session

from control.errors import Conflict, Invalid, NotFound
from control.identity.endings import Ending, Endings
from control.store import Database
from control.store.audit import record
from control.store.erasure import erase
from control.store.tables import PasswordLinkRow, PersonRow, PersonSessionRow, SecondFactorRow, SignInTicketRow

from .person import Person, is_in, person_of, valued
from .usernames import checked_email, checked_name, checked_username, folded

MAX_PEOPLE = 1_000_000


class PersonChanges(TypedDict, total=False):
    """What ``update`` can change; what is absent stays."""

    username: str
    name: str
    email: str
    active: bool
    expires_at: int | None


Holds = Callable[[Person], None]
"""Looks at them in the transaction that changes them, and raises Stale if the caller has not seen them so."""


class People:
    """Those in the store. Thread-safe and blocking. ``key`` is a person's username or id."""

    def __init__(self, database: Database, clock: Callable[[], float], endings: Endings) -> None:
        self._database, self._clock, self._endings = database, clock, endings

    def find(self, person_id: str) -> Person | None:
        """By id; also one who is turned off or has expired: see ``Person.active``."""
        if not person_id.isprintable():
            return None
        with self._database.read() as session:
            row = session.get(PersonRow, person_id)
            return None if row is None else person_of(session, row)

    def find_by_name(self, username: str) -> Person | None:
        """By username, as it is typed: upper or lower case, in any form of Unicode."""
        with self._database.read() as session:
            row = row_named(session, username)
            return None if row is None else person_of(session, row)

    def get(self, key: str) -> Person:
        """The one named ``key``; NotFound."""
        with self._database.read() as session:
            return person_of(session, find_row(session, key))

    def list(self, limit: int, after: str = "") -> "list[Person]":
        """The first ``limit`` by username (as it is compared), of those behind ``after``."""
        query = select(PersonRow).where(PersonRow.folded > after).order_by(PersonRow.folded).limit(limit)
        with self._database.read() as session:
            rows = session.scalars(query).all()
            theirs = SecondFactorRow.person_id.in_([row.id for row in rows])
            factors = select(SecondFactorRow.person_id).where(theirs, SecondFactorRow.confirmed.is_(True))
            second = set(session.scalars(factors))
            return [valued(row, row.id in second) for row in rows]

    def create(
        self, username: str, actor: str, *, name: str = "", email: str = "", expires_at: int | None = None
    ) -> Person:
        """Somebody new, without a password: give them a link. Conflict if the username is taken."""
        now = self._clock()
        with self._database.write() as session:
            if (session.scalar(select(func.count()).select_from(PersonRow)) or 0) >= MAX_PEOPLE:
                raise Conflict(f"there are {MAX_PEOPLE} users already")
            row = PersonRow(
                id=str(uuid.uuid4()),
                username=checked_username(username),
                folded=_free(session, username),
                name=checked_name(name),
                email=checked_email(email),
                active=True,
                expires_at=_expiry(expires_at, now),
                created_at=int(now),
                revision=0,
                password_hash=None,
            )
            session.add(row)
            session.flush()
            record(session, now, actor, "user.create", row.username, id=row.id, expires_at=expires_at)
            return person_of(session, row)

    def update(self, key: str, actor: str, *, holds: Holds | None = None, **changes: Unpack[PersonChanges]) -> Person:
        """Change what is named in ``changes``, if they are as ``holds`` wants it."""
        now = self._clock()
        with self._endings(actor) as ending:
            session = ending.session
            row = _found(session, key, holds)
            were_in = is_in(row, now)
            _apply(session, row, changes, now)
            row.revision += 1
            record(session, now, actor, "user.update", row.username, id=row.id, changes=dict(changes))
            if were_in and not is_in(row, now):
                put_out(ending, row, "the user was turned off")
            return person_of(session, row)

    def remove(self, key: str, actor: str, *, holds: Holds | None = None) -> None:
        """They are gone, and their id is never anybody's again."""
        with self._endings(actor) as ending:
            erase(ending.session)
            row = _found(ending.session, key, holds)
            put_out(ending, row, "the user was removed")
            record(ending.session, self._clock(), actor, "user.remove", row.username, id=row.id)
            ending.session.delete(row)

    def end_expired(self, actor: str) -> int:
        """Turn off those whose time is over: how many."""
        now = self._clock()
        over = PersonRow.active.is_(True) & (PersonRow.expires_at <= int(now))
        with self._database.read() as session:
            if session.scalar(select(PersonRow.id).where(over).limit(1)) is None:
                return 0
        with self._endings(actor) as ending:
            rows = ending.session.scalars(select(PersonRow).where(over)).all()
            for row in rows:
                row.active, row.revision = False, row.revision + 1
                record(ending.session, now, actor, "user.expire", row.username, id=row.id)
                put_out(ending, row, "the user has expired")
            return len(rows)


def put_out(ending: Ending, row: PersonRow, why: str) -> None:
    """Nothing that they, or somebody in their name, can have begun goes on."""
    sign_out(ending.session, row.id)
    ending.session.execute(delete(PasswordLinkRow).where(PasswordLinkRow.person_id == row.id))
    ending.of_subject(row.id, why)


def sign_out(session: Session, person_id: str) -> None:
    """Every browser, and every signing in that is under way."""
    session.execute(delete(PersonSessionRow).where(PersonSessionRow.person_id == person_id))
    session.execute(delete(SignInTicketRow).where(SignInTicketRow.person_id == person_id))


def row_named(session: Session, username: str) -> PersonRow | None:
    """The one of that username."""
    form = folded(username)
    return session.scalar(select(PersonRow).where(PersonRow.folded == form)) if form else None


def find_row(session: Session, key: str) -> PersonRow:
    """The one of that username or id; NotFound."""
    form = folded(key)
    rows = session.scalars(select(PersonRow).where(or_(PersonRow.folded == form, PersonRow.id == form))).all()
    if len(rows) != 1 or not form:
        raise NotFound("there is no such user")
    return rows[0]


def _found(session: Session, key: str, holds: Holds | None) -> PersonRow:
    row = find_row(session, key)
    if holds is not None:
        holds(person_of(session, row))
    return row


def _apply(session: Session, row: PersonRow, changes: PersonChanges, now: float) -> None:
    if "username" in changes:
        shown = checked_username(changes["username"])
        if folded(shown) != row.folded:
            row.folded = _free(session, shown)
        row.username = shown
    if "name" in changes:
        row.name = checked_name(changes["name"])
    if "email" in changes:
        row.email = checked_email(changes["email"])
    if "expires_at" in changes:
        row.expires_at = _expiry(changes["expires_at"], now)
    row.active = changes.get("active", row.active)
    if row.active and not is_in(row, now):
        raise Invalid("their time is over: say until when they may come in again")


def _free(session: Session, username: str) -> str:
    form = folded(username)
    taken: Any = select(PersonRow.id).where(or_(PersonRow.folded == form, PersonRow.id == form))
    if session.scalar(taken) is not None:
        raise Conflict(f"the username {username[:100]!r} is taken")
    return form


def _expiry(expires_at: int | None, now: float) -> int | None:
    if expires_at is not None and expires_at <= now:
        raise Invalid("a user cannot have expired already: turn them off")
    return expires_at
