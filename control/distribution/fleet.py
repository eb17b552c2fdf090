"""The sidecars, connected or away, and the questions that the API asks about them.

Every answer is a value of this moment. Who is connected is known here alone; who ever joined, the store knows.
"""

from collections import Counter
from collections.abc import Callable
from typing import Literal

import trio

from .core import Core
from .desired import Orders
from .refreshes import Refreshes
from .registry import Registry, Rollout, SidecarView, outcome, view
from .rollout import Rollouts
from .session import Session
from .sightings import Sightings
from .threads import Threads

Happening = Literal["connected", "disconnected", "acked", "nacked"]
Follower = Callable[[Happening, Session], None]


class Fleet:
    """What the push server knows. Ask from its own trio thread."""

    def __init__(self, core: Core, threads: Threads, now: Callable[[], float]) -> None:
        self._core, self._threads = core, threads
        self._registry, self._rollouts = Registry(), Rollouts()
        self._orders = Orders(core, self._registry, self._rollouts, threads)
        self._refreshes = Refreshes(core, threads)
        self._sightings = Sightings(core, threads, now)
        self._followers: list[Follower] = []

    def follow(self, follower: Follower) -> Callable[[], None]:
        """Call ``follower``, in the trio thread, with all that happens to sessions; it must be quick. Returns what ends
        it."""
        self._followers.append(follower)
        return lambda: self._followers.remove(follower)

    def _tell(self, what: Happening, session: Session) -> None:
        for follower in self._followers:
            follower(what, session)

    def tally(self, version: int) -> Counter[str]:
        """How many of those connected here have ``version`` in force (acked), refused it (nacked), owe an answer
        (pending)."""
        asked = (session for session in self._registry if session.desired is not None)
        return Counter(outcome(session, version)[0] for session in asked)

    async def sidecars(self) -> list[SidecarView]:
        """Every sidecar: those connected, and those that joined once and are away."""
        known = await self._threads.run(self._core.sidecars)
        return self._registry.views(known, self._sightings.last_seen)

    def lowest_in_force(self) -> int | None:
        """The lowest version in force over the connected sidecars; None if none is connected."""
        return min((session.acked for session in self._registry), default=None)

    def sessions(self) -> list[Session]:
        """Who is connected here, with what each reported of its requests."""
        return list(self._registry)

    async def rollout(self, version: int) -> Rollout:
        """How far ``version`` has come. A newer version in force counts: it holds what this one held."""
        known = await self._threads.run(self._core.sidecars)
        acked: list[SidecarView] = []
        nacked: list[tuple[SidecarView, str]] = []
        pending: list[SidecarView] = []
        for session in self._registry:
            if session.greeted and session.desired is None:
                continue
            match outcome(session, version):
                case "acked", _:
                    acked.append(view(session))
                case "nacked", reason:
                    nacked.append((view(session), reason))
                case _:
                    pending.append(view(session))
        elapsed_ms = self._rollouts.elapsed_ms(version)
        return Rollout(
            version, acked, nacked, pending, self._registry.away(known, self._sightings.last_seen), elapsed_ms
        )

    async def wait_rollout(self, version: int, timeout_s: float) -> Rollout:
        """The same, when nobody connected owes an answer any more, or when the time is over. ``version`` exists."""
        self._orders.announce(version)
        with trio.move_on_after(timeout_s):
            await self._rollouts.wait(version)
        return await self.rollout(version)
