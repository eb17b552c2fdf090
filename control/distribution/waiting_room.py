"""A bound on connections that have not said who they are yet.

When it is full, whoever has kept silent longest goes, provided it had a fair time to speak; else the newcomer is
turned away. So neither a crowd of silent peers nor a whole fleet that comes back at once can shut the others out.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import trio


class Seat:
    """One place. After ``has_spoken()`` it is not taken away any more: its hello is being judged."""

    def __init__(self, since: float) -> None:
        self.since = since
        self.silent = True
        self.scope = trio.CancelScope()

    def has_spoken(self) -> None:
        """The hello is here."""
        self.silent = False


class WaitingRoom:
    """``with room.wait() as seat`` around everything before authentication; None means: turned away."""

    def __init__(self, seats: int, fair_s: float) -> None:
        self._seats, self._fair_s = seats, fair_s
        self._taken: dict[Seat, None] = {}  # in order of arrival

    def __len__(self) -> int:
        return len(self._taken)

    @contextmanager
    def wait(self) -> Iterator[Seat | None]:
        """A seat if there is one. Losing it cancels the block, quietly."""
        seat = Seat(trio.current_time())
        if len(self._taken) >= self._seats and not self._make_room(seat.since):
            yield None
            return
        with seat.scope:
            self._taken[seat] = None
            try:
                yield seat
            finally:
                self._taken.pop(seat, None)

    def _make_room(self, now: float) -> bool:
        longest = next((seat for seat in self._taken if seat.silent), None)
        if longest is None or now - longest.since < self._fair_s:
            return False
        del self._taken[longest]
        longest.scope.cancel()
        return True
