"""What operators, machines and networks do to a mesh, one thing after another, drawn from the seed."""

from random import Random
from typing import TYPE_CHECKING

import trio

from .members import BASE
from .truth import policy

if TYPE_CHECKING:
    from .members import Member
    from .replicas import Replica
    from .world import World

FOR_GOOD = int(BASE) + 10 * 365 * 86_400
_HOURS = 3600.0


class Chaos:
    """``run`` does so many things to ``world``."""

    def __init__(self, world: "World", rng: Random) -> None:
        self._world, self._rng = world, rng
        self._count = 0
        changes = (
            self._push,
            self._push,
            self._rollback,
            self._try_out,
            self._try_out,
            self._decide,
            self._decide,
            self._rotate,
            self._advance,
            self._revoke_key,
        )
        troubles = (
            *(self._kill_member, self._kill_member, self._start_member, self._start_member),
            *(self._kill_replica, self._partition, self._partition, self._slow, self._stuck, self._reset),
            *(self._store_away, self._drift, self._take_out),
        )
        self._things = (*changes, *(self._revoke,) * 4, *troubles)

    async def run(self, things: int, mean_s: float) -> None:
        """So many, so far apart."""
        async with trio.open_nursery() as nursery:
            for _ in range(things):
                await trio.sleep(self._rng.expovariate(1 / mean_s))
                thing = self._rng.choice(self._things)
                self._world.trace.tell("chaos", thing.__name__.removeprefix("_"))
                await thing(nursery)

    def _operator(self) -> "Replica | None":
        able = [one for one in self._world.replicas if one.mesh is not None and not one.store_away]
        return self._rng.choice(able) if able else None

    def _member(self) -> "Member":
        return self._rng.choice(self._world.members)

    def _pair(self) -> tuple[str, str]:
        return self._member().name, self._rng.choice(self._world.replicas).address

    async def _push(self, _nursery: trio.Nursery) -> None:
        if (at := self._operator()) is not None and at.mesh is not None and not self._world.truth.last.tried:
            self._count += 1
            at.mesh.push(policy(f"m{self._count}"), {}, {}, "ann")
            self._world.committed(at, marker=f"m{self._count}")

    async def _rollback(self, _nursery: trio.Nursery) -> None:
        truth = {version: held for version, held in self._world.truth.by_version.items() if held.marker}
        if not truth or self._world.truth.last.tried:
            return
        if (at := self._operator()) is not None and at.mesh is not None:
            version = self._rng.choice(list(truth))
            at.mesh.rollback(version, "ann")
            self._world.committed(at, marker=truth[version].marker)

    async def _try_out(self, _nursery: trio.Nursery) -> None:
        """A canary, in place of the one that runs."""
        if self._world.truth.has_policy and (at := self._operator()) is not None and at.mesh is not None:
            self._count += 1
            share = self._rng.choice((1000, 5000, 9999))
            at.mesh.canaries.begin(policy(f"m{self._count}"), {}, {}, "ann", share=share, replace=True)
            self._world.committed(at, tried=f"m{self._count}")

    async def _decide(self, _nursery: trio.Nursery) -> None:
        """Of the canary that runs."""
        tried = self._world.truth.last.tried
        if tried and (at := self._operator()) is not None and at.mesh is not None:
            if self._rng.random() < 0.5:
                at.mesh.canaries.promote("ann")
                self._world.committed(at, marker=tried)
            else:
                at.mesh.canaries.abort("ann")
                self._world.committed(at)

    async def _revoke(self, _nursery: trio.Nursery) -> None:
        for _ in range(self._rng.choice((1, 1, 1, 5))):
            if self._world.truth.has_policy and (at := self._operator()) is not None and at.mesh is not None:
                self._count += 1
                at.mesh.revoke("jti", f"t{self._count}", "ann", until=FOR_GOOD)
                self._world.committed(at, revoked=f"t{self._count}")

    async def _rotate(self, _nursery: trio.Nursery) -> None:
        at = self._operator()
        if at is not None and at.mesh is not None:
            keys = at.mesh.keys()
            if not any(key.state == "prepared" for key in keys):
                at.mesh.rotate_keys("ann")
                self._world.committed(at)

    async def _advance(self, _nursery: trio.Nursery) -> None:
        at = self._operator()
        if at is not None and at.mesh is not None and at.server is not None:
            for _ in at.mesh.advance_keys(at.server.lowest_in_force()):
                self._world.committed(at)

    async def _revoke_key(self, _nursery: trio.Nursery) -> None:
        at = self._operator()
        if at is not None and at.mesh is not None:
            keys = at.mesh.keys()
            retiring = [key.kid for key in keys if key.state == "retiring"]
            if retiring:
                at.mesh.revoke_key(retiring[0], "ann")
                self._world.committed(at)

    async def _take_out(self, _nursery: trio.Nursery) -> None:
        member, at = self._member(), self._operator()
        if len(self._world.taken_out) < 2 and at is not None and at.mesh is not None and member.status.sidecar_id:
            at.mesh.revoke_sidecar(member.status.sidecar_id, "ann")
            self._world.taken_out.add(member.status.sidecar_id)
            self._world.committed(at)

    async def _kill_member(self, _nursery: trio.Nursery) -> None:
        disk = self._rng.choice(("kept", "kept", "torn", "lost"))
        self._member().kill(machine=self._rng.random() < 0.4, disk=disk)

    async def _start_member(self, _nursery: trio.Nursery) -> None:
        dead = [member for member in self._world.members if not member.runs]
        if dead:
            self._world.start(self._rng.choice(dead))

    async def _kill_replica(self, nursery: trio.Nursery) -> None:
        replica = self._rng.choice(self._world.replicas)
        replica.kill(machine=self._rng.random() < 0.4)

        async def again() -> None:
            await trio.sleep(self._rng.uniform(0, 40))
            replica.drift_s = self._rng.uniform(-60, 60)
            await replica.start()

        nursery.start_soon(again)

    async def _partition(self, nursery: trio.Nursery) -> None:
        """Nothing gets through, either way; it comes late, or the connection is given up."""
        member, address = self._pair()
        members = [one.name for one in self._world.members] if self._rng.random() < 0.2 else [member]
        ways = [way for one in members for way in ((one, address), (address, one))]
        self._world.network.hold(*ways)

        async def over() -> None:
            await trio.sleep(self._rng.uniform(0, 60))
            self._world.network.let_go(*ways)

        nursery.start_soon(over)

    async def _stuck(self, nursery: trio.Nursery) -> None:
        """It is heard and does not hear, or the reverse."""
        member, address = self._pair()
        way = (address, member) if self._rng.random() < 0.5 else (member, address)
        self._world.network.hold(way)

        async def over() -> None:
            await trio.sleep(self._rng.uniform(0, 90))
            self._world.network.let_go(way)

        nursery.start_soon(over)

    async def _slow(self, _nursery: trio.Nursery) -> None:
        member, address = self._pair()
        for way in ((member, address), (address, member)):
            self._world.network.slow[way] = self._rng.choice((0.0, 0.5, 4.0))

    async def _reset(self, _nursery: trio.Nursery) -> None:
        member, address = self._pair()
        self._world.network.cut(member, address, quietly=self._rng.random() < 0.5)

    async def _store_away(self, nursery: trio.Nursery) -> None:
        replica = self._rng.choice(self._world.replicas)
        replica.store_away = True

        async def back() -> None:
            await trio.sleep(self._rng.uniform(0, 20))
            replica.store_away = False

        nursery.start_soon(back)

    async def _drift(self, _nursery: trio.Nursery) -> None:
        """A sidecar's clock jumps, by minutes or by weeks."""
        self._member().drift_s = self._rng.choice((60.0, _HOURS, 24 * 10 * _HOURS)) * self._rng.uniform(-1, 1)
