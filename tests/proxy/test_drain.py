"""An orderly end: what has begun ends well, what is idle closes, and no bug spreads."""

import pytest
import trio

from sidecar.http1.limits import Timeouts

from .stage import OK, Peer, Stage, request


async def test_a_drain(stage: Stage, autojump_clock: object) -> None:
    """Idle connections close; the exchange under way ends, says close, and then everything is drained."""
    go = trio.Event()

    async def service(peer: Peer) -> None:
        while True:
            if "/public/b" in (await peer.head()).first:
                await go.wait()
            await peer.send(OK)

    stage.service = service
    idle = stage.client()
    await idle.send(request())
    await idle.response()
    busy = stage.client()
    await busy.send(request("/public/b"))
    await trio.testing.wait_all_tasks_blocked()
    stage.proxy.drain()
    assert await idle.rest() == b""
    assert stage.proxy.load.connections == 1
    go.set()
    head, body = await busy.response()
    assert (body, head.one("connection")) == (b"ok", "close")
    assert await stage.proxy.drained()


async def test_a_late_connection_is_still_served(stage: Stage, autojump_clock: object) -> None:
    """While the others drain, a request is answered and its connection closed; one that says nothing is closed."""
    silent = stage.client()
    stage.proxy.drain()
    head, body = await stage.ask(request())
    assert (head.status, body, head.one("connection")) == (200, b"ok", "close")
    assert await silent.rest() == b""
    assert await stage.proxy.drained()


async def test_a_request_on_its_way_is_still_served(stage: Stage, autojump_clock: object) -> None:
    """A connection that was idle when the drain began may have sent its next request already."""
    client = stage.client()
    await client.send(request())
    await client.response()
    stage.proxy.drain()
    await trio.sleep(0.5)
    await client.send(request())
    head, body = await client.response()
    assert (head.status, body, head.one("connection")) == (200, b"ok", "close")
    assert await stage.proxy.drained()


async def test_who_comes_to_an_empty_house_is_waited_for(stage: Stage, autojump_clock: object) -> None:
    """Nobody was there when the drain began; the one who came then is not cut."""
    go = trio.Event()

    async def service(peer: Peer) -> None:
        await peer.head()
        await go.wait()
        await peer.send(OK)

    stage.service = service
    stage.proxy.drain()
    client = stage.client()
    await client.send(request())
    await trio.testing.wait_all_tasks_blocked()
    async with trio.open_nursery() as nursery:

        async def finish() -> None:
            await trio.sleep(5)
            go.set()

        nursery.start_soon(finish)
        assert await stage.proxy.drained()
    assert (await client.response())[0].status == 200


async def test_a_drain_has_an_end(stage: Stage, autojump_clock: trio.testing.MockClock) -> None:
    """After drain_s it is over, whoever is left; what comes later is 503."""

    async def service(peer: Peer) -> None:
        await peer.rest()

    stage.service = service
    client = stage.client()
    await client.send(request())
    await trio.testing.wait_all_tasks_blocked()
    stage.proxy.drain()
    assert not await stage.proxy.drained()
    assert trio.current_time() == pytest.approx(Timeouts().drain_s)
    await trio.sleep(1)
    assert await stage.problem(request()) == (503, "draining")
    await client.close()


async def test_a_bug_ends_its_own_connection(stage: Stage) -> None:
    """The others are served, and the bug is told."""

    async def connect() -> trio.abc.Stream:
        raise ZeroDivisionError

    connects, stage.connect = stage.connect, connect
    healthy, broken = stage.client(), stage.client()
    await broken.send(request("/public/a", b"Content-Length: 1\r\n", method="POST", body=b"x"))
    assert await broken.rest() == b""
    stage.connect = connects
    assert [type(bug) for bug in stage.bugs] == [ZeroDivisionError]
    stage.bugs.clear()
    await healthy.send(request(method="HEAD"))
    assert (await healthy.head()).status == 200
    await healthy.close()
