"""Work with something else beside it that may end it: an upload, a client that leaves, a permission that ends.

One place for the nursery, so that a fault comes out as itself and never wrapped in a group.
"""

from collections.abc import Awaitable, Callable
from typing import TypeVar

import trio

from sidecar.http1.errors import DisconnectedError, RequestError, UpstreamError

T = TypeVar("T")


class EndedError(Exception):
    """An exchange that was ended from here although neither peer is at fault. ``reason`` is a word for the log."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


Fault = RequestError | UpstreamError | DisconnectedError | EndedError
Watch = Callable[[], Awaitable[Fault | None]]


async def watched(work: Callable[[], Awaitable[T]], *watches: Watch) -> T:
    """What ``work`` returns or raises. A watch that returns a fault before that ends it, and the fault is raised; one
    that returns None has nothing against it. Watches end with the work."""
    results: list[T] = []
    faults: list[Fault] = []

    async def stand(watch: Watch) -> None:
        if (fault := await watch()) is not None:
            faults.append(fault)
            nursery.cancel_scope.cancel()

    async with trio.open_nursery() as nursery:
        for watch in watches:
            nursery.start_soon(stand, watch)
        try:
            results.append(await work())
        except (RequestError, UpstreamError, DisconnectedError, EndedError) as error:
            faults.append(error)
        nursery.cancel_scope.cancel()
    if results:
        return results[0]
    raise faults[0]
