"""An honest sidecar: the product's own link over the simulated network, on a disk of its own.

It may be killed at any moment, as a process (its connections are reset) or as a machine (nobody hears of it), and begin
again with its disk, with a torn one, or with none: then it is another sidecar, which joins. What it enforces is
compared with the truth at each change. A process never goes back; the one after it not behind what was acknowledged.
"""

import shutil
from collections.abc import Callable
from pathlib import Path
from random import Random

import trio

from sidecar.contract.join import JoinToken
from sidecar.contract.messages import Report
from sidecar.contract.snapshot import Snapshot
from sidecar.link import Link, LinkSettings, LinkStatus, StateDir
from sidecar.link.threads import T, Ts

from .network import Network
from .trace import Trace
from .truth import Broken, Truth

BASE = 1_800_000_000.0
"""The true time when a run begins."""


class Member:
    """One sidecar. ``drift_s`` is how wrong its clock is; ``enforced`` what is in force in the process that runs."""

    def __init__(
        self,
        name: str,
        service: str,
        disk: Path,
        token: Callable[[str], JoinToken],
        addresses: tuple[str, ...],
        network: Network,
        truth: Truth,
        trace: Trace,
        rng: Random,
    ) -> None:
        self.name, self.service, self._disk = name, service, disk
        self._token, self._addresses = token, addresses
        self._network, self._truth, self._trace, self._rng = network, truth, trace, rng
        self.drift_s = 0.0
        self.enforced, self._floor = 0, 0
        self.broken: list[Broken] = []
        self._told = ("", "")
        self.link: Link | None = None
        self._scope: trio.CancelScope | None = None

    @property
    def runs(self) -> bool:
        """Is there a process?"""
        return self._scope is not None

    @property
    def status(self) -> LinkStatus:
        """Of its link."""
        return LinkStatus() if self.link is None else self.link.status

    def now(self) -> float:
        """By its own clock."""
        return BASE + trio.current_time() + self.drift_s

    def start(self, nursery: trio.Nursery) -> None:
        """A process."""
        if self._scope is None:
            self._scope = trio.CancelScope()
            self.enforced = 0
            self.link = self._new_link()
            self._trace.tell(self.name, "started")
            nursery.start_soon(self._run, self.link, self._scope)

    def kill(self, *, machine: bool, disk: str) -> None:
        """Its end: of the process, or of the machine; the ``disk`` is kept, torn or lost."""
        if self._scope is None:
            return
        self._scope.cancel()
        self._scope = None
        self._floor = max(self._floor, self.status.in_use)
        self._network.cut(self.name, quietly=machine)
        self._trace.tell(self.name, "killed", machine, disk)
        if disk == "lost":
            shutil.rmtree(self._disk, ignore_errors=True)
            self._floor = 0
        elif disk == "torn":
            file = self._disk / "increments"
            if file.exists():
                data = file.read_bytes()
                file.write_bytes(data[: self._rng.randint(0, len(data))])
                self._floor = 0  # what was acknowledged and lost again comes back from control

    async def _run(self, link: Link, scope: trio.CancelScope) -> None:
        with scope:
            await link.run()

    def _new_link(self) -> Link:
        settings = LinkSettings(
            self.service, self._addresses, self.name, "sidegate/simulated", self._token(self.service)
        )
        return Link(
            settings,
            StateDir(self._disk, self.service),
            self._compile,
            now=self.now,
            rng=Random(self._rng.random()),
            on_status=self._heard,
            reports=self._reports,
            dial=self._dial,
            resolve=self._resolve,
            blocking=self._blocking,
        )

    def _compile(self, snapshot: Snapshot, source: str) -> Callable[[], None]:
        def swap() -> None:
            try:
                before = max(self.enforced, self._floor)
                self._truth.check(self.name, self.status.sidecar_id, self.service, before, snapshot)
            except Broken as broken:
                self.broken.append(broken)
            self.enforced = snapshot.version
            self._trace.tell(self.name, "enforces", snapshot.version, source)

        return swap

    def _heard(self, status: LinkStatus) -> None:
        if status.last_nack:
            self.broken.append(Broken(f"{self.name} refused {status.last_nack}"))
        if (status.state, status.address) != self._told:
            self._told = status.state, status.address
            self._trace.tell(self.name, status.state, status.address, status.in_use)

    def _reports(self) -> list[Report]:
        requests = self._rng.randint(0, 3) if self.enforced else 0
        return [Report(self.enforced, requests, 0, 0, 10)] if requests else []

    async def _dial(self, address: str, _context: object) -> trio.abc.Stream:
        assert self.link is not None
        membership = self.link._membership
        shown = membership.identity if membership._join is None else None  # as its TLS context would
        return await self._network.dial(self.name, address, None if shown is None else shown.certificate)

    async def _resolve(self, address: str) -> list[str]:
        return [address]

    async def _blocking(self, work: Callable[[*Ts], T], /, *args: *Ts) -> T:
        await trio.lowlevel.checkpoint()
        if self._rng.random() < 0.1:
            await trio.sleep(self._rng.uniform(0, 0.05))
        return work(*args)
