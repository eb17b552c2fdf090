"""The sidecars, connected or away, and the questions that the API asks about them.

Every answer is a value of this moment. Who is connected here is known here alone; who is connected to another control
is told by it, and who ever joined, the store knows.
"""

from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Literal

import trio

from .core import Core
from .desired import Orders
from .refreshes import Refreshes
from .registry import Registry, Rollout, SidecarView, outcome, told, view
from .rollout import Rollouts
from .session import Session
from .sightings import Sightings
from .threads import Threads

Happening = Literal["connected", "disconnected", "acked", "nacked"]
Follower = Callable[[Happening, Session], None]
Others = Callable[[], Awaitable[Sequence[SidecarView]]]
LOOK_ELSEWHERE_S = 0.1
HEARD_WITHIN_S = 3.0
"""Longer than it takes another control to notice what it was not told."""


class Fleet:
    """What the push server knows. Ask from its own trio thread."""

    def __init__(self, core: Core, threads: Threads, now: Callable[[], float]) -> None:
        self._core, self._threads = core, threads
        self._registry, self._rollouts = Registry(), Rollouts()
        self._orders = Orders(core, self._registry, self._rollouts, threads)
        self._refreshes = Refreshes(core, threads)
        self._sightings = Sightings(core, threads, now)
        self._followers: list[Follower] = []
        self._others: Others = _nobody

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

    def ask_others(self, others: Others) -> None:
        """Who is connected to other controls is asked there."""
        self._others = others

    async def sidecars(self) -> list[SidecarView]:
        """Every sidecar: those connected, here or to another control, and those that joined once and are away."""
        elsewhere, away = await self._not_here()
        return [*map(view, self._registry), *elsewhere, *away]

    def lowest_in_force(self) -> int | None:
        """The lowest version in force over the sidecars connected here; None if none is connected."""
        return min((session.acked for session in self._registry), default=None)

    async def lowest_everywhere(self) -> int | None:
        """The same over those connected to any control."""
        versions = [session.acked for session in self._registry]
        return min([*versions, *(one.version for one in await self._elsewhere())], default=None)

    def sessions(self) -> list[Session]:
        """Who is connected here, with what each reported of its requests."""
        return list(self._registry)

    async def rollout(self, version: int) -> Rollout:
        """How far ``version`` has come. A newer version in force counts: it holds what this one held."""
        elsewhere, away = await self._not_here()
        acked: list[SidecarView] = []
        nacked: list[tuple[SidecarView, str]] = []
        pending: list[SidecarView] = []
        here = ((view(one), *outcome(one, version)) for one in self._registry if not one.greeted or one.desired)
        there = ((one, *told(one, version)) for one in elsewhere if one.state != "idle")
        for one, state, reason in (*here, *there):
            match state:
                case "acked":
                    acked.append(one)
                case "nacked":
                    nacked.append((one, reason))
                case _:
                    pending.append(one)
        elapsed_ms = self._rollouts.elapsed_ms(version)
        return Rollout(version, acked, nacked, pending, away, elapsed_ms)

    async def wait_rollout(self, version: int, timeout_s: float) -> Rollout:
        """The same, when nobody connected owes an answer any more, or when the time is over. ``version`` exists."""
        self._orders.announce(version)
        with trio.move_on_after(timeout_s):
            await self._rollouts.wait(version)
            heard_by = trio.current_time() + HEARD_WITHIN_S
            while True:
                found = await self.rollout(version)
                if not found.pending and (trio.current_time() >= heard_by or not await self._are_idle_elsewhere()):
                    return found
                await trio.sleep(LOOK_ELSEWHERE_S)
        return await self.rollout(version)

    async def _are_idle_elsewhere(self) -> bool:
        """Who has nothing to run at another control may only not have heard of the first policy for it yet."""
        return any(one.state == "idle" for one in await self._elsewhere())

    async def _elsewhere(self) -> list[SidecarView]:
        return self._but_for_ours(await self._others())

    async def _not_here(self) -> tuple[list[SidecarView], list[SidecarView]]:
        """Who is connected to other controls, and who is away. Nothing is waited for after the look at who is here, so
        that one who comes meanwhile is counted once."""
        known = await self._threads.run(self._core.sidecars)
        elsewhere = self._but_for_ours(await self._others())
        there = {one.sidecar_id for one in elsewhere}
        away = self._registry.away(known, self._sightings.last_seen)
        return elsewhere, [one for one in away if one.sidecar_id not in there]

    def _but_for_ours(self, others: Iterable[SidecarView]) -> list[SidecarView]:
        here = {(session.sidecar_id, session.instance) for session in self._registry}
        return [one for one in others if (one.sidecar_id, one.instance) not in here]


async def _nobody() -> list[SidecarView]:
    return []
