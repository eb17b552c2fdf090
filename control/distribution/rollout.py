"""Who has acknowledged a version, and how long it took.

A *track* is kept for each of the last versions: who still owes an answer, when it was announced, when the last one
answered first. A sidecar that comes later is owed to as well, but does not lengthen the time that the receipt names.
"""

import logging
from collections import OrderedDict
from dataclasses import dataclass, field

import trio

from .journal import record
from .session import Session

MAX_TRACKS = 16


@dataclass(eq=False)
class Track:
    """One version on its way. Times are trio's."""

    announced_at: float
    settled_at: float | None = None
    owing: set[Session] = field(default_factory=set)


class Rollouts:
    """The tracks, and a place to wait for them. Memory: ``MAX_TRACKS`` times the sessions at most."""

    def __init__(self) -> None:
        self._tracks: OrderedDict[int, Track] = OrderedDict()
        self._posted = 0
        self._news = trio.Event()

    def announce(self, version: int) -> None:
        """``version`` exists; its snapshots are about to be posted."""
        if version > self._posted and version not in self._tracks:
            self._tracks[version] = Track(trio.current_time())
            while len(self._tracks) > MAX_TRACKS:
                self._tracks.popitem(last=False)

    def posted(self, version: int) -> None:
        """Every session that was there has ``version``, or a newer one, in its mailbox."""
        self._posted = max(self._posted, version)
        for number, track in self._tracks.items():
            if number <= version:
                self._settle(number, track)
        self._wake()

    def expect(self, session: Session) -> None:
        """``session`` is here, or was asked for something: it owes an answer to every track that it has not given."""
        for number, track in self._tracks.items():
            if not session.has_answered(number):
                track.owing.add(session)

    def answered(self, session: Session) -> None:
        """``session`` has acked or nacked."""
        for number, track in self._tracks.items():
            if session in track.owing and session.has_answered(number):
                self._pay(number, track, session)

    def left(self, session: Session) -> None:
        """``session`` is gone, or has nothing to run: nobody waits for it."""
        for number, track in self._tracks.items():
            if session in track.owing:
                self._pay(number, track, session)

    def elapsed_ms(self, version: int) -> float | None:
        """From the announcement to the last answer, or until now if one is missing; None if it is too long ago."""
        track = self._tracks.get(version)
        if track is None:
            return None
        until = trio.current_time() if track.settled_at is None else track.settled_at
        return round((until - track.announced_at) * 1000, 1)

    async def wait(self, version: int) -> None:
        """Until nobody owes an answer to ``version``."""
        while self._posted < version or ((track := self._tracks.get(version)) is not None and track.owing):
            await self._news.wait()

    def _pay(self, number: int, track: Track, session: Session) -> None:
        track.owing.discard(session)
        if number <= self._posted and not track.owing:
            self._settle(number, track)
            self._wake()

    def _settle(self, number: int, track: Track) -> None:
        if not track.owing and track.settled_at is None:
            track.settled_at = trio.current_time()
            record(logging.INFO, "answered", version=number, elapsed_ms=self.elapsed_ms(number))

    def _wake(self) -> None:
        self._news.set()
        self._news = trio.Event()
