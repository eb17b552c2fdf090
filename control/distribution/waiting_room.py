"""A bound on connections that have not said who they are yet.

Those that find all seats taken stand in line, in the order in which they came; the line has an end, and whoever finds
it full is turned away. Whoever has kept silent longest loses the seat to the first in line, provided there was a fair
time to speak. So neither a crowd of silent peers nor a whole fleet that comes back at once shuts the others out, and of
a fleet no more are greeted at a time than can be in time.
"""

import math
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

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
    """``async with room.wait() as seat`` around everything before authentication; None means: turned away."""

    def __init__(self, seats: int, line: int, fair_s: float) -> None:
        self._seats, self._places, self._fair_s = seats, line, fair_s
        self._taken: dict[Seat, None] = {}  # in order of arrival
        self._line = deque[trio.Event]()
        self._left = trio.Event()

    def __len__(self) -> int:
        """The seats taken."""
        return len(self._taken)

    @asynccontextmanager
    async def wait(self) -> AsyncIterator[Seat | None]:
        """A seat when there is one. Losing it cancels the block, quietly."""
        if not self._has_seat() and len(self._line) >= self._places and not self._make_room():
            yield None
            return
        await self._stand_in_line()
        seat = Seat(trio.current_time())
        with seat.scope:
            self._taken[seat] = None
            try:
                yield seat
            finally:
                self._taken.pop(seat, None)
                self._call_next()

    async def has_place(self) -> None:
        """Until there is a place in the line."""
        while len(self._line) >= self._places > 0:
            await self._left.wait()

    def _has_seat(self) -> bool:
        return len(self._taken) < self._seats and not self._line

    async def _stand_in_line(self) -> None:
        if self._has_seat():
            return
        turn = trio.Event()
        self._line.append(turn)
        try:
            while self._line[0] is not turn or (len(self._taken) >= self._seats and not self._make_room()):
                with trio.move_on_at(self._next_is_due() if self._line[0] is turn else math.inf):
                    await turn.wait()
                if turn.is_set():
                    self._line[self._line.index(turn)] = turn = trio.Event()
        finally:
            self._line.remove(turn)
            self._left.set()
            self._left = trio.Event()
            self._call_next()

    def _call_next(self) -> None:
        if self._line:
            self._line[0].set()

    def _next_is_due(self) -> float:
        longest = self._longest_silent()
        return math.inf if longest is None else longest.since + self._fair_s

    def _longest_silent(self) -> Seat | None:
        return next((seat for seat in self._taken if seat.silent), None)

    def _make_room(self) -> bool:
        longest = self._longest_silent()
        if longest is None or trio.current_time() < longest.since + self._fair_s:
            return False
        del self._taken[longest]
        longest.scope.cancel()
        return True
