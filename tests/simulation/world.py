"""One run: a mesh is set up, chaos comes over it, then it is quiet, and then it is asked whether promises were kept."""

import logging
import shutil
import tempfile
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from random import Random

import trio

from control.store import open_database
from sidecar.contract.join import JoinToken, parse_join_token

from . import determinism
from .chaos import Chaos
from .liars import Liar
from .members import Member
from .network import Network
from .replicas import Replica
from .trace import Trace
from .truth import SERVICES, Broken, Truth, policy

SETTLES_S = 120.0
"""After the last trouble: three heartbeats to notice a half-open connection, 30 s for a control that does not welcome,
30 s for a refusal, and the rest for backing off."""
GONE_S = 90.0
"""After the last sidecar: what remains of it in a control is noticed by its silence."""


@dataclass(frozen=True, slots=True)
class Size:
    """How much of everything."""

    sidecars: int = 9
    liars: int = 2
    things: int = 40
    mean_s: float = 4.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a run. ``trouble`` is "" if every promise was kept."""

    seed: int
    digest: str
    trouble: str
    versions: int
    virtual_s: float
    settled_s: float
    counts: dict[str, int]
    last: tuple[str, ...]


def simulate(seed: int, size: Size) -> Outcome:
    """One run."""
    with _quiet_logs(), _memory_directory() as directory:
        return determinism.run(seed, lambda: World(seed, size, directory).run())


class World:
    """Everything there is."""

    def __init__(self, seed: int, size: Size, directory: Path) -> None:
        self._seed, self._size, self._directory = seed, size, directory
        self._rng = Random(f"{seed} world")
        self.trace, self.truth = Trace(), Truth()
        self.network = Network(Random(f"{seed} network"), self.trace)
        self.replicas: list[Replica] = []
        self.members: list[Member] = []
        self.taken_out: set[str] = set()
        """By sidecar id: who lost its disk since is another, and joined rightly."""
        self._liars: list[Liar] = []
        self._tokens: dict[str, JoinToken] = {}
        self._nursery: trio.Nursery | None = None

    async def run(self) -> Outcome:
        """Chaos, quiet, questions."""
        trouble, settled_s = "", 0.0
        try:
            async with trio.open_nursery() as nursery:
                self._nursery = nursery
                settled_s = await self._course(nursery)
                nursery.cancel_scope.cancel()
        except* Exception as group:  # a bug, here or there, is a failed run like a broken promise
            trouble = "; ".join(sorted({_told(one) for one in _leaves(group)}))
        for replica in self.replicas:
            if replica.mesh is not None:
                replica.mesh.close()
        counts, last = dict(self.trace.counts), tuple(self.trace.lines)
        now = trio.current_time()
        return Outcome(self._seed, self.trace.digest, trouble, self.truth.newest, now, settled_s, counts, last)

    def start(self, member: Member) -> None:
        """Its process begins, again or for the first time."""
        assert self._nursery is not None
        member.start(self._nursery)

    def committed(
        self, at: Replica, *, marker: str | None = None, tried: str | None = None, revoked: str | None = None
    ) -> None:
        """Something was changed there."""
        assert at.mesh is not None
        self.truth.committed(at.mesh, marker=marker, tried=tried, revoked=revoked)
        self.trace.tell(at.address, "committed", self.truth.newest)
        at.tell_others()

    async def _course(self, nursery: trio.Nursery) -> float:
        await self._set_up(nursery)
        await trio.sleep(10)
        before = trio.lowlevel.current_statistics().tasks_living
        async with trio.open_nursery() as liars:
            for member in self.members:
                member.start(nursery)
            for liar in self._liars:
                liars.start_soon(liar.run)
            await Chaos(self, Random(f"{self._seed} chaos")).run(self._size.things, self._size.mean_s)
            await self._calm()
            settled_s = await self._settled()
            liars.cancel_scope.cancel()
        await self._nobody_left(before)
        return settled_s

    async def _set_up(self, nursery: trio.Nursery) -> None:
        addresses = ("c1:7001",) if self._seed % 2 else ("c1:7001", "c2:7001", "c3:7001")
        store = self._directory / "store"
        shutil.copytree(_new_store().name, store)
        for address in addresses:
            rng = Random(f"{self._seed} {address}")
            self.replicas.append(Replica(address, store, self._stored, self.network, self.trace, rng, nursery))
        for replica in self.replicas:
            replica.others = [one for one in self.replicas if one is not replica]
            await replica.start()
        first = self.replicas[0]
        assert first.mesh is not None
        for service in SERVICES:
            _, text = first.mesh.create_join_token(service, "ann", uses=10_000, lifetime_s=30 * 86_400)
            self._tokens[service] = parse_join_token(text)
        if self._rng.random() < 0.9:
            first.mesh.push(policy("m0"), {}, {}, "ann")
            self.committed(first, marker="m0")
        facts = (self._tokens.__getitem__, addresses, self.network)
        for number in range(self._size.sidecars):
            name, service = f"s{number}", SERVICES[number % len(SERVICES)]
            rng = Random(f"{self._seed} {name}")
            disk = self._directory / name
            self.members.append(Member(name, service, disk, *facts, self.truth, self.trace, rng))
        for number in range(self._size.liars):
            rng = Random(f"{self._seed} liar {number}")
            self._liars.append(Liar(f"l{number}", rng.choice(SERVICES), *facts, self.trace, rng))

    def _stored(self) -> tuple[int, int]:
        return self.truth.newest, len(self.taken_out)

    async def _calm(self) -> None:
        self.trace.tell("world", "calm")
        self.network.heal()
        for replica in self.replicas:
            replica.store_away, replica.store_fails = False, 0.0
            await replica.start()
        for member in self.members:
            self.start(member)

    async def _settled(self) -> float:
        """How long it took; Broken if it is too long."""
        began = trio.current_time()
        while missing := [said for member in self.members if (said := self._amiss(member))]:
            self._check()
            if trio.current_time() - began > SETTLES_S:
                raise Broken(f"not settled after {SETTLES_S:g} s: {'; '.join(missing)}")
            await trio.sleep(0.5)
        self._check()
        self.trace.tell("world", "settled", self.truth.newest)
        return trio.current_time() - began

    def _amiss(self, member: Member) -> str:
        if member.status.sidecar_id in self.taken_out:
            return f"{member.name} was taken out and is connected" if member.status.state == "connected" else ""
        if not self.truth.has_policy:
            return ""
        if (member.status.state, member.enforced) != ("connected", self.truth.newest):
            return f"{member.name} is {member.status.state} and enforces {member.enforced} of {self.truth.newest}"
        seen = [
            (session.acked, session.nacked)
            for replica in self.replicas
            if replica.server is not None and replica.address == member.status.address
            for session in replica.server.sessions()
            if session.instance == member.name and session.sidecar_id == member.status.sidecar_id
        ]
        return "" if seen == [(self.truth.newest, None)] else f"{member.name} is seen as {seen}"

    def _check(self) -> None:
        for one in (*self.members, *self._liars):
            if one.broken:
                raise one.broken[0]

    async def _nobody_left(self, before: int) -> None:
        """All sidecars end; a while later nothing of them is left."""
        for member in self.members:
            member.kill(machine=self._rng.random() < 0.5, disk="kept")
        await trio.sleep(GONE_S)
        for replica in self.replicas:
            assert replica.server is not None
            left = [session.instance for session in replica.server.sessions()]
            if left or replica.server._open:
                raise Broken(f"{replica.address} still has {replica.server._open} connections, of {left}")
        living = trio.lowlevel.current_statistics().tasks_living
        if living != before:
            raise Broken(f"{living} tasks live, and {before} did before anybody came")


def _told(error: Exception) -> str:
    if isinstance(error, Broken):
        return str(error)
    return "".join(traceback.format_exception(error)[-6:])


def _leaves(group: ExceptionGroup[Exception]) -> Iterator[Exception]:
    for one in group.exceptions:
        if isinstance(one, ExceptionGroup):
            yield from _leaves(one)
        else:
            yield one


@cache
def _new_store() -> tempfile.TemporaryDirectory[str]:
    """A database that nothing has happened to yet, made once: bringing one up to its tables takes as long as a run."""
    made = tempfile.TemporaryDirectory(prefix="sidegate-")
    open_database(Path(made.name)).close()
    return made


@contextmanager
def _memory_directory() -> Iterator[Path]:
    """In memory, if there is such a place: thousands of runs write as many databases."""
    memory = Path("/dev/shm")  # noqa: S108  # a directory of our own in it
    directory = tempfile.mkdtemp(prefix="sidegate-", dir=memory if memory.is_dir() else None)
    try:
        yield Path(directory)
    finally:
        shutil.rmtree(directory, ignore_errors=True)


@contextmanager
def _quiet_logs() -> Iterator[None]:
    """What goes wrong here is meant to."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(before)
