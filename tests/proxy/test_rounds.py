"""What is ready at the same time is one round of the engine, which writes when it is over: nobody gets what is
another's, nor more than he may."""

import os

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from sidecar.http1.express import SWITCH
from sidecar.http1.limits import Limits

from .stage import Peer, Service, Stage, bearer, express_stage, request, snapshot

pytestmark = pytest.mark.skipif(not SWITCH.open, reason="the lane is shut, and with it the engine")


def say(peer: Peer, data: bytes) -> None:
    """Now, and before anybody else has his turn."""
    assert isinstance(peer.stream, trio.SocketStream)
    assert os.write(peer.stream.socket.fileno(), data) == len(data)


async def echo(peer: Peer) -> None:
    """Answers with the target."""
    while True:
        target = (await peer.head()).first.split(" ")[1].encode()
        await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(target), target))


async def warmed(stage: Stage, count: int, service: Service = echo) -> list[Peer]:
    """So many callers, and as many idle connections to the service."""
    stage.service = service
    held = [stage.client() for _ in range(count)]
    for client in held:
        say(client, request("/public/a"))
    for client in held:
        assert (await client.response())[1] == b"/public/a"
    return held


async def test_callers_of_one_round_get_their_own() -> None:
    """Whoever they are, and though a connection ends in the same round."""
    async with express_stage(snapshot=snapshot()) as stage:
        clients = await warmed(stage, 40)
        carried = stage.proxy.engine.carried
        for number, client in enumerate(clients):
            say(client, request(f"/public/{number}") if number % 2 else request(f"/mine/{number}", bearer()))
        await clients[0].close()
        for number, client in enumerate(clients[1:], 1):
            target = f"/public/{number}" if number % 2 else f"/mine/{number}"
            assert (await client.response())[1] == target.encode()
        await wait_all_tasks_blocked()
        assert stage.proxy.engine.carried > carried
        assert stage.proxy.load.in_flight == 0
        assert len({record.decision_id for record in stage.records}) == len(stage.records) == 80


async def test_a_round_admits_no_more_than_may_be_in_flight() -> None:
    """The last of those that come at once is refused, as it would be a moment later."""

    stopped = trio.Event()

    async def slow(peer: Peer) -> None:
        while True:
            if "/held" in (await peer.head()).first:
                await stopped.wait()
            await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n/public/a")

    async with express_stage(snapshot=snapshot(), limits=Limits(in_flight=3)) as stage:
        clients = await warmed(stage, 3, slow) + await warmed(stage, 2, slow)
        for client in clients:
            say(client, request("/public/a/held"))
        await wait_all_tasks_blocked()
        assert stage.proxy.load.in_flight == 3
        stopped.set()
        answers = sorted([(await client.response())[0].status for client in clients])
        assert answers == [200, 200, 200, 503, 503]


async def test_what_is_sent_ahead_waits_for_its_turn() -> None:
    """Two requests at once, again and again: one after the other, each with its answer."""
    async with express_stage(snapshot=snapshot()) as stage:
        clients = await warmed(stage, 4)
        for number in range(5):
            for client in clients:
                say(client, request(f"/public/{number}") + request(f"/public/{number}/b"))
            for client in clients:
                assert (await client.response())[1] == f"/public/{number}".encode()
                say(client, request("/public/c"))
                assert (await client.response())[1] == f"/public/{number}/b".encode()
                assert (await client.response())[1] == b"/public/c"
        await wait_all_tasks_blocked()
        assert (stage.proxy.load.connections, stage.proxy.load.in_flight) == (4, 0)
