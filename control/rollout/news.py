"""What becomes an event. Versions, verdicts and the freeze come from the store, whichever control made them; who came,
went, refused, and how far a version is are of the sidecars that are connected here.

Each acknowledgement would be ten thousand events a push: they are counted, four times a second at the most. Each
refusal is an event with its reason.
"""

import logging
from collections.abc import Callable

import trio

from control.distribution import PushServer
from control.distribution.fleet import Happening
from control.distribution.session import Session
from control.distribution.threads import Threads
from control.mesh import Mesh, Version
from control.mesh.freeze import Frozen

from .events import Events

PROGRESS_EVERY_S = 0.25
RETRY_S = 1.0
MOST_AT_ONCE = 100
_ENDED = {"canary": "running", "promote": "promoted", "abort": "aborted"}
_log = logging.getLogger("control")


class News:
    """``run`` tells ``events``."""

    def __init__(self, mesh: Mesh, fleet: PushServer, events: Events, threads: Threads | None = None) -> None:
        self._mesh, self._fleet, self._events = mesh, fleet, events
        self._threads = threads or Threads(1)
        self._changed, self._answered = trio.Event(), trio.Event()
        self._version, self._frozen = 0, mesh.freezes.current()

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """For ever."""
        token = trio.lowlevel.current_trio_token()
        ends: list[Callable[[], None]] = [
            self._mesh.subscribe(lambda _version: token.run_sync_soon(self._look_again)),
            self._fleet.follow(self._happened),
        ]
        current = await self._threads.run(self._mesh.current)
        self._version = 0 if current is None else current.version
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._tell_changes)
                nursery.start_soon(self._tell_progress)
                task_status.started()
        finally:
            for end in ends:
                end()

    def _look_again(self) -> None:
        self._changed.set()

    def _happened(self, what: Happening, session: Session) -> None:
        named = {"sidecar": session.sidecar_id, "service": session.service, "instance": session.instance}
        match what:
            case "connected":
                self._events.tell(what, **named, address=session.address, agent=session.agent, version=session.version)
            case "disconnected":
                self._events.tell(what, **named, address=session.address, version=session.version, why=session.why)
            case "nacked" if session.nacked is not None:
                version, reason = session.nacked
                self._events.tell(what, **named, version=version, in_use=session.version, reason=reason)
        self._answered.set()

    async def _tell_progress(self) -> None:
        last: tuple[int, ...] = ()
        while True:
            await self._answered.wait()
            self._answered = trio.Event()
            found = self._fleet.tally(self._version)
            counts = {name: found[name] for name in ("acked", "nacked", "pending")}
            if self._version and (said := (self._version, *counts.values())) != last:
                last = said
                self._events.tell("progress", version=self._version, **counts)
            await trio.sleep(PROGRESS_EVERY_S)

    async def _tell_changes(self) -> None:
        while True:
            await self._changed.wait()
            self._changed = trio.Event()
            try:
                made = await self._threads.run(self._mesh.history, MOST_AT_ONCE)
                frozen = await self._threads.run(self._mesh.freezes.current)
            except Exception:
                # The database is away, and comes back.
                _log.exception("what changed could not be told; trying again")
                await trio.sleep(RETRY_S)
                self._changed.set()
                continue
            for version in reversed(made):
                if version.version > self._version:
                    self._tell_version(version)
            self._tell_freeze(frozen)
            self._answered.set()

    def _tell_version(self, made: Version) -> None:
        self._version = made.version
        said = {"version": made.version, "actor": made.actor, "note": made.note}
        self._events.tell("version", change=made.kind, **said)
        if made.kind in _ENDED:
            self._events.tell("canary", state=_ENDED[made.kind], **said)

    def _tell_freeze(self, frozen: Frozen | None) -> None:
        if frozen == self._frozen:
            return
        self._frozen = frozen
        said = {} if frozen is None else {"actor": frozen.actor, "reason": frozen.reason, "since": frozen.at}
        self._events.tell("freeze", frozen=frozen is not None, **said)
