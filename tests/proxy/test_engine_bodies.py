"""Bodies that the engine passes on: whole, to the byte and to nobody else, whoever is slow, leaves or says too much."""

import socket
from functools import partial

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from sidecar.http1.express import SWITCH
from sidecar.proxy.express.pipe import Pipe

from .stage import LARGE, OK, Peer, express_stage, request, snapshot

pytestmark = pytest.mark.skipif(not SWITCH.open, reason="the lane is shut, and with it the engine")

UPLOAD = bytes(range(256)) * 4096


@pytest.mark.parametrize("pause", [0.0, 2.0])
async def test_a_slow_reader_gets_every_byte(pause: float, autojump_clock: object) -> None:
    """Slower than the engine waits, too; meanwhile the service is not read from."""

    async def large(peer: Peer) -> None:
        while True:
            await peer.head()
            await peer.send(LARGE)

    async with express_stage(snapshot=snapshot()) as stage:
        stage.service = large
        client = stage.client()
        assert isinstance(client.stream, trio.SocketStream)
        client.stream.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        for _ in range(2):
            await client.send(request("/public/a"))
            head = await client.head()
            body = client.buffer
            client.buffer = b""
            while len(body) < 300_000:
                await trio.sleep(pause)
                body += await client.stream.receive_some(32_768)
            assert body == LARGE.partition(b"\r\n\r\n")[2]
        await wait_all_tasks_blocked()
        assert [(record.status, record.bytes_out - len(head.raw), record.complete) for record in stage.records] == [
            (200, 300_000, True)
        ] * 2


async def takes(peer: Peer, pause: float) -> None:
    """A service that reads one upload after the other, with a pause between two pieces of it."""
    while True:
        length, body = int((await peer.head()).one("content-length")), peer.buffer
        peer.buffer = b""
        while len(body) < length:
            await trio.sleep(pause)
            body += await peer.stream.receive_some(100_000)
        await peer.send(OK if body == UPLOAD else b"HTTP/1.1 400 Other\r\nContent-Length: 0\r\n\r\n")


@pytest.mark.parametrize("slow", ["nobody", "client", "service"])
async def test_an_upload_arrives_whole(slow: str, autojump_clock: object) -> None:
    """Whoever is slow, and the connection goes on after it."""
    async with express_stage(snapshot=snapshot()) as stage:
        stage.service = partial(takes, pause=0.3 if slow == "service" else 0.0)
        client = stage.client()
        for _ in range(2):
            await client.send(request("/public/a", b"Content-Length: %d\r\n" % len(UPLOAD), method="POST"))
            for start in range(0, len(UPLOAD), 200_000):
                if slow == "client":
                    await trio.sleep(0.4)
                await client.send(UPLOAD[start : start + 200_000])
            assert (await client.response())[1] == b"ok"
        await wait_all_tasks_blocked()
        size = len(request("/public/a", b"Content-Length: %d\r\n" % len(UPLOAD), method="POST")) + len(UPLOAD)
        assert [(record.status, record.bytes_in) for record in stage.records] == [(200, size)] * 2
        assert (stage.proxy.engine.carried == 2) == (slow == "nobody")


@pytest.mark.parametrize("end", ["answers early", "client leaves", "client stands still"])
async def test_an_upload_that_does_not_end(end: str, autojump_clock: object) -> None:
    """Each is told, or recorded, as it is without the engine."""

    async def half(peer: Peer) -> None:
        await peer.head()
        if end == "answers early":
            await peer.send(b"HTTP/1.1 413 No\r\nContent-Length: 2\r\n\r\nno")
        await peer.rest()

    async with express_stage(snapshot=snapshot()) as stage:
        stage.service = half
        client = stage.client()
        await client.send(request("/public/a", b"Content-Length: 5000\r\n", method="POST", body=b"x" * 3000))
        if end == "client leaves":
            await client.close()
        else:
            head, _ = await client.response()
            assert (head.status, head.one("connection")) == (413 if end == "answers early" else 408, "close")
        await trio.sleep(60)
        statuses = {"answers early": 413, "client leaves": 499, "client stands still": 408}
        assert [record.status for record in stage.records] == [statuses[end]]
        assert (stage.proxy.load.in_flight, stage.proxy.pool.open) == (0, 0)


async def test_a_response_that_ends_too_early_is_cut() -> None:
    """Nobody takes half of it for the whole."""

    async def short(peer: Peer) -> None:
        await peer.head()
        await peer.send(LARGE[:5000])

    async with express_stage(snapshot=snapshot()) as stage:
        stage.service = short
        client = stage.client()
        await client.send(request("/public/a"))
        assert len(await client.rest()) < len(LARGE)
        await wait_all_tasks_blocked()
        (record,) = stage.records
        assert (record.status, record.reason, record.complete) == (200, "upstream_broke", False)


async def test_what_comes_after_a_large_body_answers_nobody() -> None:
    """A service that sends more than it said is not believed again: the next request goes over another connection."""

    async def more(peer: Peer) -> None:
        await peer.head()
        await peer.send(OK)
        await peer.head()
        await peer.send(LARGE + OK.replace(b"ok", b"no"))
        await peer.rest()

    async with express_stage(snapshot=snapshot()) as stage:
        stage.service = more
        client = stage.client()
        for body in (b"ok", LARGE[-300_000:], b"ok", LARGE[-300_000:]):
            await client.send(request("/public/a"))
            assert (await client.response())[1] == body
        assert (client.buffer, stage.upstream_connections) == (b"", 2)
        assert stage.proxy.engine.carried >= 2


async def test_a_bug_in_the_middle_of_a_body_reaches_nobody_else(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was taken of the upload that it ends is not in the next one."""

    def broken(_pipe: Pipe, _target: int) -> bytes:
        raise ZeroDivisionError

    raw = request("/public/a", b"Content-Length: %d\r\n" % len(UPLOAD), method="POST")
    async with express_stage(snapshot=snapshot()) as stage:
        stage.service = partial(takes, pause=0.0)
        other, client = stage.client(), stage.client()
        with monkeypatch.context() as patch:
            patch.setattr(Pipe, "_pour", broken)
            await client.send(raw)
            await wait_all_tasks_blocked()  # its head has been read
            await client.send(b"not the other's")
            assert await client.rest() == b""
        assert [type(bug) for bug in stage.bugs] == [ZeroDivisionError]
        for _ in range(2):  # the first has a connection to the service made, which a task waits for
            await other.send(raw)
            await other.send(UPLOAD)
            assert (await other.response())[1] == b"ok"
        assert stage.proxy.engine.carried == 2
