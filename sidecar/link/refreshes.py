"""Issuers whose keys control should look at again, because a token named one that we do not have.

Asked for from the data plane, once for each such token; told to control at most once in ``EVERY_S`` for an issuer, and
only while connected: what is not told is asked for again by the next token. An attacker who makes up key ids makes one
small frame every ten seconds.
"""

import math
from collections import deque

import trio

EVERY_S = 10.0
MAX_ISSUERS = 256
"""More than a policy names; what is beyond waits for its turn."""


class Refreshes:
    """``ask`` from any task of the loop; ``next`` is what to tell control."""

    def __init__(self) -> None:
        self._not_before: dict[str, float] = {}
        self._wanted: deque[str] = deque()
        self._news = trio.Event()
        self.connected = False

    def ask(self, issuer: str) -> None:
        """A token named an unknown key of ``issuer``. Returns at once."""
        now = trio.current_time()
        if not self.connected or now < self._not_before.get(issuer, -math.inf):
            return
        if len(self._not_before) >= MAX_ISSUERS:
            self._not_before = {name: until for name, until in self._not_before.items() if until > now}
            if len(self._not_before) >= MAX_ISSUERS:
                return
        self._not_before[issuer] = now + EVERY_S
        self._wanted.append(issuer)
        self._news.set()

    async def next(self) -> str:
        """The next issuer to tell control of."""
        while not self._wanted:
            self._news = trio.Event()
            await self._news.wait()
        return self._wanted.popleft()

    def disconnected(self) -> None:
        """What was not told is forgotten."""
        self.connected = False
        self._wanted.clear()
