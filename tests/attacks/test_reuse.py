"""A connection to the service that is used again, on real sockets: what came on it unasked answers nobody."""

import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio

from sidecar.proxy.proxy import Proxy
from sidecar.proxy.upstream import upstream

from ..proxy.stage import OK, Peer, Stage, request, snapshot
from ..proxy.test_tls import certificate
from .responses import EVIL

GOOD = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ngood"
Stream = trio.SocketStream | trio.SSLStream[trio.SocketStream]
Play = Callable[["Door", Peer], Awaitable[None]]


class Door:
    """A proxy before a service whose connections the test plays."""

    def __init__(self, stage: Stage, play: Play) -> None:
        self.connections = 0
        self.stage = stage
        self._play = play

    async def serve(self, stream: Stream) -> None:
        """One connection."""
        self.connections += 1
        try:
            await self._play(self, Peer(stream))
        except (trio.BrokenResourceError, AssertionError) as error:
            assert isinstance(error, trio.BrokenResourceError) or "ended after" in str(error), error
        finally:
            await trio.aclose_forcefully(stream)

    async def ask(self) -> bytes:
        """One request of a caller of its own; the body of its answer, or its status."""
        client = self.stage.client()
        await client.send(request(method="POST"))
        head, body = await client.response()
        await client.close()
        return body if head.status == 200 else b"%d" % head.status


@asynccontextmanager
async def opened(play: Play, directory: Path, tls: bool) -> AsyncIterator[Door]:
    """On a socket of its own, with TLS or without."""
    async with trio.open_nursery() as nursery:
        door = Door(Stage(nursery, snapshot=snapshot()), play)
        (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
        port, ours = listener.socket.getsockname()[1], None
        listening: trio.abc.Listener[Stream] = listener
        if tls:
            pem = certificate(directory, "localhost")
            context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            context.load_cert_chain(pem)
            listening, ours = trio.SSLListener(listener, context), ssl.create_default_context(cafile=str(pem))
        nursery.start_soon(trio.serve_listeners, door.serve, [listening])
        service = upstream(f"https://localhost:{port}" if tls else f"http://127.0.0.1:{port}", ours)
        door.stage.proxy = Proxy(door.stage.gate, service, clock=lambda: door.stage.now)
        yield door
        await door.stage.proxy.pool.aclose()
        nursery.cancel_scope.cancel()


both = pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])


@both
async def test_a_connection_is_used_again(tmp_path: Path, tls: bool) -> None:
    """The ground that the others stand on."""

    async def play(_: Door, peer: Peer) -> None:
        while True:
            await peer.head()
            await peer.send(OK)

    async with opened(play, tmp_path, tls) as door:
        assert [await door.ask() for _ in range(3)] == [b"ok"] * 3
        assert door.connections == 1


@both
@pytest.mark.parametrize("excess", [EVIL, b"\r\n", b"e", b"HTTP/1.1 100 Continue\r\n\r\n"])
async def test_what_follows_a_response_answers_nobody(tmp_path: Path, tls: bool, excess: bytes) -> None:
    """Two writes that arrive as one: in TLS two records, of which the second is received and not yet given out."""

    async def play(door: Door, peer: Peer) -> None:
        await peer.head()
        if door.connections > 1:
            await peer.send(GOOD)
        elif isinstance(peer.stream, trio.SSLStream):
            await send_at_once(peer.stream, OK, excess)
        else:
            await peer.send(OK + excess)
        await peer.head()
        await peer.send(EVIL)

    async with opened(play, tmp_path, tls) as door:
        assert await door.ask() == b"ok"
        assert await door.ask() == b"good"
        assert door.connections == 2


@both
async def test_what_comes_later_answers_nobody(tmp_path: Path, tls: bool) -> None:
    """The service speaks while its connection is idle."""
    said = trio.Event()

    async def play(door: Door, peer: Peer) -> None:
        await peer.head()
        if door.connections > 1:
            await peer.send(GOOD)
        else:
            await peer.send(OK)
            await trio.testing.wait_all_tasks_blocked()
            await peer.send(EVIL)
            said.set()
        await peer.head()

    async with opened(play, tmp_path, tls) as door:
        assert await door.ask() == b"ok"
        await said.wait()
        assert await door.ask() == b"good"


@both
async def test_a_closed_connection_is_not_used(tmp_path: Path, tls: bool) -> None:
    """Even a POST, which is not retried, gets its answer over a new one."""
    closed = trio.Event()

    async def play(_: Door, peer: Peer) -> None:
        await peer.head()
        await peer.send(OK)
        await trio.aclose_forcefully(peer.stream)
        closed.set()

    async with opened(play, tmp_path, tls) as door:
        for number in range(1, 4):
            assert await door.ask() == b"ok"
            await closed.wait()
            closed = trio.Event()
            assert door.connections == number


async def test_a_tls_stream_that_is_cut_ends_no_body(tmp_path: Path) -> None:
    """Without TLS's closing message, a body that lasts until the end is not known to be whole: no last chunk."""

    async def play(door: Door, peer: Peer) -> None:
        await peer.head()
        await peer.send(b"HTTP/1.1 200 OK\r\n\r\nhalf")
        if door.connections > 1:
            await peer.stream.aclose()

    async with opened(play, tmp_path, tls=True) as door:
        bodies = []
        for _ in range(2):
            client = door.stage.client()
            await client.send(request("/public/a", b"Connection: close\r\n"))
            assert (await client.head()).status == 200
            bodies.append(await client.rest())
            await client.close()
        assert bodies == [b"4\r\nhalf\r\n", b"4\r\nhalf\r\n0\r\n\r\n"]


async def send_at_once(stream: trio.SSLStream[trio.SocketStream], *pieces: bytes) -> None:
    """Each piece a TLS record, all of them in one segment."""
    transport, records = stream.transport_stream, Records()
    stream.transport_stream = records  # type: ignore[assignment]  # only to hold the records back
    for piece in pieces:
        await stream.send_all(piece)
    stream.transport_stream = transport
    await transport.send_all(records.kept)


class Records:
    """Where TLS records wait for each other."""

    def __init__(self) -> None:
        self.kept = b""

    async def send_all(self, data: bytes) -> None:
        """Keep it."""
        self.kept += data
        await trio.lowlevel.checkpoint()
