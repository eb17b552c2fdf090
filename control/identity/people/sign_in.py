"""Signing in: by a password, and by a second factor if there is one.

Every try costs one computation of a hash, whoever is named; and whatever was wrong, the answer is the same. What is
wrong is nobody's but the log's, which names nobody either: people type passwords where their name belongs.
"""

import logging
from collections.abc import Callable

from sqlalchemy import delete
from sqlalchemy.orm import Session

from control.buckets import network_of
from control.identity.credentials import hash_of, new_secret
from control.store import Database
from control.store.tables import PersonRow, SignInTicketRow

from .hashing import Hasher
from .outcomes import MULTIPLE, ONE_TIME, PASSWORD, NotSignedIn, SecondFactorNeeded, SignedIn, Throttled
from .person import is_in, person_of
from .second_factors import SecondFactors
from .throttle import ACCOUNT, ADDRESS, CODE, Key, Throttle
from .usernames import folded
from .users import row_named

TICKET_PREFIX = "sgt_"
TICKET_LIFETIME_S = 300
TICKET_TRIES = 5
_log = logging.getLogger("control.identity")


class SignIn:
    """Thread-safe and blocking: to be called through ``trio.to_thread.run_sync``, with ``mesh.people.hashing`` as its
    limiter."""

    def __init__(
        self,
        database: Database,
        clock: Callable[[], float],
        hasher: Hasher,
        throttle: Throttle,
        second_factors: SecondFactors,
    ) -> None:
        self._database, self._clock, self._hasher, self._throttle = database, clock, hasher, throttle
        self._second_factors = second_factors

    def password(
        self, username: str, password: str, address: str, known_device: bool = False
    ) -> SignedIn | SecondFactorNeeded | NotSignedIn | Throttled:
        """``address``: where the request came from. ``known_device``: this browser holds a session of that person, or
        had one: guesses made elsewhere do not slow it down."""
        account, place = folded(username), network_of(address)
        known = known_device or self._throttle.knows(account, place)
        keys: tuple[Key, ...] = ((ACCOUNT, account), (ADDRESS, place))
        if known:
            keys = ((ACCOUNT, f"{account}\n{place}"),)
        wait_s = self._throttle.begin(*keys)
        if wait_s > 0:
            return Throttled(wait_s)
        with self._database.read() as session:
            row = row_named(session, username)
            person_id, kept = (None, None) if row is None else (row.id, row.password_hash)
        proven = self._hasher.matches(password, kept)
        if not proven or person_id is None or kept is None:
            _log.info("a sign-in from %s failed", place)
            return NotSignedIn()
        renewed = self._hasher.hash(password) if self._hasher.is_outdated(kept) else kept
        outcome = self._proven(person_id, kept, renewed, known)
        if not isinstance(outcome, NotSignedIn):
            self._throttle.was_right(*keys)
        if isinstance(outcome, SignedIn):
            self._throttle.remember(account, place)
        return outcome

    def second_factor(self, ticket: str, code: str, address: str) -> SignedIn | NotSignedIn | Throttled:
        """``code``: of an authenticator, or a recovery code; spaces and hyphens in it do not matter. A wrong code
        leaves the ticket as it is, a few times over."""
        with self._database.read() as session:
            found = self._ticket(session, ticket)
            if found is None:
                return NotSignedIn()
            person_id, known = found.person_id, found.known
        place = network_of(address)
        key = (CODE, f"{person_id}\n{place}" if known else person_id)
        wait_s = self._throttle.begin(key)
        if wait_s > 0:
            return Throttled(wait_s)
        with self._database.write() as session:
            outcome = self._second(session, ticket, code)
        if isinstance(outcome, NotSignedIn):
            _log.info("a second factor from %s was wrong", place)
            return outcome
        self._throttle.was_right(key)
        self._throttle.remember(folded(outcome.person.username), place)
        return outcome

    def _proven(
        self, person_id: str, kept: str, renewed: str, known: bool
    ) -> SignedIn | SecondFactorNeeded | NotSignedIn:
        """Their password was the one of ``kept``: is it still, and may they?"""
        now = int(self._clock())
        with self._database.write() as session:
            row = session.get(PersonRow, person_id)
            if row is None or row.password_hash != kept or not is_in(row, now):
                return NotSignedIn()
            row.password_hash = renewed
            person = person_of(session, row)
            if not person.has_second_factor:
                return SignedIn(person, (PASSWORD,), now)
            session.execute(delete(SignInTicketRow).where(SignInTicketRow.expires_at <= now))
            ticket = new_secret(TICKET_PREFIX)
            made = {"person_id": person_id, "known": known, "tries": 0, "expires_at": now + TICKET_LIFETIME_S}
            session.add(SignInTicketRow(hash=hash_of(ticket), **made))
            return SecondFactorNeeded(ticket)

    def _second(self, session: Session, ticket: str, code: str) -> SignedIn | NotSignedIn:
        found = self._ticket(session, ticket)
        row = None if found is None else session.get(PersonRow, found.person_id)
        if found is None or row is None or not is_in(row, self._clock()):
            return NotSignedIn()
        if not self._second_factors.use(session, row.id, code):
            found.tries += 1
            return NotSignedIn()
        session.delete(found)
        return SignedIn(person_of(session, row), (PASSWORD, ONE_TIME, MULTIPLE), int(self._clock()))

    def _ticket(self, session: Session, ticket: str) -> SignInTicketRow | None:
        row = session.get(SignInTicketRow, hash_of(ticket))
        counts = row is not None and row.expires_at > self._clock() and row.tries < TICKET_TRIES
        return row if counts else None
