"""Where blocking calls go: a few worker threads of our own, so that a slow database starves nobody else of theirs."""

from collections.abc import Callable
from typing import TypeVar, TypeVarTuple

import trio

T = TypeVar("T")
Ts = TypeVarTuple("Ts")


class Threads:
    """At most ``limit`` calls at a time. Tests that own the clock have one that calls in place, because a mock clock
    does not wait for threads."""

    def __init__(self, limit: int) -> None:
        self._limiter = trio.CapacityLimiter(limit)

    async def run(self, work: Callable[[*Ts], T], *args: *Ts) -> T:
        """``work(*args)``, elsewhere. Not abandoned when cancelled: what it changes is changed."""
        return await trio.to_thread.run_sync(work, *args, limiter=self._limiter)
