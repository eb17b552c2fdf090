"""Every wait ends, on a clock that jumps, at the time that its name says."""

import json

import pytest
import trio

from sidecar.http1.limits import Timeouts

from .stage import OK, Peer, Stage, request, snapshot

T = Timeouts()


async def silent(peer: Peer) -> None:
    """A service that never answers."""
    await peer.rest()


async def refused(client: Peer) -> tuple[int, str]:
    """Status and reason of the next response."""
    head, body = await client.response()
    return head.status, json.loads(body)["reason"]


async def test_a_slow_head_is_408(stage: Stage, autojump_clock: trio.testing.MockClock) -> None:
    """A byte a second does not keep a connection for ever."""
    client = stage.client()
    began = trio.current_time()
    for byte in request()[:9]:
        await client.send(bytes((byte,)))
        await trio.sleep(1)
    assert await refused(client) == (408, "request_timeout")
    assert trio.current_time() - began == pytest.approx(T.head_read_s)
    await client.rest()


async def test_an_idle_connection_is_closed_in_silence(stage: Stage, autojump_clock: trio.testing.MockClock) -> None:
    """Before a first request, and after one."""
    client = stage.client()
    assert await client.rest() == b""
    assert trio.current_time() == pytest.approx(T.keep_alive_idle_s)
    client = stage.client()
    await client.send(request())
    await client.response()
    began = trio.current_time()
    assert await client.rest() == b""
    assert trio.current_time() - began == pytest.approx(T.keep_alive_idle_s)


async def test_a_body_that_stands_still_is_408(stage: Stage, autojump_clock: trio.testing.MockClock) -> None:
    """It may take long, but not pause long."""
    stage.service = silent
    client = stage.client()
    await client.send(request("/public/a", b"Content-Length: 100000\r\n", method="POST"))
    for _ in range(5):
        await trio.sleep(T.body_idle_s - 1)
        await client.send(b"x" * 8000)
    began = trio.current_time()
    assert await refused(client) == (408, "request_timeout")
    assert trio.current_time() - began == pytest.approx(T.body_idle_s)
    await client.rest()


async def test_a_service_that_never_answers_is_504(stage: Stage, autojump_clock: trio.testing.MockClock) -> None:
    """The default wait counts from the end of the request; the client's connection lives on."""
    stage.service = silent
    client = stage.client()
    await client.send(request())
    assert await refused(client) == (504, "upstream_timeout")
    assert trio.current_time() == pytest.approx(T.response_head_s)
    assert stage.proxy.pool.open == 0
    stage.service = _ok
    await client.send(request())
    assert (await client.response())[1] == b"ok"
    await client.close()


async def test_the_wait_begins_when_the_upload_has_ended(stage: Stage, autojump_clock: trio.testing.MockClock) -> None:
    """An upload of two minutes is no reason to give up on its answer."""

    async def service(peer: Peer) -> None:
        await peer.head()
        await peer.exactly(12 * 2400)
        await peer.send(OK)

    stage.service = service
    client = stage.client()
    await client.send(request("/public/a", b"Content-Length: 28800\r\n", method="POST"))
    for _ in range(12):
        await trio.sleep(10)
        await client.send(b"x" * 2400)
    assert (await client.response())[1] == b"ok"
    await client.close()


@pytest.mark.parametrize("body", [b"", b"hello"])
async def test_a_route_has_its_own_timeout(stage: Stage, autojump_clock: trio.testing.MockClock, body: bytes) -> None:
    """It rules the whole time to the response head, with a body and without."""
    stage.service = silent
    client = stage.client()
    await client.send(request("/slow", b"Content-Length: %d\r\n" % len(body), method="POST", body=body))
    assert await refused(client) == (504, "upstream_timeout")
    assert trio.current_time() == pytest.approx(2.0)
    await client.rest()


async def test_a_routes_timeout_ends_with_the_head(stage: Stage, autojump_clock: trio.testing.MockClock) -> None:
    """A response that has begun may take its time."""

    async def service(peer: Peer) -> None:
        await peer.head()
        await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n")
        for _ in range(5):
            await trio.sleep(10)
            await peer.send(b"x")

    stage.service = service
    client = stage.client()
    await client.send(request("/slow"))
    assert (await client.response())[1] == b"xxxxx"
    await client.close()


async def test_a_response_that_stands_still_is_cut(stage: Stage, autojump_clock: trio.testing.MockClock) -> None:
    """After its head nothing can be said but that it ended early."""

    async def service(peer: Peer) -> None:
        await peer.head()
        await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nx")
        await peer.rest()

    stage.service = service
    client = stage.client()
    await client.send(request())
    await client.head()
    assert await client.rest() == b"x"
    assert trio.current_time() == pytest.approx(T.response_idle_s)
    await trio.sleep(1)
    assert (stage.records[0].reason, stage.records[0].complete) == ("upstream_timeout", False)


async def test_a_connection_that_takes_too_long_to_make_is_504(
    stage: Stage, autojump_clock: trio.testing.MockClock
) -> None:
    """The wait for a connection is its own."""

    async def connect() -> trio.abc.Stream:
        await trio.sleep_forever()

    stage.connect = connect
    client = stage.client()
    await client.send(request())
    assert await refused(client) == (504, "upstream_timeout")
    assert trio.current_time() == pytest.approx(T.connect_s)
    assert stage.proxy.pool.open == 0
    await client.close()


async def test_a_client_that_reads_nothing_is_given_up(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    """write_idle_s after the last piece that it took, the service's connection is free again."""
    ended = trio.Event()

    async def service(peer: Peer) -> None:
        await peer.head()
        try:
            await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n" + bytes(1_000_000))
        finally:
            ended.set()

    stage = Stage(nursery, snapshot=snapshot(), pair=trio.testing.lockstep_stream_pair)
    stage.service = service
    client = stage.client()
    await client.send(request())
    await ended.wait()
    assert trio.current_time() == pytest.approx(T.write_idle_s)
    assert not stage.bugs
    await client.close()


async def _ok(peer: Peer) -> None:
    await peer.head()
    await peer.send(OK)
