"""Browsers in which people have signed in. In the store, so that every control knows them; of a cookie the hash alone.

A session ends after ``IDLE_S`` without a request, after ``LIFETIME_S`` whatever happens, when somebody ends it, and
with whatever ends all of its person: a new password, being turned off, removed or expired.
"""

import uuid
from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import ColumnElement, delete, select, update
from sqlalchemy.orm import Session as Transaction

from control.errors import Denied
from control.identity.credentials import hash_of, new_secret
from control.store import Database
from control.store.audit import record
from control.store.tables import PersonRow, PersonSessionRow

from .outcomes import SignedIn
from .person import Person, is_in, person_of
from .usernames import folded

COOKIE_PREFIX = "sgw_"
IDLE_S = 8 * 3600
LIFETIME_S = 7 * 86_400
KNOWN_S = 30 * 86_400
"""One that is over is remembered for so long: the browser is known by it, and nobody gets in."""
SEEN_EVERY_S = 60
"""Not more often is written down that a browser was here."""
MAX_SESSIONS = 50
"""Of one person; the one that was not used for longest makes room."""
MAX_COOKIE = 200
MAX_AGENT = 300


@dataclass(frozen=True, slots=True)
class Session:
    """One that counts. ``id`` may be shown to whose it is: nobody gets in with it."""

    id: str
    person: Person
    auth_time: int
    amr: tuple[str, ...]
    created_at: int
    last_seen: int
    address: str
    agent: str


class Sessions:
    """Those in the store. Thread-safe and blocking."""

    def __init__(self, database: Database, clock: Callable[[], float]) -> None:
        self._database, self._clock = database, clock

    def begin(self, signed_in: SignedIn, address: str, agent: str) -> str:
        """A new one: the value of its cookie, of which only the hash is kept. Never one that the browser brought.
        Denied if its person was changed since they signed in: they are to sign in again."""
        cookie, now = new_secret(COOKIE_PREFIX), int(self._clock())
        person = signed_in.person
        with self._database.write() as session:
            row = session.get(PersonRow, person.id)
            if row is None or not is_in(row, now) or row.revision != person.revision:
                raise Denied("Please sign in again.", "sign_in_again")
            self._make_room(session, person.id)
            session.add(
                PersonSessionRow(
                    hash=hash_of(cookie),
                    id=str(uuid.uuid4()),
                    person_id=person.id,
                    auth_time=signed_in.auth_time,
                    amr=list(signed_in.amr),
                    created_at=now,
                    last_seen=now,
                    expires_at=now + LIFETIME_S,
                    address=_shown(address, MAX_AGENT),
                    agent=_shown(agent, MAX_AGENT),
                )
            )
            record(session, now, person.id, "session.begin", row.username, amr=list(signed_in.amr))
        return cookie

    def find(self, cookie: str) -> Session | None:
        """The one of that cookie; None if there is none, it is over, or its person may not any more."""
        if not 0 < len(cookie) <= MAX_COOKIE:
            return None
        now = int(self._clock())
        with self._database.read() as session:
            row = session.get(PersonSessionRow, hash_of(cookie))
            person = None if row is None else session.get(PersonRow, row.person_id)
            if row is None or person is None or not _counts(row, now) or not is_in(person, now):
                return None
            found = _value(row, person_of(session, person))
        if now - found.last_seen >= SEEN_EVERY_S:
            with self._database.note() as session:
                session.execute(update(PersonSessionRow).where(PersonSessionRow.id == found.id).values(last_seen=now))
        return found

    def knew(self, cookie: str, username: str) -> bool:
        """Is, or was lately, that browser one of that person's? What ``SignIn.password`` asks as ``known_device``."""
        if not 0 < len(cookie) <= MAX_COOKIE:
            return False
        with self._database.read() as session:
            row = session.get(PersonSessionRow, hash_of(cookie))
            person = None if row is None else session.get(PersonRow, row.person_id)
            return person is not None and person.folded == folded(username)

    def end(self, cookie: str) -> None:
        """Sign out; nothing happens if it is over."""
        with self._database.write() as session:
            session.execute(delete(PersonSessionRow).where(PersonSessionRow.hash == hash_of(cookie)))

    def of(self, person_id: str) -> list[Session]:
        """Theirs, the newest first."""
        now, mine = int(self._clock()), PersonSessionRow.person_id == person_id
        query = select(PersonSessionRow).where(mine).order_by(PersonSessionRow.created_at.desc(), PersonSessionRow.id)
        with self._database.read() as session:
            row = session.get(PersonRow, person_id)
            if row is None or not is_in(row, now):
                return []
            person = person_of(session, row)
            return [_value(one, person) for one in session.scalars(query) if _counts(one, now)]

    def end_one(self, person_id: str, session_id: str, actor: str | None = None) -> bool:
        """By its id, if it is theirs; False if it is not, or over. ``actor``: who does it, if it is not they."""
        wanted = (PersonSessionRow.id == session_id) & (PersonSessionRow.person_id == person_id)
        return self._end(wanted, person_id, actor) == 1

    def end_all(self, person_id: str, but: str | None = None, actor: str | None = None) -> int:
        """All of theirs but the one with the id ``but``: how many."""
        wanted = PersonSessionRow.person_id == person_id
        return self._end(wanted if but is None else wanted & (PersonSessionRow.id != but), person_id, actor)

    def _end(self, wanted: ColumnElement[bool], person_id: str, actor: str | None) -> int:
        with self._database.write() as session:
            ids = list(session.scalars(select(PersonSessionRow.id).where(wanted)))
            session.execute(delete(PersonSessionRow).where(PersonSessionRow.id.in_(ids)))
            if ids:
                record(session, self._clock(), actor or person_id, "session.end", person_id, sessions=len(ids))
        return len(ids)

    def _make_room(self, session: Transaction, person_id: str) -> None:
        mine = select(PersonSessionRow.id).where(PersonSessionRow.person_id == person_id)
        newest = mine.order_by(PersonSessionRow.last_seen.desc(), PersonSessionRow.id).limit(MAX_SESSIONS - 1)
        kept = list(session.scalars(newest))
        others = (PersonSessionRow.person_id == person_id) & PersonSessionRow.id.not_in(kept)
        session.execute(delete(PersonSessionRow).where(others))


def _counts(row: PersonSessionRow, now: int) -> bool:
    return now < row.expires_at and now - row.last_seen < IDLE_S


def _value(row: PersonSessionRow, person: Person) -> Session:
    r = row
    return Session(r.id, person, r.auth_time, tuple(r.amr), r.created_at, r.last_seen, r.address, r.agent)


def _shown(text: str, most: int) -> str:
    return "".join(c if c.isprintable() else "?" for c in text[:most])
