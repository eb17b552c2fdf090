"""One look-up for everyone who asks at the same time. When a whole fleet comes back, a thread and a transaction for
each would cost more than all the rest."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

import trio

from control.errors import Denied

from .threads import Threads

MOST = 256
TURN_S = 0.01
"""From one look-up to the next. Whoever comes alone is answered at once; of a crowd some ten come in this time."""

Question = TypeVar("Question")
Answer = TypeVar("Answer")


@dataclass(eq=False)
class _Asking(Generic[Question, Answer]):
    question: Question
    settled: trio.Event = field(default_factory=trio.Event)
    answers: list[Answer] = field(default_factory=list)
    error: Exception | None = None


class Batches(Generic[Question, Answer]):
    """``look_up`` blocks and is called in a worker thread, for up to ``MOST`` questions at once; what it raises
    everyone hears who asked, a ``Denied`` that it returns whose it is."""

    def __init__(self, look_up: Callable[[Sequence[Question]], Sequence[Answer | Denied]], threads: Threads) -> None:
        self._look_up, self._threads = look_up, threads
        self._waiting: list[_Asking[Question, Answer]] = []
        self._news = trio.Event()

    async def ask(self, question: Question) -> Answer:
        """The answer, looked up after this was called; Denied."""
        asking = _Asking[Question, Answer](question)
        self._waiting.append(asking)
        self._news.set()
        await asking.settled.wait()
        if asking.error is not None:
            raise asking.error
        return asking.answers[0]

    async def run(self) -> None:
        """For ever."""
        while True:
            await self._news.wait()
            next_turn = trio.current_time() + TURN_S
            asked, self._waiting = self._waiting[:MOST], self._waiting[MOST:]
            if not self._waiting:
                self._news = trio.Event()
            await self._answer(asked)
            await trio.sleep_until(next_turn)

    async def _answer(self, asked: list[_Asking[Question, Answer]]) -> None:
        try:
            found = await self._threads.run(self._look_up, [one.question for one in asked])
        except Exception as error:  # the store's, for instance: each who asked hears of it
            for one in asked:
                one.error = error
        else:
            for one, answer in zip(asked, found, strict=True):
                if isinstance(answer, Denied):
                    one.error = answer
                else:
                    one.answers.append(answer)
        for one in asked:
            one.settled.set()
