"""Where blocking calls go: a worker thread, so that no exchange waits for a disk."""

from collections.abc import Callable
from typing import Protocol, TypeVar, TypeVarTuple

import trio

T = TypeVar("T")
Ts = TypeVarTuple("Ts")


class InThread(Protocol):
    """Calls and awaits. Tests that own the clock call in place, because a mock clock does not wait for threads."""

    async def __call__(self, work: Callable[[*Ts], T], /, *args: *Ts) -> T:
        """``work(*args)``."""
        ...


async def in_thread(work: Callable[[*Ts], T], /, *args: *Ts) -> T:
    """The real one."""
    return await trio.to_thread.run_sync(work, *args)
