"""Which address is tried next: each sidecar has an order of its own, so that a fleet spreads over all controls.

The order is made of hashes of the sidecar's name and each address (rendezvous hashing), so that it is the same after
every restart, no two controls get more than their share, and an address that comes or goes moves only those sidecars
that it concerns. The first in it is the sidecar's *own* address. An address that kept a sidecar waiting, or refused
it, is tried last for a while, so that the same dead end is not paid for at each return. Refuses
to know how an address is reached.
"""

import hashlib
import math
from collections.abc import Awaitable, Callable, Iterable, Sequence
from random import Random

Resolve = Callable[[str], Awaitable[Sequence[str]]]
"""The addresses that an address stands for: a name may have several."""

LAST_FOR_S = 600.0
AWAY_S = (600.0, 1200.0)
"""How long a sidecar stays at an address that is not its own: drawn at random within."""


class Addresses:
    """The addresses of one link. Times are trio's."""

    def __init__(self, configured: Sequence[str], resolve: Resolve, rng: Random) -> None:
        self._configured, self._resolve, self._rng = configured, resolve, rng
        self._last_until: dict[str, float] = {}
        self._own = ""

    async def round(self, name: str, now: float) -> list[str]:
        """Each address once, in the order in which the sidecar called ``name`` tries them."""
        found: dict[str, None] = {}
        for address in self._configured:
            found |= dict.fromkeys(await self._resolve(address))
        order = spread(found, name)
        self._own = order[0]
        self._last_until = {one: until for one, until in self._last_until.items() if until > now and one in found}
        return sorted(order, key=lambda one: one in self._last_until)

    def put_last(self, address: str, now: float) -> None:
        """It took its time and gave nothing, or refused: the others come first for a while."""
        self._last_until[address] = now + LAST_FOR_S

    def stay_s(self, address: str) -> float:
        """How long a session there may last: for ever at home."""
        return math.inf if address == self._own else self._rng.uniform(*AWAY_S)


def spread(addresses: Iterable[str], name: str) -> list[str]:
    """In the order that is ``name``'s own."""
    return sorted(addresses, key=lambda one: hashlib.sha256(f"{name}\0{one}".encode()).digest())
