"""TLS over real sockets: what the socket does not take at once, how a connection ends, and hostile openings."""

import contextlib
import socket
import ssl
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import pytest
import trio

from control.distribution.tls import TlsStream
from sidecar.contract.messages import CONTROL_NAME

from .memory_core import MemoryCore

NOW = 1_800_000_000.0


@pytest.fixture(scope="module")
def core() -> MemoryCore:
    """Only for its certificates."""
    return MemoryCore(NOW)


@contextmanager
def sockets() -> Iterator[tuple[trio.SocketStream, socket.socket]]:
    """A connection: control's end, and a caller's."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        theirs = socket.create_connection(listener.getsockname())
        ours, _ = listener.accept()
    with theirs:
        ours.setblocking(False)
        yield trio.SocketStream(trio.socket.from_stdlib_socket(ours)), theirs


@asynccontextmanager
async def shaken(core: MemoryCore) -> AsyncIterator[tuple[TlsStream, ssl.SSLSocket]]:
    """After a handshake."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.verify_flags |= ssl.VerifyFlags(0x200000)  # the certificate is of the test's own time
    context.load_verify_locations(cadata=core.ca_der)
    with sockets() as (raw, theirs):
        stream = TlsStream(raw, core.server_context())
        peers = list[ssl.SSLSocket]()
        thread = threading.Thread(
            target=lambda: peers.append(context.wrap_socket(theirs, server_hostname=CONTROL_NAME))
        )
        thread.start()
        await stream.do_handshake()
        await trio.to_thread.run_sync(thread.join)
        try:
            with peers[0]:
                yield stream, peers[0]
        finally:
            await trio.aclose_forcefully(stream)


async def test_what_the_socket_does_not_take_follows(core: MemoryCore) -> None:
    """In order and whole, however much it is, and nothing gets in between."""
    async with shaken(core) as (stream, peer):
        sent = list[bytes]()
        while True:
            frame = bytes([len(sent) % 256]) * 300_000
            sent.append(frame)
            if not stream.send_nowait(frame):
                break
        with pytest.raises(trio.BusyResourceError):
            stream.send_nowait(b"too early")
        received = bytearray()

        def read() -> None:
            while len(received) < sum(map(len, sent)) + 4:
                received.extend(peer.recv(65536))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.to_thread.run_sync, read)
            await stream.flush()
            await stream.send_all(b"last")
        assert bytes(received) == b"".join(sent) + b"last"


async def test_what_comes_in_one_piece_is_read_in_pieces(core: MemoryCore) -> None:
    """Also what OpenSSL holds already, for which the socket never becomes readable again."""
    async with shaken(core) as (stream, peer):
        peer.sendall(b"x" * 10_000)
        received = b""
        while len(received) < 10_000:
            received += await stream.receive_some(100)
        assert received == b"x" * 10_000


async def test_a_farewell_is_an_end_and_a_cut_is_not(core: MemoryCore) -> None:
    """What is cut off may have been cut short (RFC 8446 section 6.1)."""
    async with shaken(core) as (stream, peer):
        await trio.to_thread.run_sync(lambda: _farewell(peer))
        assert await stream.receive_some(100) == b""
    async with shaken(core) as (stream, peer):
        peer.shutdown(socket.SHUT_RDWR)
        with pytest.raises(trio.BrokenResourceError):
            await stream.receive_some(100)


def _farewell(peer: ssl.SSLSocket) -> None:
    peer.settimeout(0.2)
    with contextlib.suppress(OSError, ValueError):  # the other end says nothing back
        peer.unwrap()


async def test_sending_to_who_is_gone_is_an_error_in_flush_alone(core: MemoryCore) -> None:
    """``send_nowait`` is called for many, and raises for none."""
    async with shaken(core) as (stream, peer):
        peer.close()
        with pytest.raises(trio.BrokenResourceError):
            for _ in range(1000):
                if not stream.send_nowait(b"x" * 100_000):
                    await stream.flush()


async def test_a_closed_stream_takes_nothing(core: MemoryCore) -> None:
    """And whoever reads from it hears so."""
    async with shaken(core) as (stream, _), trio.open_nursery() as nursery:

        async def read() -> None:
            with pytest.raises((trio.ClosedResourceError, trio.BrokenResourceError)):
                await stream.receive_some(100)

        nursery.start_soon(read)
        await trio.testing.wait_all_tasks_blocked()
        await stream.aclose()
        assert not stream.send_nowait(b"x")


@pytest.mark.parametrize(
    "bytes_", [b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\xff\xff" + b"x" * 1000, b"\x00" * 64, b""]
)
async def test_what_is_no_handshake_fails(core: MemoryCore, bytes_: bytes) -> None:
    """With an error, and not with a hang."""
    with sockets() as (raw, theirs):
        stream = TlsStream(raw, core.server_context())
        theirs.sendall(bytes_)
        theirs.shutdown(socket.SHUT_WR)
        with pytest.raises(OSError):  # OpenSSL words it by version
            await stream.do_handshake()
        await trio.aclose_forcefully(stream)


async def test_who_is_gone_before_tls_begins_is_an_error(core: MemoryCore) -> None:
    """A reset between accept and the handshake."""
    with sockets() as (raw, theirs):
        theirs.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
        theirs.close()
        with pytest.raises(OSError):
            await TlsStream(raw, core.server_context()).do_handshake()
