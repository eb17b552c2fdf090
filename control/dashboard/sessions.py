"""Who has signed in. Kept in memory, by the hash of a random name that only the browser's cookie knows."""

import hashlib
import secrets
from collections import OrderedDict
from dataclasses import dataclass

LIFETIME_S = 8 * 3600
MAX_SESSIONS = 100


@dataclass(frozen=True, slots=True)
class Session:
    """One signed-in browser. ``ends_at`` is on the clock that ``Sessions`` is used with."""

    operator_id: str
    ends_at: float


class Sessions:
    """The sessions there are. ``now`` is any clock that never goes back."""

    def __init__(self) -> None:
        self._by_hash: OrderedDict[bytes, Session] = OrderedDict()

    def begin(self, operator_id: str, now: float) -> str:
        """A new session; its name, for the cookie. The oldest one ends if there are too many."""
        name = secrets.token_urlsafe(32)
        self._by_hash[_hash(name)] = Session(operator_id, now + LIFETIME_S)
        if len(self._by_hash) > MAX_SESSIONS:
            self._by_hash.popitem(last=False)
        return name

    def find(self, name: str, now: float) -> Session | None:
        """The session of that name, if it has not ended."""
        session = self._by_hash.get(_hash(name))
        if session is not None and session.ends_at <= now:
            self.end(name)
            return None
        return session

    def end(self, name: str) -> None:
        """Signs out."""
        self._by_hash.pop(_hash(name), None)


def _hash(name: str) -> bytes:
    return hashlib.sha256(name.encode("utf-8", "surrogatepass")).digest()
