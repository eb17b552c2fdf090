"""Each wait lasts as long as it is set, and no other changes with it: the table of docs/proxying.md, row by row."""

import re
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import fields, replace
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock, lockstep_stream_pair

from sidecar.http1.express import SWITCH
from sidecar.http1.limits import Timeouts

from .stage import OK, Peer, Stage, express_stage, request, snapshot

PAGE = (Path(__file__).parents[2] / "docs" / "proxying.md").read_text(encoding="utf-8")
SET_S = 7.25
UPLOAD = request("/public/a", b"Content-Length: 9\r\n", method="POST", body=b"half")
EXPECTING = request("/public/a", b"Content-Length: 9\r\n", b"Expect: 100-continue\r\n", method="POST")
UPGRADE = request("/public/a", b"Connection: upgrade\r\n", b"Upgrade: echo\r\n")
SWITCHED = b"HTTP/1.1 101 Yes\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n"


async def silent(peer: Peer) -> None:
    """A service that never says a word."""
    await peer.rest()


def begins(answer: bytes) -> Callable[[Peer], Awaitable[None]]:
    """A service that says so much and then nothing."""

    async def service(peer: Peer) -> None:
        await peer.head()
        await peer.send(answer)
        await peer.rest()

    return service


async def told(client: Peer) -> tuple[int, bytes]:
    """What comes to the client until its connection closes, or it has one whole answer."""
    head, body = await client.response()
    return head.status, body


async def head_read(stage: Stage) -> None:
    """Half a head."""
    client = stage.client()
    await client.send(request()[:-5])
    assert (await told(client))[0] == 408


async def keep_alive_idle(stage: Stage) -> None:
    """Nothing."""
    assert await stage.client().rest() == b""


async def body_idle(stage: Stage) -> None:
    """Half a body."""
    stage.service = silent
    client = stage.client()
    await client.send(UPLOAD)
    assert (await told(client))[0] == 408


async def connect(stage: Stage) -> None:
    """A service that cannot be reached."""

    async def never() -> trio.abc.Stream:
        await trio.sleep_forever()

    stage.connect = never
    client = stage.client()
    await client.send(request())
    assert (await told(client))[0] == 504


async def continues(stage: Stage) -> None:
    """A service that does not ask for the body."""
    stage.service = silent
    client = stage.client()
    await client.send(EXPECTING)
    assert (await client.head()).status == 100


async def response_head(stage: Stage) -> None:
    """No answer."""
    stage.service = silent
    client = stage.client()
    await client.send(request())
    assert (await told(client))[0] == 504


async def response_idle(stage: Stage) -> None:
    """Half an answer."""
    stage.service = begins(OK[:-1])
    client = stage.client()
    await client.send(request())
    assert (await client.rest()).endswith(b"\r\n\r\no")


async def tunnel_idle(stage: Stage) -> None:
    """A tunnel in which nobody speaks."""
    stage.service = begins(SWITCHED)
    client = stage.client()
    await client.send(UPGRADE)
    assert (await client.rest()).startswith(b"HTTP/1.1 101")


async def write_idle(stage: Stage) -> None:
    """A client that takes nothing."""
    ended = trio.Event()

    async def service(peer: Peer) -> None:
        await peer.head()
        await peer.send(OK[:-1])
        await peer.rest()
        ended.set()

    stage.service, stage.pair = service, lockstep_stream_pair
    client = stage.client()
    await client.send(request())
    await ended.wait()


async def drain(stage: Stage) -> None:
    """An exchange that does not end."""
    stage.service = silent
    await stage.client().send(request())
    await trio.testing.wait_all_tasks_blocked()
    stage.proxy.drain()
    assert not await stage.proxy.drained()


async def linger(stage: Stage) -> None:
    """A client that goes on after an early answer."""
    stage.service = begins(OK)
    ours, theirs = stage.pair()
    async with trio.open_nursery() as handling:
        handling.start_soon(stage.proxy.handle, theirs, "10.0.0.9")
        await Peer(ours).send(UPLOAD)
        await Peer(ours).rest()  # one side is closed at once, the other when the client has had the time to see it


async def tls_handshake(stage: Stage) -> None:
    """A client that says no hello."""
    ours, theirs = stage.pair()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    await stage.proxy.handle(trio.SSLStream(theirs, context, server_side=True), "10.0.0.9")
    await ours.aclose()


WAITS: dict[str, Callable[[Stage], Awaitable[None]]] = {
    "tls_handshake_s": tls_handshake,
    "head_read_s": head_read,
    "keep_alive_idle_s": keep_alive_idle,
    "body_idle_s": body_idle,
    "connect_s": connect,
    "continue_s": continues,
    "response_head_s": response_head,
    "response_idle_s": response_idle,
    "tunnel_idle_s": tunnel_idle,
    "write_idle_s": write_idle,
    "drain_s": drain,
    "linger_s": linger,
}


def test_every_wait_is_on_the_page() -> None:
    """With its default."""
    rows = dict(re.findall(r"(?m)^\| `(\w+_s)` \| ([0-9]+) \|", PAGE))
    assert rows == {field.name: f"{field.default:g}" for field in fields(Timeouts)}
    assert list(WAITS) == list(rows)


@pytest.mark.parametrize("name", WAITS)
async def test_a_wait_is_as_long_as_it_is_set(nursery: trio.Nursery, autojump_clock: MockClock, name: str) -> None:
    """And the sidecar is none the worse for it."""
    stage = Stage(nursery, replace(Timeouts(), **{name: SET_S}), snapshot=snapshot())
    began = trio.current_time()
    await WAITS[name](stage)
    assert trio.current_time() - began == pytest.approx(SET_S, abs=0.02)
    nursery.cancel_scope.cancel()
    assert not stage.bugs


@pytest.mark.skipif(not SWITCH.open, reason="the lane is shut, and with it the engine")
@pytest.mark.parametrize(
    "name", [name for name in WAITS if name not in ("write_idle_s", "tls_handshake_s", "linger_s")]
)
@pytest.mark.parametrize("wait_s", [SET_S, 0.5])
async def test_a_wait_is_as_long_in_the_engine(autojump_clock: MockClock, name: str, wait_s: float) -> None:
    """On sockets, with a connection to the service at hand; its clocks are looked at every quarter of a second."""
    async with express_stage(timeouts=replace(Timeouts(), **{name: wait_s}), snapshot=snapshot()) as stage:
        began = trio.current_time()
        await WAITS[name](stage)
        assert wait_s - 0.01 <= trio.current_time() - began <= wait_s + 0.3
        assert not stage.bugs
