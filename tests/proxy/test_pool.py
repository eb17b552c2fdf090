"""Connections to the service: reused when that is safe, retried once when nothing can be done twice."""

from pathlib import Path

import pytest
import trio

from sidecar.http1.limits import Limits
from sidecar.proxy.proxy import Proxy
from sidecar.proxy.upstream import upstream

from .stage import OK, Peer, Stage, request, snapshot


class Deaf:
    """The first connection answers once and then closes on the next request, without a byte; the others answer."""

    def __init__(self) -> None:
        self.requests: list[str] = []
        self.connections = 0

    async def __call__(self, peer: Peer) -> None:
        self.connections += 1
        first = self.connections == 1
        self.requests.append((await peer.head()).first)
        await peer.send(OK)
        self.requests.append((await peer.head()).first)
        if first:
            await peer.close()
        else:
            await peer.send(OK)


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "OPTIONS"])
async def test_an_idempotent_request_is_retried_once(stage: Stage, method: str) -> None:
    """On a fresh connection, unseen by the client."""
    stage.service = service = Deaf()
    client = stage.client()
    await client.send(request())
    await client.response()
    await client.send(request(method=method))
    assert (await client.head()).status == 200
    assert (stage.upstream_connections, len(service.requests)) == (2, 3)
    await client.close()


@pytest.mark.parametrize(("method", "body"), [("POST", b""), ("PATCH", b""), ("PUT", b"hello")])
async def test_nothing_else_is_retried(stage: Stage, method: str, body: bytes) -> None:
    """A method that is not idempotent, and any request with a body."""
    stage.service = Deaf()
    client = stage.client()
    await client.send(request())
    await client.response()
    await client.send(request("/public/a", b"Content-Length: %d\r\n" % len(body), method=method, body=body))
    assert (await client.head()).status == 502
    assert stage.upstream_connections == 1
    await client.close()


async def test_a_fresh_connection_is_not_retried(stage: Stage) -> None:
    """Once is enough: a service that hangs up at once is broken."""

    async def service(peer: Peer) -> None:
        await peer.head()

    stage.service = service
    assert await stage.problem(request()) == (502, "upstream_broke")
    assert stage.upstream_connections == 1


async def test_half_an_answer_is_not_retried(stage: Stage) -> None:
    """A byte of a response means that the request was heard."""

    async def service(peer: Peer) -> None:
        await peer.head()
        await peer.send(OK)
        await peer.head()
        await peer.send(b"HTTP/1.1 2")

    stage.service = service
    client = stage.client()
    await client.send(request())
    await client.response()
    await client.send(request())
    assert (await client.head()).status == 502
    assert stage.upstream_connections == 1
    await client.close()


async def test_connection_close_is_obeyed(stage: Stage) -> None:
    """A service that closes is not asked again on the same connection."""

    async def service(peer: Peer) -> None:
        await peer.head()
        await peer.send(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok")

    stage.service = service
    client = stage.client()
    for _ in range(2):
        await client.send(request())
        await client.response()
    assert (stage.upstream_connections, stage.proxy.pool.idle) == (2, 0)
    await client.close()


async def test_old_connections_are_not_reused(stage: Stage, autojump_clock: object) -> None:
    """After a minute a new connection is made, to wherever the name leads by then."""
    for connections in (1, 2):
        client = stage.client()
        await client.send(request())
        await client.response()
        await client.close()
        assert (stage.upstream_connections, stage.proxy.pool.open) == (connections, 1)
        await trio.sleep(61)


async def test_idle_connections_are_bounded(nursery: trio.Nursery) -> None:
    """What is over the bound is closed."""
    stage = Stage(nursery, limits=Limits(idle_upstream=1), snapshot=snapshot())
    go = trio.Event()

    async def service(peer: Peer) -> None:
        await peer.head()
        await go.wait()
        await peer.send(OK)
        await peer.rest()

    stage.service = service
    clients = [stage.client() for _ in range(3)]
    for client in clients:
        await client.send(request())
    await trio.testing.wait_all_tasks_blocked()
    assert stage.proxy.pool.open == 3
    go.set()
    for client in clients:
        await client.response()
        await client.close()
    await trio.testing.wait_all_tasks_blocked()
    assert (stage.proxy.pool.open, stage.proxy.pool.idle) == (1, 1)


async def test_no_connection_is_502(stage: Stage) -> None:
    """Refused, or a name that is unknown."""

    async def connect() -> trio.abc.Stream:
        raise OSError("all attempts to connect failed")

    stage.connect = connect
    assert await stage.problem(request()) == (502, "upstream_refused")
    assert stage.proxy.pool.open == 0


async def test_real_sockets_and_a_closed_one(stage: Stage, nursery: trio.Nursery, tmp_path: Path) -> None:
    """Over TCP and a unix socket; a connection that the service closed while idle is found out before it is used,
    so that even a POST is safe."""

    async def service(stream: trio.SocketStream) -> None:
        peer = Peer(stream)
        await peer.head()
        await peer.send(OK)
        await stream.aclose()

    listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
    nursery.start_soon(trio.serve_listeners, service, listeners)
    unix = trio.socket.socket(trio.socket.AF_UNIX)
    await unix.bind(str(tmp_path / "s"))
    unix.listen()
    nursery.start_soon(trio.serve_listeners, service, [trio.SocketListener(unix)])
    port = listeners[0].socket.getsockname()[1]
    for url in (f"http://127.0.0.1:{port}", f"http://localhost:{port}", f"unix:{tmp_path}/s"):
        proxy = Proxy(stage.gate, upstream(url), clock=lambda: stage.now)
        front = (await trio.open_tcp_listeners(0, host="127.0.0.1"))[0]
        nursery.start_soon(proxy.serve, [front])
        client = Peer(await trio.open_tcp_stream("127.0.0.1", front.socket.getsockname()[1]))
        for _ in range(3):
            await client.send(request(method="POST"))
            assert (await client.response())[1] == b"ok"
            await trio.testing.wait_all_tasks_blocked(0.01)
        await client.close()
    nursery.cancel_scope.cancel()


@pytest.mark.parametrize("url", ["http://", "ftp://a", "unix:relative", "http://a/path", "http://a?b", "a:80"])
def test_bad_upstreams(url: str) -> None:
    """An address that is none is refused at the start."""
    with pytest.raises(ValueError, match="not http"):
        upstream(url)
