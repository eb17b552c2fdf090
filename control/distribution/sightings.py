"""When each sidecar was last here, kept with one write for all: thousands that come back at once are thousands of
notes, and a disk has a few hundred writes a second."""

import logging
from collections.abc import Callable

import trio

from .core import Core, KnownSidecar
from .journal import record
from .session import Session
from .threads import Threads

EVERY_S = 10.0
FAREWELL_S = 1.0
"""How long the last write may take when control ends."""


class Sightings:
    """``note`` who came or went; ``run`` keeps it."""

    def __init__(self, core: Core, threads: Threads, now: Callable[[], float]) -> None:
        self._core, self._threads, self._now = core, threads, now
        self._unkept: dict[str, tuple[str, str, float]] = {}

    def note(self, session: Session) -> None:
        """It is here, or was until now."""
        self._unkept[session.sidecar_id] = session.sidecar_id, session.address, self._now()

    def last_seen(self, known: KnownSidecar) -> float:
        """Of a sidecar that the store knows, unix seconds."""
        noted = self._unkept.get(known.id)
        return float(known.last_seen) if noted is None else noted[2]

    async def run(self) -> None:
        """For ever; at the end what is left."""
        try:
            while True:
                await trio.sleep(EVERY_S)
                await self._keep()
        finally:
            with trio.move_on_after(FAREWELL_S, shield=True):
                await self._keep()

    async def _keep(self) -> None:
        kept = list(self._unkept.values())
        if not kept:
            return
        try:
            await self._threads.run(self._core.seen, kept)
        except Exception as error:  # the store's affair: nobody is disturbed, and it is tried again
            record(logging.WARNING, "not_noted", sidecars=len(kept), why=f"{type(error).__name__}: {error}")
            return
        for one in kept:
            if self._unkept.get(one[0]) is one:
                del self._unkept[one[0]]
