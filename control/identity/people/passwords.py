"""Passwords: changed with the old one, or set with a link that an operator gave.

A link is random, of which only the hash is kept; it counts once, within its time, and the newest alone. Looking at it
does not use it up: what fetches links in messages would.
"""

from collections.abc import Callable

from sqlalchemy import delete
from sqlalchemy.orm import Session

from control.errors import Conflict, Invalid
from control.identity.credentials import hash_of, new_secret
from control.identity.endings import Endings
from control.store import Database
from control.store.audit import record
from control.store.tables import PasswordLinkRow, PersonRow

from .hashing import Hasher
from .outcomes import SpentLink, TooManyTries, WrongPassword
from .person import Person, is_in, person_of
from .throttle import ACCOUNT, Throttle
from .users import find_row, sign_out
from .weak import check

LINK_PREFIX = "sgl_"
LINK_LIFETIME_S = 24 * 3600
MAX_LINK_LIFETIME_S = 30 * 86_400
MAX_LINK = 200
RESET_PATH = "/account/reset"
"""The page that asks for the new password; the link's secret is its parameter ``token``."""


class Passwords:
    """Thread-safe and blocking: ``change`` and ``reset`` are to be called with ``mesh.people.hashing`` as limiter."""

    def __init__(
        self, database: Database, clock: Callable[[], float], hasher: Hasher, throttle: Throttle, endings: Endings
    ) -> None:
        self._database, self._clock, self._hasher, self._throttle = database, clock, hasher, throttle
        self._endings = endings

    def change(self, person_id: str, old: str, new: str) -> None:
        """WrongPassword, WeakPassword, TooManyTries, each with a text to show. All sessions of theirs end: begin a new
        one."""
        key = (ACCOUNT, f"of\n{person_id}")
        wait_s = self._throttle.begin(key)
        if wait_s > 0:
            raise TooManyTries(wait_s)
        with self._database.read() as session:
            row = session.get(PersonRow, person_id)
            kept, names = (None, ()) if row is None else (row.password_hash, _names(row))
        if not self._hasher.matches(old, kept):
            raise WrongPassword("That is not your password.")
        self._throttle.was_right(key)
        check(new, names)
        made = self._hasher.hash(new)
        with self._database.write() as session:
            row = session.get(PersonRow, person_id)
            if row is None or row.password_hash != kept or not is_in(row, self._clock()):
                raise WrongPassword("Your password was changed meanwhile.")
            self._set(session, row, made)
            record(session, self._clock(), person_id, "password.change", row.username, id=row.id)

    def reset_subject(self, link_token: str) -> Person | None:
        """Whose password may be set with the link; None if it is spent. It is not used up by looking."""
        with self._database.read() as session:
            row = self._of_link(session, link_token)
            return None if row is None else person_of(session, row)

    def reset(self, link_token: str, new: str) -> Person:
        """Set it, and use the link up: SpentLink, WeakPassword (then the link stays good). Their sessions end, and what
        they let clients do; nobody is signed in by it."""
        with self._database.read() as session:
            row = self._of_link(session, link_token)
            if row is None:
                raise _spent()
            person_id, names = row.id, _names(row)
        check(new, names)
        made = self._hasher.hash(new)
        with self._endings(person_id) as ending:
            row = self._of_link(ending.session, link_token)
            if row is None:
                raise _spent()
            ending.session.execute(delete(PasswordLinkRow).where(PasswordLinkRow.person_id == row.id))
            self._set(ending.session, row, made)
            ending.of_grants("the password was reset", subject=row.id)
            record(ending.session, self._clock(), row.id, "password.reset", row.username, id=row.id)
            return person_of(ending.session, row)

    def link(self, key: str, actor: str, lifetime_s: int = LINK_LIFETIME_S) -> tuple[Person, str, int]:
        """A link for that person, in place of any before: its secret, which is shown this once, and when it ends.
        NotFound, and Conflict for who may not sign in."""
        if not 1 <= lifetime_s <= MAX_LINK_LIFETIME_S:
            raise Invalid(f"a link lives for 1 to {MAX_LINK_LIFETIME_S} seconds")
        secret, now = new_secret(LINK_PREFIX), int(self._clock())
        with self._database.write() as session:
            row = find_row(session, key)
            if not is_in(row, now):
                raise Conflict("they are turned off, and no password would let them in")
            session.execute(delete(PasswordLinkRow).where(PasswordLinkRow.person_id == row.id))
            session.add(PasswordLinkRow(hash=hash_of(secret), person_id=row.id, expires_at=now + lifetime_s))
            record(session, now, actor, "user.reset_link", row.username, id=row.id, expires_at=now + lifetime_s)
            return person_of(session, row), secret, now + lifetime_s

    def _of_link(self, session: Session, link_token: str) -> PersonRow | None:
        if not 0 < len(link_token) <= MAX_LINK:
            return None
        link = session.get(PasswordLinkRow, hash_of(link_token))
        row = None if link is None else session.get(PersonRow, link.person_id)
        counts = link is not None and link.expires_at > self._clock() and is_in(row, self._clock())
        return row if counts else None

    @staticmethod
    def _set(session: Session, row: PersonRow, made: str) -> None:
        row.password_hash, row.revision = made, row.revision + 1
        sign_out(session, row.id)


def _names(row: PersonRow) -> tuple[str, ...]:
    return (row.username, row.name, row.email, "sidegate")


def _spent() -> SpentLink:
    return SpentLink("This link was used, or is too old. Ask for a new one.")
