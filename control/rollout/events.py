"""The last events, in memory, and those who follow them.

An event's id is that of this run of control and a number: whoever names the last one that they have seen goes on after
it. What they missed because it is forgotten, or was another run's, is said by a ``gap``. A follower has no queue of its
own but a place in the one there is; who falls off its end has been too slow. Knows nothing of HTTP.
"""

import secrets
from collections import Counter, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import trio

MAX_KEPT = 4096
MAX_FOLLOWERS = 64
MAX_OF_ONE = 32
"""Of one credential: whoever may only look shall not keep everybody else from looking."""
NEVER = -1


@dataclass(frozen=True, slots=True)
class Event:
    """``number`` counts from 1 in each run of control; ``at`` is unix seconds."""

    number: int
    at: float
    kind: str
    facts: dict[str, object]


class TooMany(Exception):  # noqa: N818 - a noun
    """There are ``MAX_FOLLOWERS`` already, or ``MAX_OF_ONE`` of theirs."""


class TooSlow(Exception):  # noqa: N818 - a noun
    """What the follower was to have next is forgotten."""


class Events:
    """``tell`` one; ``follow`` them. Within one trio thread."""

    def __init__(self, now: Callable[[], float], kept: int = MAX_KEPT) -> None:
        self._now, self._run = now, secrets.token_hex(4)
        self._kept = deque[Event](maxlen=kept)
        self._newest, self._followers = 0, Counter[str]()
        self._news = trio.Event()

    def tell(self, kind: str, **facts: object) -> None:
        """It has happened."""
        self._newest += 1
        self._kept.append(Event(self._newest, self._now(), kind, facts))
        self._news.set()
        self._news = trio.Event()

    def is_full(self, who: str) -> bool:
        """Is there no room for another follower, or for another one of theirs?"""
        return self._followers.total() >= MAX_FOLLOWERS or self._followers[who] >= MAX_OF_ONE

    def id_of(self, event: Event) -> str:
        """By which a follower says where to go on."""
        return f"{self._run}-{event.number}"

    @contextmanager
    def follow(self, after: str | None = None, who: str = "") -> Iterator["Following"]:
        """Whoever takes each event after the one of that id, or from now on; TooMany."""
        if self.is_full(who):
            raise TooMany
        self._followers[who] += 1
        try:
            yield Following(self, self._newest if after is None else self._place(after))
        finally:
            self._followers -= Counter((who,))  # which drops those that are at 0

    def after(self, number: int) -> Event | None:
        """The one that follows; None if there is none yet; TooSlow."""
        if number < self._newest - len(self._kept):
            raise TooSlow
        return None if number == self._newest else self._kept[number - self._newest]

    def gap(self) -> Event:
        """For whoever has to go on from here."""
        return Event(self._newest, self._now(), "gap", {})

    async def more(self) -> None:
        """Until the next one."""
        await self._news.wait()

    def _place(self, after: str) -> int:
        run, _, number = after.partition("-")
        if run != self._run or not number.isascii() or not number.isdigit() or len(number) > 15:
            return NEVER
        forgotten = self._newest - len(self._kept)
        return int(number) if forgotten <= int(number) <= self._newest else NEVER


class Following:
    """One follower's place."""

    def __init__(self, events: Events, seen: int) -> None:
        self._events, self._seen = events, seen

    async def next(self, quiet_s: float) -> Event | None:
        """The next event; None if nothing happened for ``quiet_s``; TooSlow."""
        await trio.lowlevel.checkpoint()
        event = self._events.gap() if self._seen == NEVER else self._events.after(self._seen)
        if event is None:
            with trio.move_on_after(quiet_s):
                await self._events.more()
            event = self._events.after(self._seen)
        if event is not None:
            self._seen = event.number
        return event
