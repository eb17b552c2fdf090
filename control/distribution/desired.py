"""What each connected service should run, and the news that it changed.

The rest of control tells of a change from whatever thread made it; the news is a number and means "look again".
Snapshots are looked up once for each service and put into the mailbox of each of its sessions; increments are looked up
once for all. A look-up that fails keeps nothing from the other services and is tried again: what sidecars run does not
depend on control's database being well.
"""

import logging
from collections.abc import Awaitable, Callable
from typing import TypeVarTuple

import trio

from sidecar.contract.envelope import Sealed

from .core import Core
from .journal import record
from .registry import Registry
from .rollout import Rollouts
from .session import Session
from .target import Targets
from .threads import Threads

RETRY_S = 1.0
POSTED_AT_A_TIME = 64
"""Then everybody else has a turn."""
Ts = TypeVarTuple("Ts")


class Orders:
    """Keeps every session's mailbox at the newest snapshot of its service."""

    def __init__(self, core: Core, registry: Registry, rollouts: Rollouts, threads: Threads) -> None:
        self._core, self._registry, self._rollouts, self._threads = core, registry, rollouts, threads
        self._known: dict[str, Targets] = {}
        self._revoked = frozenset[str]()
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

    def is_revoked(self, sidecar_id: str) -> bool:
        """Was it taken out before the last look? Asked after ``authenticate``, and in the turn in which the session is
        registered: the look after that one finds it in the registry."""
        return sidecar_id in self._revoked

    async def greet(self, session: Session) -> None:
        """The first order of a session that is in the registry by now."""
        # Whatever comes after what is known here, ``_refresh`` brings to everyone who is in the registry. But who comes
        # from a control that has heard of more than this one shall not be sent what is older.
        desired = self._known.get(session.service)
        if desired is None or desired.version < session.version:
            desired = await self._look_up(session.service, {})
        session.greeted = True
        if desired is not None:
            self._post(session, desired)
        elif session.desired is None:
            self._rollouts.left(session)

    async def _look_up(self, service: str, after: dict[int, tuple[Sealed, ...] | None]) -> Targets | None:
        """What the service should run. ``after`` remembers what follows on a version while others are looked up."""
        known = self._known.get(service)
        if known is not None:
            version = known.version
            if version not in after:
                after[version] = await self._threads.run(self._core.increments_after, version)
            increments = after[version]
            if increments is not None:
                return self._learned(service, known.plus(increments))
        lines = await self._threads.run(self._core.lines_for, service)
        if lines is None:
            return None
        return self._learned(service, Targets.of(lines))

    def _learned(self, service: str, found: Targets) -> Targets:
        """The newest: of two who looked at the same time the later answer may be the older one."""
        known = self._known.get(service)
        if known is None or known.version <= found.version:
            known = self._known[service] = found
        return known

    async def _refresh(self, version: int) -> bool:
        after: dict[int, tuple[Sealed, ...] | None] = {}
        services = self._registry.services()
        self._known = {service: known for service, known in self._known.items() if service in services}
        whole = [await self._attempt(version, self._serve, service, after) for service in services]
        if all(whole):
            self._rollouts.posted(version)
        return await self._attempt(version, self._drop_revoked) and all(whole)

    async def _attempt(self, version: int, work: Callable[[*Ts], Awaitable[None]], *args: *Ts) -> bool:
        try:
            await work(*args)
        except Exception as error:  # whatever the store raises: it is tried again, and nobody is disturbed meanwhile
            record(logging.ERROR, "look_up_failed", version=version, why=f"{type(error).__name__}: {error}")
            return False
        return True

    async def _serve(self, service: str, after: dict[int, tuple[Sealed, ...] | None]) -> None:
        desired = await self._look_up(service, after)
        if desired is not None:
            for number, session in enumerate(self._registry.of_service(service)):
                self._post(session, desired)
                if number % POSTED_AT_A_TIME == 0:
                    await trio.lowlevel.checkpoint()

    def _post(self, session: Session, desired: Targets) -> None:
        session.want(desired.for_sidecar(session.sidecar_id))
        self._rollouts.expect(session)  # also if it has it: the news can come after the snapshot

    async def _drop_revoked(self) -> None:
        self._revoked = frozenset(await self._threads.run(self._core.revoked))
        for sidecar_id in self._revoked:
            for session in self._registry.of_sidecar(sidecar_id):
                session.end("revoked", "this sidecar was taken out of the mesh")
