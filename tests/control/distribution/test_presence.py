"""Several controls over one database: each answers for the sidecars of all of them."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest
import trio
from trio.testing import MockClock

from control.distribution import Presence, PushServer
from control.mesh import Mesh, open_mesh
from control.mesh.presence import SILENT_S
from sidecar.contract.join import parse_join_token
from sidecar.contract.messages import Join
from tests.postgresql import PostgreSQL

from .talking import HELLO, InPlace, Peer, csr

POLICY = """\
trust_domain: shop.test
issuers: {own: {builtin: true}}
services: {orders: {routes: [{path: /**, access: public}]}}
"""
NOW = 1_800_000_000.0


class Replica:
    """One of the controls, without sockets."""

    def __init__(self, url: str) -> None:
        self.now, self._url = NOW, url
        self.mesh: Mesh = open_mesh(Path(), "http://control.test", database=url, clock=lambda: self.now)
        self.server = PushServer(self.mesh, now=lambda: self.now, threads=InPlace())

    async def run(self) -> None:
        """For ever."""
        async with trio.open_nursery() as nursery:
            await nursery.start(self.server.distribute)
            await Presence(self.server, self.mesh.presence, InPlace()).run()

    async def join(self, nursery: trio.Nursery, instance: str) -> Peer:
        """A sidecar that is connected here."""
        token = parse_join_token(self.mesh.create_join_token("orders", "ann")[1])
        ours, theirs = trio.testing.memory_stream_pair()

        async def opening() -> tuple[trio.abc.Stream, bytes | None]:
            return theirs, None

        nursery.start_soon(self.server.connection, opening, "10.0.0.9:1")
        peer = Peer(ours)
        await peer.enter(replace(HELLO, instance=instance, join=Join(token.token_id, token.secret), csr=csr()))
        return peer

    def ages(self, seconds: int) -> None:
        """As if every control had been silent for so long."""
        with psycopg.connect(self._url) as connection:
            connection.execute("UPDATE replica SET seen_at = seen_at - %s", (seconds,))

    async def views(self) -> dict[str, tuple[str, int]]:
        """Instance to state and version."""
        return {one.instance: (one.state, one.version) for one in await self.server.sidecars()}


@pytest.fixture
def two(postgresql: PostgreSQL) -> Iterator[tuple[Replica, Replica]]:
    """Controls over one database."""
    url = postgresql.database()
    made = Replica(url), Replica(url)
    yield made
    for one in made:
        one.mesh.close()


async def settled(replica: Replica, expected: dict[str, tuple[str, int]]) -> None:
    """Until that is what it knows."""
    with trio.fail_after(60):
        while await replica.views() != expected:  # noqa: ASYNC110 - the store has no event for it
            await trio.sleep(0.1)


async def test_each_answers_for_all(two: tuple[Replica, Replica], autojump_clock: MockClock) -> None:
    """Status, receipts and the lowest version; one that left is away for both."""
    ours, theirs = two
    ours.mesh.push(POLICY, {}, {}, "ann")
    async with trio.open_nursery() as nursery:
        for one in two:
            nursery.start_soon(one.run)
        near, far = await ours.join(nursery, "near"), await theirs.join(nursery, "far")
        for peer in (near, far):
            await peer.ack(await peer.hear_push())
        for one in two:
            await settled(one, {"near": ("acked", 1), "far": ("acked", 1)})
        ours.mesh.push(POLICY + "# again\n", {}, {}, "ann")
        theirs.server._orders.announce(2)  # what the database's notification does, in a process of its own
        await near.ack(await near.hear_push())
        waited = await ours.server.wait_rollout(2, 5)
        assert [[one.instance for one in found] for found in (waited.acked, waited.pending)] == [["near"], ["far"]]
        assert await ours.server.lowest_everywhere() == 1
        await far.nack(await far.hear_push(), "lacks_capability", 1)
        waited = await ours.server.wait_rollout(2, 1000)
        assert [(one.instance, why) for one, why in waited.nacked] == [("far", "lacks_capability")]
        await trio.aclose_forcefully(far.stream)
        for one in two:
            await settled(one, {"near": ("acked", 2), "far": ("away", 0)})
        nursery.cancel_scope.cancel()


async def test_a_control_that_died_is_soon_not_counted(two: tuple[Replica, Replica], autojump_clock: MockClock) -> None:
    """It took no leave, and its sidecars show as away; one that ends in order takes leave at once."""
    ours, theirs = two
    ours.mesh.push(POLICY, {}, {}, "ann")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(ours.run)
        theirs.mesh.presence.share({("x", "dead"): {}}, [])
        await ours.join(nursery, "near")
        assert len(ours.mesh.presence.others()) == 1
        ours.ages(SILENT_S + 1)
        assert ours.mesh.presence.others() == []
        theirs.mesh.presence.share({}, [])
        assert len(ours.mesh.presence.others()) == 1
        theirs.mesh.presence.leave()
        assert ours.mesh.presence.others() == []
        nursery.cancel_scope.cancel()


@pytest.mark.parametrize("wrong_s", [-3600, -60, 60, 3600])
async def test_clocks_that_differ_make_nobody_dead(
    two: tuple[Replica, Replica], autojump_clock: MockClock, wrong_s: int
) -> None:
    """A receipt counts the sidecars of a control whose clock is wrong, and one that died does not outlive it."""
    ours, theirs = two
    theirs.now += wrong_s
    ours.mesh.push(POLICY, {}, {}, "ann")
    async with trio.open_nursery() as nursery:
        for one in two:
            nursery.start_soon(one.run)
        near, far = await ours.join(nursery, "near"), await theirs.join(nursery, "far")
        for peer in (near, far):
            await peer.ack(await peer.hear_push())
        for one in two:
            await settled(one, {"near": ("acked", 1), "far": ("acked", 1)})
            assert len((await one.server.wait_rollout(1, 5)).acked) == 2
        nursery.cancel_scope.cancel()
    theirs.mesh.presence.share({("x", "dead"): {}}, [])
    assert len(ours.mesh.presence.others()) == 1
    for seconds in (SILENT_S + 1, -3600):  # and before the database's own clock went back
        ours.ages(seconds)
        assert ours.mesh.presence.others() == []
