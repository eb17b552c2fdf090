"""Telling other controls who is connected here, and hearing from them: many changes with one write, and a sign of life
every few seconds."""

import dataclasses
import logging
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import trio

from .fleet import Fleet, Happening
from .journal import record
from .registry import SidecarView, view
from .session import Session
from .threads import Threads

BATCH_S = 0.1
ALIVE_EVERY_S = 5.0
_FIELDS = frozenset(one.name for one in dataclasses.fields(SidecarView))


class Shared(Protocol):
    """Where it is told. Methods block; ``control.mesh.presence.Presence`` is one."""

    @property
    def is_shared(self) -> bool:
        """May there be other controls?"""
        ...

    def share(self, here: Mapping[tuple[str, str], Mapping[str, Any]], gone: Sequence[tuple[str, str]]) -> None:
        """These are connected here, and those are not any more."""
        ...

    def others(self) -> Sequence[Mapping[str, Any]]:
        """What the others tell."""
        ...

    def leave(self) -> None:
        """We end."""
        ...


class Presence:
    """``run`` beside the push server."""

    def __init__(self, fleet: Fleet, shared: Shared, threads: Threads | None = None) -> None:
        self._fleet, self._shared, self._threads = fleet, shared, threads or Threads(2)
        self._changed: dict[tuple[str, str], Session] = {}
        self._here: dict[tuple[str, str], Session] = {}
        self._news = trio.Event()

    async def run(self) -> None:
        """For ever; at the end we are gone."""
        if not self._shared.is_shared:
            return
        end = self._fleet.follow(self._happened)
        self._fleet.ask_others(self.others)
        try:
            while True:
                with trio.move_on_after(ALIVE_EVERY_S):
                    await self._news.wait()
                    await trio.sleep(BATCH_S)
                self._news = trio.Event()
                await self._share()
        finally:
            end()
            with trio.move_on_after(1, shield=True):
                await self._attempt(self._shared.leave)

    async def others(self) -> list[SidecarView]:
        """Those connected to other controls. What another version of control tells otherwise is left out."""
        told = await self._threads.run(self._shared.others)
        return [SidecarView(**one) for one in told if one.keys() == _FIELDS]

    def _happened(self, what: Happening, session: Session) -> None:
        key = session.sidecar_id, session.instance
        if what != "disconnected":
            self._here[key] = session
        elif self._here.get(key) is session:  # else a newer connection of the same instance took its place
            del self._here[key]
        self._changed[key] = session
        self._news.set()

    async def _share(self) -> None:
        changed, self._changed = self._changed, {}
        here = {key: dataclasses.asdict(view(self._here[key])) for key in changed if key in self._here}
        gone = [key for key in changed if key not in self._here]
        if not await self._attempt(self._shared.share, here, gone):
            self._changed = changed | self._changed

    async def _attempt(self, work: Any, *args: Any) -> bool:
        try:
            await self._threads.run(work, *args)
        except Exception as error:  # the database is away: told when it is back, and nobody is disturbed meanwhile
            record(logging.WARNING, "not_shared", why=f"{type(error).__name__}: {error}")
            return False
        return True
