"""The one task that keeps the keys of every provider fresh, for as long as control runs.

It asks the book who there is and when each is due, asks each of them at most once at a time, and writes down what came
of it. Whoever wants keys sooner (an operator, a push) joins the look that is under way. A provider that is down delays
no other one; a store that is down delays the look and ends nothing.
"""

import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import trio

from .fetch import Fetcher, FetchError
from .provider import Known, Learned, Provider, learn
from .schedule import FIRST_RETRY_S, MOST_S

AT_ONCE = 16
_log = logging.getLogger("control.issuers")


@dataclass(frozen=True, slots=True)
class Wanted:
    """A provider that some policy names, when it is due (seconds from now), and what is known of it."""

    provider: Provider
    due_in_s: float
    known: Known


class Book(Protocol):
    """What is written down about providers. Methods block, and are called in worker threads, but for ``on_news``."""

    def wanted(self) -> Sequence[Wanted]:
        """Every provider of the policy in force."""
        ...

    def known(self, provider: Provider) -> Known | None:
        """What is known of one, or None if its keys were never obtained."""
        ...

    def learned(self, provider: Provider, learned: Learned) -> None:
        """It has answered."""
        ...

    def failed(self, provider: Provider, why: str) -> None:
        """It has not."""
        ...

    def expire(self) -> float:
        """Keys whose grace is over are given up; in how many seconds the next one is due."""
        ...

    def on_news(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Call back, from any thread, when ``wanted`` may have changed; the result ends it."""
        ...


Run = Callable[..., Awaitable[Any]]
"""Calls a function that blocks."""


class Refresher:
    """``run`` in a nursery of its own; ``look`` and ``obtain`` from the same trio thread, at any time."""

    def __init__(self, book: Book, fetcher: Fetcher, run: Run = trio.to_thread.run_sync) -> None:
        self._book, self._fetcher, self._blocking = book, fetcher, run
        self._under_way: dict[str, trio.Event] = {}
        self._not_before: dict[str, float] = {}
        self._news = trio.Event()
        self._limit = trio.CapacityLimiter(AT_ONCE)

    async def run(self) -> None:
        """For ever."""
        token = trio.lowlevel.current_trio_token()
        unsubscribe = self._book.on_news(lambda: token.run_sync_soon(self._tell))
        try:
            async with trio.open_nursery() as nursery:
                while True:
                    self._news = trio.Event()
                    wait_s = await self._start_due(nursery)
                    with trio.move_on_after(wait_s):
                        await self._news.wait()
        finally:
            unsubscribe()

    async def look(self, provider: Provider) -> None:
        """Ask the provider now, or wait for the answer that is under way. What came of it is in the book."""
        if (under_way := self._under_way.get(provider.source)) is not None:
            await under_way.wait()
            return
        known = await self._blocking(self._book.known, provider)
        await self._look(provider, known or Known())

    async def obtain(self, providers: Sequence[Provider], patience_s: float) -> None:
        """Ask those whose keys were never obtained; returns when all have answered, or when the patience is over."""
        with trio.move_on_after(patience_s):
            async with trio.open_nursery() as nursery:
                for provider in providers:
                    if await self._blocking(self._book.known, provider) is None:
                        nursery.start_soon(self.look, provider)

    def _tell(self) -> None:
        self._news.set()

    async def _start_due(self, nursery: trio.Nursery) -> float:
        """Begins what is due; in how many seconds to come again."""
        try:
            wait_s: float = min(MOST_S, await self._blocking(self._book.expire))
            wanted = await self._blocking(self._book.wanted)
        except Exception:
            # A full disk or a locked database passes; without this task keys would never change again.
            _log.exception("the providers cannot be looked up; trying again")
            return FIRST_RETRY_S
        now = trio.current_time()
        self._not_before = {one.provider.source: self._not_before.get(one.provider.source, 0.0) for one in wanted}
        for one in wanted:
            source = one.provider.source
            due_in_s = max(one.due_in_s, self._not_before[source] - now)
            if source in self._under_way:
                continue
            if due_in_s > 0:
                wait_s = min(wait_s, due_in_s)
            else:
                # Whatever the store says: a provider is not asked twice in a second.
                self._not_before[source] = now + FIRST_RETRY_S
                nursery.start_soon(self._look, one.provider, one.known)
        return wait_s

    async def _look(self, provider: Provider, known: Known) -> None:
        if (under_way := self._under_way.get(provider.source)) is not None:
            await under_way.wait()
            return
        done = self._under_way[provider.source] = trio.Event()
        try:
            async with self._limit:
                await self._ask(provider, known)
        except Exception:
            # The store's affair, or a bug: it concerns this provider, which is asked again, and none of its siblings.
            _log.exception("what %s said could not be kept; trying again", provider.shown)
        finally:
            del self._under_way[provider.source]
            done.set()
            self._news.set()

    async def _ask(self, provider: Provider, known: Known) -> None:
        try:
            learned = await learn(self._fetcher, provider, known)
        except FetchError as error:
            await self._blocking(self._book.failed, provider, str(error))
        else:
            for why in learned.passed_over:
                _log.warning("%s: %s", provider.shown, why)
            await self._blocking(self._book.learned, provider, learned)
