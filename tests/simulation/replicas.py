"""Controls over one store: each its own mesh and push server, as processes would have them.

What one commits the others hear of by a notification, which may be late or lost, and by a poll behind it. A control may
be killed, as a process or as a machine, and begin again on the same store; its store may be away for a while.
"""

from collections.abc import Callable
from pathlib import Path
from random import Random

import trio

from control.distribution import PushServer
from control.distribution.threads import T, Threads, Ts
from control.mesh import Mesh, open_mesh

from .members import BASE
from .network import End, Network
from .trace import Trace

POLL_S = 2.0
LISTENS_ANEW_S = 5.0


class StoreAway(Exception):  # noqa: N818  # reads as the sentence it is
    """The database does not answer."""


class InPlace(Threads):
    """Blocking calls of one life of a control, made here after a moment; StoreAway while the store is, and for good
    when it was killed: the dead change nothing, whatever they were about to do."""

    def __init__(self, replica: "Replica", mesh: Mesh) -> None:
        super().__init__(1)
        self._replica, self._mesh = replica, mesh

    async def run(self, work: Callable[[*Ts], T], *args: *Ts) -> T:
        """``work(*args)``, at a time of its own."""
        await self._replica.a_moment()
        if self._replica.mesh is not self._mesh or self._replica.store_fails_now():
            raise StoreAway
        return work(*args)


class Replica:
    """One control at ``address``. ``newest``: what ``control.mesh.news`` looks for, without asking the store: the
    version, and how many sidecars were taken out."""

    def __init__(
        self,
        address: str,
        store: Path,
        newest: Callable[[], tuple[int, int]],
        network: Network,
        trace: Trace,
        rng: Random,
        nursery: trio.Nursery,
    ) -> None:
        self.address, self._store, self._network, self._trace, self._rng = address, store, network, trace, rng
        self._newest, self._nursery = newest, nursery
        self.drift_s = 0.0
        self.store_away, self.store_fails = False, 0.02
        self.others: list[Replica] = []
        self.mesh: Mesh | None = None
        self.server: PushServer | None = None
        self._inside: trio.Nursery | None = None
        self._seen = 0, 0

    def now(self) -> float:
        """By its own clock."""
        return BASE + trio.current_time() + self.drift_s

    def store_fails_now(self) -> bool:
        """It is away, or this once does not answer."""
        return self.store_away or self._rng.random() < self.store_fails

    async def a_moment(self) -> None:
        """What a thread and a query take."""
        await trio.lowlevel.checkpoint()
        if self._rng.random() < 0.2:
            await trio.sleep(self._rng.uniform(0, 0.02))

    async def start(self) -> None:
        """A process; returns when it listens."""
        if self.mesh is None:
            mesh = self.mesh = open_mesh(self._store, "http://control.test", clock=self.now)
            await self._nursery.start(self._run, mesh)

    def kill(self, *, machine: bool) -> None:
        """Its end: of the process, or of the machine, of which nobody hears."""
        if self._inside is None or self.mesh is None:
            return
        self._network.listening.pop(self.address, None)
        self._network.cut(self.address, quietly=machine)
        if machine:
            self._network.vanished.add(self.address)
        self._inside.cancel_scope.cancel()
        self.mesh.close()
        self.mesh = self.server = self._inside = None
        self._trace.tell(self.address, "killed", machine)

    async def _run(self, mesh: Mesh, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        server = PushServer(mesh, now=self.now, threads=InPlace(self, mesh))
        async with trio.open_nursery() as inside:
            self.server, self._inside = server, inside
            await inside.start(server.distribute)
            inside.start_soon(self._poll, mesh)
            self._network.listening[self.address] = self._accept
            self._network.appear(self.address)
            self._trace.tell(self.address, "started")
            task_status.started()

    def _accept(self, end: End, caller: str, presented: bytes | None) -> None:
        server = self.server
        assert server is not None
        assert self._inside is not None

        async def opening() -> tuple[trio.abc.Stream, bytes | None]:
            await trio.lowlevel.checkpoint()
            return end, presented

        async def serve() -> None:
            await server.connection(opening, caller)
            await trio.aclose_forcefully(end)

        self._inside.start_soon(serve)

    def tell_others(self) -> None:
        """Something was committed here. A notification that is lost was lost with its connection: whoever listens anew
        looks anew."""
        for other in self.others:
            lost = self._rng.random() < 0.3
            self._nursery.start_soon(other.hear, LISTENS_ANEW_S if lost else self._rng.uniform(0, 0.5))

    async def hear(self, after_s: float) -> None:
        """Look again."""
        await trio.sleep(after_s)
        if self.mesh is not None and not self.store_away:
            self._announce(self.mesh)

    def _announce(self, mesh: Mesh) -> None:
        current = mesh.current()
        self._seen = self._newest()
        mesh._ledger.announce(0 if current is None else current.version)

    async def _poll(self, mesh: Mesh) -> None:
        while True:
            await trio.sleep(POLL_S)
            if self.mesh is mesh and not self.store_away and self._newest() != self._seen:
                self._announce(mesh)
