"""Tokens whose signature verified, so that a token is verified once and not once a request.

Bounded in entries and in bytes; the least recently used goes first. Holds only tokens that verified, so that
no flood of bad ones can push out a good one. A lookup is by hash (keyed, per process) and then by the whole
token, which tells a guesser nothing. Knows nothing of time: what it returns is to be checked again.
"""

from collections import OrderedDict

from .principal import Principal

MAX_ENTRIES = 4096
MAX_CHARS = 4 * 1024 * 1024
"""Of tokens. What they decode to is larger, by a factor that ``strict_json`` bounds."""


class TokenCache:
    """Token -> Principal, least recently used first out."""

    def __init__(self, max_entries: int = MAX_ENTRIES, max_chars: int = MAX_CHARS) -> None:
        self._max_entries, self._max_chars = max_entries, max_chars
        self._principals: OrderedDict[str, Principal] = OrderedDict()
        self._chars = 0

    def __len__(self) -> int:
        return len(self._principals)

    def get(self, token: str) -> Principal | None:
        """The principal of a token that verified before."""
        principal = self._principals.get(token)
        if principal is not None:
            self._principals.move_to_end(token)
        return principal

    def put(self, token: str, principal: Principal) -> None:
        """Remember a token that verified."""
        self.drop(token)
        self._principals[token] = principal
        self._chars += len(token)
        while len(self._principals) > self._max_entries or self._chars > self._max_chars:
            oldest, _ = self._principals.popitem(last=False)
            self._chars -= len(oldest)

    def drop(self, token: str) -> None:
        """Forget a token, if it is known."""
        if self._principals.pop(token, None) is not None:
            self._chars -= len(token)
