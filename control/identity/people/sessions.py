"""Browsers in which people have signed in."""

from dataclasses import dataclass

from .outcomes import SignedIn
from .person import Person


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

    def begin(self, signed_in: SignedIn, address: str, agent: str) -> str:
        """A new one: the value of its cookie, of which only the hash is kept. Never one that the browser brought."""
        raise NotImplementedError

    def find(self, cookie: str) -> Session | None:
        """The one of that cookie; None if there is none, it is over, or its person may not any more."""
        raise NotImplementedError

    def end(self, cookie: str) -> None:
        """Sign out; nothing happens if it is over."""
        raise NotImplementedError

    def of(self, person_id: str) -> list[Session]:
        """Theirs, the newest first."""
        raise NotImplementedError

    def end_one(self, person_id: str, session_id: str) -> bool:
        """By its id, if it is theirs; False if it is not, or over."""
        raise NotImplementedError

    def end_all(self, person_id: str, but: str | None = None) -> int:
        """All of theirs but the one with the id ``but``: how many."""
        raise NotImplementedError
