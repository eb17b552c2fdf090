"""Who was let in, and takes what others need: by dripping, by leaving in silence, by coming in crowds."""

from functools import partial

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from sidecar.http1.limits import Limits, Timeouts
from sidecar.proxy.proxy import TURNED_AWAY
from tests.proxy.stage import OK, Peer, Stage, request, snapshot

EVENTS = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"


async def reads_all(peer: Peer) -> None:
    """A service that reads a body to its end."""
    head = await peer.head()
    if head.all("transfer-encoding"):
        await peer.until(b"0\r\n\r\n")
    else:
        await peer.exactly(int(head.one("content-length")))
    await peer.send(OK)


@pytest.mark.parametrize(
    ("framing", "drop"),
    [(b"Content-Length: 1000000\r\n", b"x"), (b"Transfer-Encoding: chunked\r\n", b"1;a\r\nx\r\n")],
)
async def test_a_dripping_body_does_not_last(
    nursery: trio.Nursery, autojump_clock: MockClock, framing: bytes, drop: bytes
) -> None:
    """One drop before each end of the wait held an exchange and a connection to the service for ever."""
    stage = Stage(nursery, snapshot=snapshot())
    stage.service = reads_all
    client = stage.client()
    await client.send(request("/public/a", framing, method="POST"))
    begun = trio.current_time()
    async with trio.open_nursery() as sending:

        async def drip() -> None:
            while True:
                await client.send(drop)
                await trio.sleep(29)

        sending.start_soon(drip)
        head, body = await client.response()
        sending.cancel_scope.cancel()
    assert (head.status, b'"request_timeout"' in body) == (408, True)
    assert trio.current_time() - begun < 3 * Timeouts().body_idle_s
    await client.close()


async def test_a_slow_client_and_a_slow_service_are_none(nursery: trio.Nursery, autojump_clock: MockClock) -> None:
    """Little at a time is enough, and the time that the service takes to read is not the client's."""

    async def service(peer: Peer) -> None:
        await peer.head()
        await trio.sleep(25)
        await peer.exactly(60 * 300)
        await peer.send(OK)

    stage = Stage(nursery, snapshot=snapshot(), timeouts=Timeouts(body_idle_s=2))
    stage.service = service
    client = stage.client()
    await client.send(request("/public/a", b"Content-Length: 18000\r\n", method="POST"))
    for _ in range(60):
        await client.send(b"x" * 300)
        await trio.sleep(1)
    assert (await client.response())[0].status == 200
    await client.close()


async def tcp_client(nursery: trio.Nursery, stage: Stage) -> Peer:
    """A client over a socket, since only sockets show a FIN behind what nobody reads."""
    (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
    nursery.start_soon(partial(stage.proxy.serve, [listener]))
    host, port = listener.socket.getsockname()
    return Peer(await trio.open_tcp_stream(host, port))


@pytest.mark.parametrize("early", [True, False])
async def test_who_leaves_an_event_stream_takes_no_place(nursery: trio.Nursery, early: bool) -> None:
    """A byte of a next request, or a body that ended after the answer began, hid that the client had left: the place
    was taken until the service had something to say."""

    async def service(peer: Peer) -> None:
        await peer.head()
        await peer.send(EVENTS)
        await trio.sleep_forever()

    stage = Stage(nursery, snapshot=snapshot())
    stage.service = service
    client = await tcp_client(nursery, stage)
    if early:
        await client.send(request() + b"G")
        await client.head()
    else:
        await client.send(request("/public/a", b"Content-Length: 1\r\n", method="POST"))
        await client.head()
        await client.send(b"x")
    await client.close()
    with trio.fail_after(30):
        while stage.proxy.load.in_flight:  # noqa: ASYNC110  # seen from outside
            await trio.sleep(0.01)
    assert stage.proxy.load.event_streams == 0


async def test_a_crowd_that_is_turned_away_is_not_spoken_to(nursery: trio.Nursery, autojump_clock: MockClock) -> None:
    """Each goodbye takes a descriptor for a while; a crowd of them took those of the others."""
    stage = Stage(nursery, limits=Limits(connections=1), snapshot=snapshot())
    inside = stage.client()
    await wait_all_tasks_blocked()
    crowd = [stage.client() for _ in range(TURNED_AWAY + 50)]
    await wait_all_tasks_blocked()
    assert stage.proxy.load.connections == 1 + TURNED_AWAY
    said = [await client.rest() for client in crowd]
    assert sum(text.startswith(b"HTTP/1.1 503 ") for text in said) == TURNED_AWAY
    await inside.send(request())
    assert (await inside.response())[0].status == 200
    for client in (inside, *crowd):
        await client.close()


async def test_half_a_hint_is_followed_by_nothing(nursery: trio.Nursery, autojump_clock: MockClock) -> None:
    """A client that reads nothing makes the writing of a 103 stop halfway; a refusal behind that half would be read
    as more of its fields."""

    async def service(peer: Peer) -> None:
        await peer.head()
        await peer.send(b"HTTP/1.1 103 Early Hints\r\nLink: " + b"x" * 5000 + b"\r\n\r\n")
        await trio.sleep_forever()

    stage = Stage(nursery, snapshot=snapshot(), pair=trio.testing.lockstep_stream_pair)
    stage.service = service
    client = stage.client()
    await client.send(request("/slow"))
    got = bytes(await client.stream.receive_some(100))
    await trio.sleep(5)  # the route's own timeout is over
    got += await client.rest()
    assert b"504" not in got
    await client.close()
