"""One question to the store for everyone who asks it at the same time. When a whole fleet comes back, asking for each
would cost more than all the rest."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field

import trio

from .threads import Threads

MOST = 512


@dataclass(eq=False)
class _Asking:
    name: str
    settled: trio.Event = field(default_factory=trio.Event)
    answer: bool = False
    error: Exception | None = None


class Batches:
    """``which`` of some names are so? Blocking, called in a worker thread for up to ``MOST`` at once."""

    def __init__(self, which: Callable[[Sequence[str]], Collection[str]], threads: Threads) -> None:
        self._which, self._threads = which, threads
        self._waiting: list[_Asking] = []
        self._news = trio.Event()

    async def ask(self, name: str) -> bool:
        """Is it so? Raises what ``which`` raised. The question is put after this call began."""
        asking = _Asking(name)
        self._waiting.append(asking)
        self._news.set()
        await asking.settled.wait()
        if asking.error is not None:
            raise asking.error
        return asking.answer

    async def run(self) -> None:
        """For ever."""
        while True:
            await self._news.wait()
            asked, self._waiting = self._waiting[:MOST], self._waiting[MOST:]
            if not self._waiting:
                self._news = trio.Event()
            await self._answer(asked)

    async def _answer(self, asked: list[_Asking]) -> None:
        names = list({one.name for one in asked})
        try:
            found = frozenset(await self._threads.run(self._which, names))
        except Exception as error:  # each who asked hears of it
            for one in asked:
                one.error = error
        else:
            for one in asked:
                one.answer = one.name in found
        for one in asked:
            one.settled.set()
