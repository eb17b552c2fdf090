"""The downstream connection alone: heads and bodies however they are cut."""

import gc
import weakref

import pytest
import trio
from trio.testing import MockClock, memory_stream_pair

from sidecar.contract.reasons import Reason
from sidecar.http1.errors import DisconnectedError, RequestError
from sidecar.http1.fields import render
from sidecar.http1.framing import Unsized
from sidecar.http1.limits import Limits, Timeouts
from sidecar.http1.server import ServerConnection


def connection(limits: Limits | None = None) -> tuple[trio.abc.Stream, ServerConnection]:
    """A client's end and the server's."""
    ours, theirs = memory_stream_pair()
    return ours, ServerConnection(theirs, Timeouts(), limits or Limits())


async def test_requests_one_byte_at_a_time(nursery: trio.Nursery) -> None:
    """Where the bytes are cut makes no difference; what follows a request is the next one."""
    raw = (
        b"\r\nPOST /a?b HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: Chunked\r\n\r\n3\r\nabc\r\n0\r\nT: t\r\n\r\n"
        b"GET / HTTP/1.1\r\nHost: h\r\n\r\n"
    )
    client, server = connection()

    async def send() -> None:
        for byte in raw:
            await client.send_all(bytes((byte,)))
            await trio.lowlevel.checkpoint()

    nursery.start_soon(send)
    assert await server.wait_for_request()
    head = await server.read_request()
    assert head is not None
    assert (head.method, head.target, head.framing) == (b"POST", b"/a?b", Unsized.CHUNKED)
    body = b""
    while data := await server.receive_body():
        body += data
    assert body == b"abc"
    assert await server.wait_for_request()
    head = await server.read_request()
    assert head is not None
    assert (head.method, head.framing, head.keep_alive) == (b"GET", 0, True)


@pytest.mark.parametrize("raw", [b"", b"\r\n", b"GET / HT", b"GET / HTTP/1.1\r\nHost: h\r\n"])
async def test_a_client_that_leaves_before_its_request(raw: bytes) -> None:
    """Is no error."""
    client, server = connection()
    await client.send_all(raw)
    await client.aclose()
    assert not await server.wait_for_request() or await server.read_request() is None


async def test_a_client_that_leaves_in_its_body() -> None:
    """Half a body is never a body."""
    client, server = connection()
    await client.send_all(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nab")
    await client.aclose()
    assert await server.read_request()
    assert await server.receive_body() == b"ab"
    with pytest.raises(DisconnectedError):
        await server.receive_body()


@pytest.mark.parametrize(
    "raw",
    [
        b"GET /\r\n",
        b"hello\r\n",
        b"GET / HTTP/1.1\r\nA: b\n",
        b"\x16\x03\x01\0",  # TLS
        b"\x16",
        b"\0",
        b" ",
        b"\r\n\r\n",
        b"\r\n{",
        b'{"jsonrpc"',
        b"<html",
        b"SSH-2.0-OpenSSH_9\r\n",
        b"GET\t/",
        b"GE\xff",
        b"PRI\r",
    ],
)
async def test_a_bad_beginning_is_refused_without_waiting_for_the_end(raw: bytes) -> None:
    """HTTP/0.9, garbage and bare LF would wait for ever."""
    client, server = connection()
    await client.send_all(raw)
    with pytest.raises(RequestError) as caught:
        await server.read_request()
    assert caught.value.reason is Reason.MALFORMED_REQUEST


async def test_a_head_of_exactly_the_limit() -> None:
    """The bound is inclusive; a body that came with the head does not count."""
    raw = b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 99\r\n\r\n"
    for limit, fits in ((len(raw), True), (len(raw) - 1, False)):
        client, server = connection(Limits(head_bytes=limit))
        await client.send_all(raw + bytes(99))
        if fits:
            assert await server.read_request()
        else:
            with pytest.raises(RequestError) as caught:
                await server.read_request()
            assert caught.value.reason is Reason.HEAD_TOO_LARGE


@pytest.mark.parametrize("field", [(b"a", b"b\r\nc: d"), (b"a", b"\n"), (b"a b", b""), (b"", b""), (b"a", b"\0")])
def test_an_unsafe_field_is_never_sent(field: tuple[bytes, bytes]) -> None:
    """Our own bug stops before the wire."""
    with pytest.raises(AssertionError):
        render(b"HTTP/1.1 200 OK", [field])


async def test_a_response_of_the_wrong_length_is_our_bug() -> None:
    """Neither more nor less than was promised."""
    for body in (b"a", b"abc"):
        _, server = connection()
        with pytest.raises(AssertionError):
            await server.send_head(200, b"OK", (), 2, close=False, first=body)
            await server.finish()


async def test_who_was_too_slow_is_forgotten_at_once(autojump_clock: MockClock) -> None:
    """With all that was read, and not with the next full collection, which is rare."""
    client, server = connection()
    await client.send_all(b"GET")
    gone = weakref.ref(server)
    gc.disable()
    try:
        try:
            await server.read_request()
        except RequestError as error:
            assert error.reason is Reason.REQUEST_TIMEOUT
        del server
        await trio.lowlevel.checkpoint()  # trio keeps what it has last sent to a task
        assert gone() is None
    finally:
        gc.enable()
