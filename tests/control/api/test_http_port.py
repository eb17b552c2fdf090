"""The port itself: HTTP/1.1 and no other, and room for the operator however many connections wait."""

from collections.abc import AsyncIterator
from functools import partial

import pytest
import trio
from hypercorn.config import Config

from control.app import site
from control.distribution import PushServer
from control.http_port import Connections, serve_http
from control.listeners import bind_http
from control.mesh import Mesh

from .conftest import OPERATOR

MOST = 6
ASK = f"GET /v1/whoami HTTP/1.1\r\nHost: control.test\r\nAuthorization: Bearer {OPERATOR}\r\n".encode()
SLOW = b"POST /oauth2/token HTTP/1.1\r\nHost: control.test\r\nContent-Length: 9\r\n\r\n"


class Port:
    """A control's port with room for few."""

    def __init__(self, number: int, connections: Connections) -> None:
        self._number, self.connections = number, connections
        self._opened: list[trio.SocketStream] = []

    async def connect(self, source: str = "127.0.0.1") -> trio.SocketStream:
        """A new connection from that address."""
        socket = trio.socket.socket()
        await socket.bind((source, 0))
        await socket.connect(("127.0.0.1", self._number))
        self._opened.append(trio.SocketStream(socket))
        return self._opened[-1]

    def close(self) -> None:
        """Every connection of the test's side."""
        for stream in self._opened:
            stream.socket.close()

    async def ask(self, request: bytes = ASK, source: str = "127.0.0.1") -> bytes:
        """The answer to one request on a connection of its own, to the end of the connection."""
        stream = await self.connect(source)
        await stream.send_all(request)
        with trio.fail_after(20):
            return b"".join([bytes(part) async for part in stream])


@pytest.fixture
async def port(mesh: Mesh, nursery: trio.Nursery) -> AsyncIterator[Port]:
    """It is served until the test ends."""
    fleet = PushServer(mesh)
    await nursery.start(fleet.distribute)
    bound, end, connections = bind_http("127.0.0.1:0"), trio.Event(), Connections(MOST)
    number, config = int(bound.shown.rpartition(":")[2]), Config()
    config.keep_alive_timeout = 30
    config.graceful_timeout = 0.1
    await nursery.start(partial(serve_http, connections=connections), site(mesh, fleet), config, bound.listener(), end)
    port = Port(number, connections)
    yield port
    port.close()
    end.set()


async def _until(port: Port, count: int) -> None:
    """Until the port holds that many."""
    with trio.fail_after(20):
        while len(port.connections) != count:  # noqa: ASYNC110 - the port tells nobody
            await trio.sleep(0.01)


async def _answer(stream: trio.SocketStream) -> bytes:
    """One answer whose body is an object without others in it."""
    said = b""
    while not said.endswith(b"}"):
        said += await stream.receive_some()
    return said


async def _closed(stream: trio.SocketStream) -> bool:
    """Whether the other side has closed it, or does within a moment."""
    with trio.move_on_after(0.3):
        try:
            return await stream.receive_some() == b""
        except trio.BrokenResourceError:
            return True
    return False


async def test_idle_connections_do_not_keep_the_operator_out(port: Port) -> None:
    """There are never more than there may be, and a new one is always served."""
    idle = [await port.connect("127.0.0.2") for _ in range(4 * MOST)]
    for _ in range(3):
        assert b" 200 " in await port.ask(ASK + b"Connection: close\r\n\r\n")
        assert len(port.connections) <= MOST
    assert await _closed(idle[0])


async def test_slow_requests_do_not_either(port: Port) -> None:
    """A body that does not come is not yet a request that was let in."""
    for _ in range(2 * MOST):
        stream = await port.connect("127.0.0.2")
        await stream.send_all(SLOW)
    assert b" 200 " in await port.ask(ASK + b"Connection: close\r\n\r\n")


@pytest.mark.parametrize("credential", [b"", b"Authorization: Bearer wrong\r\n"])
async def test_a_body_that_nobody_reads_does_not_hold_its_connection(port: Port, credential: bytes) -> None:
    """Whoever is refused before the end of a body in many parts has the answer, and the connection ends."""
    begun = b"POST /v1/policy HTTP/1.1\r\nHost: control.test\r\n" + credential + b"Transfer-Encoding: chunked\r\n\r\n"
    for _ in range(2):
        assert b" 401 " in await port.ask(begun + 200 * b"1\r\na\r\n")
    await _until(port, 0)


async def test_what_follows_a_request_that_is_refused_is_no_fault(port: Port, caplog: pytest.LogCaptureFixture) -> None:
    """A length said twice, and then something that is no HTTP: the connection ends, and the log tells of no bug."""
    twice = b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n0\r\n\r\n"
    for _ in range(5):
        said = await port.ask(ASK.replace(b"GET", b"POST") + twice + b"GET /\r\n\r\n")
        assert said == b"" or b" 400 " in said
    await _until(port, 0)
    assert "Error" not in caplog.text


async def test_who_has_most_makes_room(port: Port) -> None:
    """An operator's connection that waits for its next request is not the one that goes, though it is the oldest."""
    own = await port.connect()
    await own.send_all(ASK + b"\r\n")
    assert b" 200 " in await _answer(own)
    await _until(port, 1)
    for _ in range(3 * MOST):
        await port.connect("127.0.0.2")
    await _until(port, MOST)
    await own.send_all(ASK + b"\r\n")
    assert b" 200 " in await _answer(own)


@pytest.mark.parametrize(
    "preface",
    [b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00", b"GET / HTTP/3.7\r\nHost: a\r\n\r\n"],
)
async def test_other_versions_are_505(port: Port, preface: bytes) -> None:
    """HTTP/2 by prior knowledge is refused in HTTP/1.1, and the connection ends."""
    answer = await port.ask(preface)
    assert answer.startswith(b"HTTP/1.1 505 ")
    assert b"application/problem+json" in answer


async def test_an_offer_to_upgrade_is_passed_over(port: Port) -> None:
    """The answer is one of HTTP/1.1, and no 101 comes before it."""
    offer = b"Connection: Upgrade, HTTP2-Settings, close\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA"
    answer = await port.ask(ASK + offer + b"\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert b" 101 " not in answer
