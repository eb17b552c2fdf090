"""What each connected service should run, and the news that it changed.

The rest of control tells of a change from whatever thread made it; the news is a number and means "look again".
Snapshots are looked up once for each service and put into the mailbox of each of its sessions. A look-up that fails
changes nothing and is tried again: what sidecars run does not depend on control's database being well.
"""

import logging

import trio

from control.errors import Denied
from sidecar.contract.snapshot import decode

from .core import Core
from .journal import record
from .registry import Registry
from .rollout import Rollouts
from .session import Desired, Session
from .threads import Threads

RETRY_S = 1.0


class Orders:
    """Keeps every session's mailbox at the newest snapshot of its service."""

    def __init__(self, core: Core, registry: Registry, rollouts: Rollouts, threads: Threads) -> None:
        self._core, self._registry, self._rollouts, self._threads = core, registry, rollouts, threads
        self._newest = 0
        self._news = trio.Event()

    async def run(self, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """For ever."""
        token = trio.lowlevel.current_trio_token()
        unsubscribe = self._core.subscribe(lambda version: token.run_sync_soon(self.announce, version))
        task_status.started()
        try:
            while True:
                await self._news.wait()
                self._news = trio.Event()
                if not await self._refresh(self._newest):
                    await trio.sleep(RETRY_S)
                    self._news.set()
        finally:
            unsubscribe()

    def announce(self, version: int) -> None:
        """There is news, ``version`` or newer."""
        self._newest = max(self._newest, version)
        self._rollouts.announce(version)
        self._news.set()

    async def greet(self, session: Session) -> None:
        """The first order of a session that is in the registry by now; Denied if it was revoked meanwhile."""
        desired = await self._threads.run(self._first, session)
        session.greeted = True
        if desired is not None:
            self._post(session, desired)
        elif session.desired is None:
            self._rollouts.left(session)

    def _first(self, session: Session) -> Desired | None:
        if not self._core.is_admitted(session.sidecar_id):
            raise Denied("this sidecar was taken out of the mesh", "revoked")
        return self._look_up(session.service)

    def _look_up(self, service: str) -> Desired | None:
        sealed = self._core.sealed_for(service)
        return None if sealed is None else Desired(decode(sealed.payload).version, sealed)

    async def _refresh(self, version: int) -> bool:
        try:
            for service in self._registry.services():
                desired = await self._threads.run(self._look_up, service)
                if desired is not None:
                    for session in self._registry.of_service(service):
                        self._post(session, desired)
            self._rollouts.posted(version)
            await self._drop_revoked()
        except Exception as error:  # whatever the store raises: it is tried again, and nobody is disturbed meanwhile
            record(logging.ERROR, "refresh_failed", version=version, why=f"{type(error).__name__}: {error}")
            return False
        return True

    def _post(self, session: Session, desired: Desired) -> None:
        session.want(desired)
        self._rollouts.expect(session)  # also if it has it: the news can come after the snapshot

    async def _drop_revoked(self) -> None:
        known = await self._threads.run(self._core.sidecars)
        for one in known:
            if one.revoked:
                for session in self._registry.of_sidecar(one.id):
                    session.end("revoked", "this sidecar was taken out of the mesh")
