"""Heads that come in pieces, however small and slow: with the engine, nobody has a task for waiting for the rest."""

import json
import os

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from sidecar.http1.express import SWITCH
from sidecar.http1.limits import Limits, Timeouts
from sidecar.proxy.express import caller, engine

from .stage import Peer, Stage, bearer, express_stage, request, snapshot

engine_only = pytest.mark.skipif(not SWITCH.open, reason="the lane is shut, and with it the engine")


async def drip(client: Peer, data: bytes, every_s: float = 0.0) -> None:
    """A byte at a time."""
    for byte in data:
        await client.send(bytes((byte,)))
        if every_s:
            await trio.sleep(every_s)
        else:
            await wait_all_tasks_blocked()


async def refused(client: Peer) -> tuple[int, str]:
    """Status and reason of the next response."""
    head, body = await client.response()
    return head.status, json.loads(body)["reason"]


@engine_only
async def test_who_has_spoken_is_not_closed_for_silence() -> None:
    """A process that had no processor for a while finds that a time is up and that a request has come: it counts."""
    async with express_stage(snapshot=snapshot()) as stage:
        client = stage.client()
        await wait_all_tasks_blocked()
        (caller,) = stage.proxy.engine.idle
        assert isinstance(client.stream, trio.SocketStream)
        os.write(client.stream.socket.fileno(), request())
        caller.late()
        assert (await client.response())[0].status == 200
        caller.late()
        assert await client.rest() == b""
        assert stage.proxy.load.connections == 0


@engine_only
@pytest.mark.parametrize(("first", "carried"), [(b"", 200), (b"\r\n", 0), (request("/mine/a"), 200)])
async def test_slow_heads_are_no_tasks(first: bytes, carried: int) -> None:
    """Two hundred of them wait without one, and each is answered when it is whole; an empty line or a whole request
    before them earns nothing."""
    async with express_stage(snapshot=snapshot()) as stage:
        clients = [stage.client() for _ in range(200)]
        await wait_all_tasks_blocked()
        before = trio.lowlevel.current_statistics().tasks_living
        whole = request("/public/a", bearer())
        for client in clients:
            await client.send(first + whole[:1])
            await client.send(whole[1:20])
            if len(first) > 2:
                assert await refused(client) == (401, "missing_token")
        await wait_all_tasks_blocked()
        assert trio.lowlevel.current_statistics().tasks_living == before
        assert (len(stage.proxy.engine.begun), stage.proxy.load.in_flight) == (200, 0)
        for client in clients:
            await client.send(whole[20:])
            assert (await client.response())[0].status == 200
        assert stage.proxy.engine.carried == carried
        for client in clients:
            await client.close()
        await wait_all_tasks_blocked()
        assert (len(stage.proxy.engine.begun), stage.proxy.load.connections) == (0, 0)


async def test_a_head_and_its_body_byte_by_byte(stage: Stage) -> None:
    """And the next request's, on the same connection."""
    client = stage.client()
    for _ in range(2):
        await drip(client, request("/public/a", b"Content-Length: 0\r\n", method="POST"))
        assert (await client.response())[0].status == 200
    await drip(client, b"\r\n" + request("/mine/a"))
    assert await refused(client) == (401, "missing_token")
    await client.close()


@pytest.mark.parametrize("size", [1, 16, 1000, 1 << 20])
@pytest.mark.parametrize(
    ("raw", "status", "reason"),
    [
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400, "malformed_request"),
        (b"GET /public/a HTTP/1.1\r\nHost: orders\nX: y", 400, "malformed_request"),
        (b"GET /public/a HTTP/2.0\r\n", 505, "unsupported_version"),
        (b"GET /" + b"a" * 300, 414, "uri_too_long"),
        (b"GET / HTTP/1.1\r\nX: " + b"a" * 2100, 431, "head_too_large"),
    ],
)
async def test_what_can_only_get_worse_is_refused_at_once(
    nursery: trio.Nursery, raw: bytes, status: int, reason: str, size: int
) -> None:
    """Whatever the pieces: before the rest comes, with and without the engine."""
    limits = Limits(request_line_bytes=200, head_bytes=2000)
    async with express_stage(snapshot=snapshot(), limits=limits) as engine:
        for stage in (engine, Stage(nursery, snapshot=snapshot(), limits=limits)):
            client = stage.client()
            for start in range(0, len(raw), size):
                await client.send(raw[start : start + size])
            with trio.fail_after(5):
                assert await refused(client) == (status, reason)
            await client.close()


async def test_its_time_counts_from_the_first_byte(stage: Stage, autojump_clock: MockClock) -> None:
    """Of each head anew; a byte a second earns nothing."""
    client = stage.client()
    for _ in range(2):
        await client.send(request())
        await client.response()
        await trio.sleep(20)
    began = trio.current_time()
    async with trio.open_nursery() as sending:
        sending.start_soon(drip, client, request("/public/" + "a" * 100), 1.0)
        assert await refused(client) == (408, "request_timeout")
        sending.cancel_scope.cancel()
    assert trio.current_time() - began == pytest.approx(Timeouts().head_read_s, abs=0.3)
    await client.close()


async def test_its_time_is_told(stage: Stage, autojump_clock: MockClock) -> None:
    """In the log, from the first byte: of who is let through, refused, and too slow."""
    whole = request("/public/a")
    for data, status in ((whole, 200), (request("/mine/a"), 401), (whole[:-2], 408)):
        client = stage.client()
        await client.send(data[:20])
        await trio.sleep(5)
        await client.send(data[20:])
        assert (await client.response())[0].status == status
        await client.close()
        await wait_all_tasks_blocked()
    expected = [5000, 5000, Timeouts().head_read_s * 1000]
    assert [record.duration_ms for record in stage.records] == pytest.approx(expected, abs=300)


@engine_only
async def test_a_crowd_that_goes_holds_nobody_up(mock_clock: MockClock, monkeypatch: pytest.MonkeyPatch) -> None:
    """While those who said nothing are still being closed, who was too slow is told so."""
    monkeypatch.setattr(engine, "ROUND", 1)
    async with express_stage(snapshot=snapshot()) as stage:
        clients = [stage.client() for _ in range(100)]
        await clients[0].send(b"GET")
        await wait_all_tasks_blocked()
        mock_clock.jump(Timeouts().keep_alive_idle_s + 1)
        assert await refused(clients[0]) == (408, "request_timeout")
        assert stage.proxy.engine.idle
        for client in clients:
            await client.close()


@engine_only
async def test_a_bug_in_a_piece_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """It ends this connection, and nobody waits for it any more."""

    def fails(*_: object) -> None:
        raise ValueError

    async with express_stage(snapshot=snapshot()) as stage:
        client, other = stage.client(), stage.client()
        for peer in (client, other):
            await peer.send(b"GET /public/a")
            await wait_all_tasks_blocked()
        with monkeypatch.context() as patched:
            patched.setattr(caller, "is_hopeless", fails)
            await client.send(b"b")
            assert await client.rest() == b""
        books = stage.proxy.engine
        assert (len(stage.bugs), len(books.begun), len(books.idle), stage.proxy.load.connections) == (1, 1, 0, 1)
        await other.send(request("")[4:])
        assert (await other.response())[0].status == 200
        for peer in (client, other):
            await peer.close()


async def test_a_drain_gives_it_the_rest_of_its_time_and_no_more(stage: Stage, autojump_clock: MockClock) -> None:
    """Who finishes is answered; who does not is told when the time from the first byte is over."""
    quick, slow, whole = stage.client(), stage.client(), request()
    began = trio.current_time()
    for client in (quick, slow):
        await client.send(whole[:20])
    await trio.sleep(6)
    stage.proxy.drain()
    await trio.sleep(1)
    await quick.send(whole[20:])
    head, body = await quick.response()
    assert (head.status, body, head.one("connection")) == (200, b"ok", "close")
    await slow.send(whole[20:30])
    assert await refused(slow) == (408, "request_timeout")
    assert trio.current_time() - began == pytest.approx(Timeouts().head_read_s)
    assert await stage.proxy.drained()


@pytest.mark.parametrize("half", [True, False])
async def test_who_leaves_in_the_middle_leaves_nothing(stage: Stage, half: bool) -> None:
    """Nothing is answered, nothing logged: it was no request."""
    client = stage.client()
    await client.send(b"GET /public/a HTTP/1.1\r\nHo")
    await wait_all_tasks_blocked()
    if half and isinstance(client.stream, trio.SocketStream):
        await client.stream.send_eof()
        assert await client.rest() == b""
    await client.close()
    await wait_all_tasks_blocked()
    assert (stage.proxy.load.connections, stage.records) == (0, [])


@pytest.mark.parametrize("size", [16 * 1024, 16 * 1024 + 1, 40 * 1024])
async def test_a_head_larger_than_a_read(stage: Stage, size: int) -> None:
    """All at once, and in two pieces."""
    line = b"X-Large: " + b"x" * 8000 + b"\r\n"
    lines = line * (size // len(line))
    rest = size - len(request("/public/a", lines))
    raw = request("/public/a", lines, b"X-Rest: " + b"x" * (rest - 10) + b"\r\n")
    assert len(raw) == size
    client = stage.client()
    await client.send(raw)
    assert (await client.response())[0].status == 200
    await client.send(raw[: 16 * 1024])
    await wait_all_tasks_blocked()
    await client.send(raw[16 * 1024 :] + raw)
    for _ in range(1 + (size > 16 * 1024)):
        assert (await client.response())[0].status == 200
    await client.close()
