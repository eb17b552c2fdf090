"""Everything about people as one object: ``mesh.people``."""

from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import trio
from sqlalchemy.orm import Session

from control.identity.endings import Endings
from control.store import Database

from .hashing import AT_ONCE, Hasher
from .passwords import RESET_PATH, Passwords
from .person import Person, may
from .scopes import Scopes
from .second_factors import Box, SecondFactors
from .sessions import Sessions
from .sign_in import SignIn
from .throttle import Throttle
from .users import People


class Room:
    """``hashing``: the limiter of whatever hashes passwords, so that those who sign in keep no thread from anyone else;
    ``trio.to_thread.run_sync(mesh.people.sign_in.password, ..., limiter=mesh.people.hashing)``."""

    def __init__(
        self,
        database: Database,
        clock: Callable[[], float],
        endings: Endings,
        box: Box,
        url: str,
        hasher: Hasher | None = None,
    ) -> None:
        self._clock, self._url = clock, url
        self.hashing = trio.CapacityLimiter(AT_ONCE)
        self.hasher, throttle = hasher or Hasher(), Throttle(clock)
        place = urlsplit(url).hostname or "sidegate"
        self.users = People(database, clock, endings)
        self.second_factors = SecondFactors(database, clock, box, self.hasher, throttle, place)
        self.sign_in = SignIn(database, clock, self.hasher, throttle, self.second_factors)
        self.sessions = Sessions(database, clock)
        self.passwords = Passwords(database, clock, self.hasher, throttle, endings)
        self.scopes = Scopes(database, clock)

    def describe(self, subject: str) -> dict[str, Any] | None:
        """What is known of them, in the words of OpenID Connect Core section 5.1; None if they may not sign in."""
        person = self.users.find(subject)
        if person is None or not self._is_in(person):
            return None
        known = {"name": person.name, "email": person.email}
        return {"preferred_username": person.username, **{name: value for name, value in known.items() if value}}

    def reset_url(self, secret: str) -> str:
        """The link for people, of what is secret in it."""
        return f"{self._url}{RESET_PATH}?token={secret}"

    def may(self, session: Session, subject: str) -> bool:
        """May they have tokens, as that transaction sees it?"""
        return may(session, subject, self._clock())

    def _is_in(self, person: Person) -> bool:
        return person.active and (person.expires_at is None or person.expires_at > self._clock())
