"""Upgrades: allowed first like any request, then a tunnel that lasts no longer than it may."""

import json
from collections.abc import Callable
from dataclasses import replace

import pytest
import trio

from sidecar.contract.reasons import Reason
from sidecar.contract.snapshot import Revocation, Route, Snapshot
from sidecar.http1.limits import Limits, Timeouts

from ..authn.minting import NOW
from .stage import OK, Head, Peer, Stage, bearer, request, snapshot

ASKING = b"Connection: keep-alive, Upgrade\r\nUpgrade: WebSocket\r\n"
KEY = b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
GRANTED = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
T = Timeouts()


class Echo:
    """A service that grants every upgrade and says in capitals what it hears."""

    def __init__(self) -> None:
        self.heads: list[Head] = []
        self.ended = trio.Event()

    async def __call__(self, peer: Peer) -> None:
        try:
            self.heads.append(await peer.head())
            await peer.send(GRANTED + b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n")
            while data := peer.buffer or await peer.stream.receive_some():
                peer.buffer = b""
                await peer.send(bytes(data).upper())
        finally:
            self.ended.set()


@pytest.fixture
def echo(stage: Stage) -> Echo:
    """The stage's service for these tests."""
    stage.service = echo = Echo()
    return echo


def asking(*lines: bytes, target: str = "/public/a") -> bytes:
    """A request for a WebSocket."""
    return request(target, ASKING, KEY, *lines)


async def opened(stage: Stage, *lines: bytes, target: str = "/public/a") -> Peer:
    """A client in a tunnel that works."""
    client = stage.client()
    await client.send(asking(*lines, target=target))
    assert (await client.head()).status == 101
    await client.send(b"hello")
    assert await client.exactly(5) == b"HELLO"
    return client


async def recorded(stage: Stage) -> list[tuple[int, str, bool]]:
    """What was logged when everything has come to rest: status, reason, was it whole."""
    await trio.testing.wait_all_tasks_blocked()
    return [(record.status, record.reason, record.complete) for record in stage.records]


async def test_a_websocket_is_opened_and_carries_bytes(stage: Stage, echo: Echo) -> None:
    """The handshake passes both ways, the connection fields are our own, and the record counts every byte."""
    client = stage.client()
    await client.send(asking(bearer(), target="/mine/ws"))
    head = await client.head()
    assert (head.status, head.one("upgrade"), head.one("connection")) == (101, "websocket", "Upgrade")
    assert head.one("sec-websocket-accept") == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
    assert not {"content-length", "transfer-encoding"} & {name for name, _ in head.fields}
    await client.send(b"ab\0\xff" * 50_000)
    assert await client.exactly(200_000) == b"AB\0\xff" * 50_000
    sent = echo.heads[0]
    assert (sent.one("upgrade"), sent.one("connection"), sent.one("x-auth-subject")) == ("WebSocket", "Upgrade", "7")
    assert (sent.one("sec-websocket-key"), sent.all("authorization")) == ("dGhlIHNhbXBsZSBub25jZQ==", [])
    assert stage.records == []
    await client.close()
    await echo.ended.wait()
    await trio.testing.wait_all_tasks_blocked()
    (record,) = stage.records
    assert (record.status, record.reason, record.subject, record.route) == (101, "allowed", "7", "/mine/**")
    assert record.bytes_in == len(asking(bearer(), target="/mine/ws")) + 200_000
    assert record.bytes_out == len(head.raw) + 200_000
    busy = stage.proxy.pool.open - stage.proxy.pool.idle
    assert (busy, stage.proxy.load.in_flight, stage.proxy.load.tunnels) == (0, 0, 0)


@pytest.mark.parametrize("protocol", ["chat/2.0", "foo", "IRC/6.9"])
async def test_any_other_protocol(stage: Stage, protocol: str) -> None:
    """What is spoken in the tunnel is not our affair."""

    async def service(peer: Peer) -> None:
        name = (await peer.head()).one("upgrade")
        await peer.send(f"HTTP/1.1 101 Go\r\nUpgrade: {name}\r\nConnection: upgrade, x\r\nX: y\r\n\r\nwelcome".encode())

    stage.service = service
    client = stage.client()
    await client.send(request("/public/a", f"Connection: upgrade\r\nUpgrade: {protocol}\r\n".encode()))
    head = await client.head()
    assert (head.first, head.one("upgrade"), head.all("x")) == ("HTTP/1.1 101 Go", protocol, [])
    assert await client.exactly(7) == b"welcome"
    await client.close()


async def test_a_refused_upgrade_never_reaches_the_service(stage: Stage, echo: Echo) -> None:
    """No token, no tunnel; and the connection lives on as after any refusal."""
    client = stage.client()
    await client.send(asking(target="/mine/ws"))
    head, body = await client.response()
    assert (head.status, json.loads(body)["reason"]) == (401, "missing_token")
    assert (stage.upstream_connections, stage.proxy.load.tunnels) == (0, 0)
    await client.send(asking(bearer(), target="/mine/ws"))
    assert (await client.head()).status == 101
    await client.close()


async def test_what_a_client_says_too_early_is_held(stage: Stage, autojump_clock: object) -> None:
    """Bytes before the 101 are sent on after it, and not before."""
    heard: list[bytes] = []

    async def service(peer: Peer) -> None:
        await peer.head()
        await trio.sleep(5)
        heard.append(peer.buffer)
        await peer.send(GRANTED + b"\r\n")
        await peer.send(await peer.exactly(10))

    stage.service = service
    client = stage.client()
    await client.send(asking() + b"early")
    await trio.sleep(3)
    await client.send(b"later")
    assert (await client.head()).status == 101
    assert await client.exactly(10) == b"earlylater"
    assert heard == [b""]
    await client.close()


async def test_an_answer_that_is_no_101_is_a_response(stage: Stage) -> None:
    """It is passed on, and what the client said meanwhile is its next request."""

    async def service(peer: Peer) -> None:
        await peer.head()
        await peer.send(b"HTTP/1.1 426 Upgrade Required\r\nSec-WebSocket-Version: 8\r\nContent-Length: 2\r\n\r\nno")

    stage.service = service
    client = stage.client()
    await client.send(asking() + request("/mine/x"))
    head, body = await client.response()
    assert (head.status, body, head.one("sec-websocket-version")) == (426, b"no", "8")
    assert (await client.response())[0].status == 401
    assert (stage.upstream_connections, stage.proxy.load.tunnels) == (1, 0)
    await client.close()


async def test_an_upgrade_has_a_connection_of_its_own(nursery: trio.Nursery) -> None:
    """It takes none from the pool, counts against no other bound than its own, and is not kept."""
    stage = Stage(nursery, limits=Limits(in_flight=1, tunnels=2, upstream_connections=1), snapshot=snapshot())
    stage.service = Echo()
    tunnels = [await opened(stage) for _ in range(2)]
    assert await stage.problem(asking()) == (503, "overloaded")
    stage.service = answer_ok
    client = stage.client()
    await client.send(request())
    assert (await client.response())[1] == b"ok"
    assert (stage.proxy.pool.open, stage.proxy.pool.idle, stage.proxy.load.tunnels) == (3, 1, 2)
    for tunnel in tunnels:
        await tunnel.close()
    await trio.testing.wait_all_tasks_blocked()
    assert (stage.proxy.pool.open, stage.proxy.pool.idle, stage.proxy.load.tunnels) == (1, 1, 0)
    await client.close()
    assert not stage.bugs


async def answer_ok(peer: Peer) -> None:
    """A service of plain requests."""
    await peer.head()
    await peer.send(OK)
    await peer.rest()


async def test_a_tunnel_has_backpressure_both_ways(nursery: trio.Nursery) -> None:
    """Whoever reads nothing stops the other, and little is held in between."""
    taken = {"up": 0, "down": 0}

    async def flood(peer: Peer, direction: str) -> None:
        while True:
            await peer.send(bytes(65536))
            taken[direction] += 65536

    async def service(peer: Peer) -> None:
        await peer.head()
        await peer.send(GRANTED + b"\r\n")
        await flood(peer, "down")

    stage = Stage(nursery, snapshot=snapshot(), pair=trio.testing.lockstep_stream_pair)
    stage.service = service
    client = stage.client()
    await client.send(asking())
    assert (await client.head()).status == 101
    nursery.start_soon(flood, client, "up")
    await trio.testing.wait_all_tasks_blocked()
    assert max(taken.values()) <= 3 * 65536
    nursery.cancel_scope.cancel()


async def test_half_a_tunnel_may_close_before_the_other(stage: Stage, autojump_clock: object) -> None:
    """An end is passed on as one, and the other direction ends in its own time."""
    heard: list[bytes] = []

    async def service(peer: Peer) -> None:
        await peer.head()
        await peer.send(GRANTED + b"\r\n")
        heard.append(await peer.rest())
        await trio.sleep(T.response_idle_s - 1)
        await peer.send(b"goodbye")

    stage.service = service
    client = stage.client()
    await client.send(asking())
    await client.head()
    await client.send(b"all")
    assert isinstance(client.stream, trio.abc.HalfCloseableStream)
    await client.stream.send_eof()
    assert await client.rest() == b"goodbye"
    assert heard == [b"all"]
    assert await recorded(stage) == [(101, "allowed", True)]


async def test_an_idle_tunnel_is_closed(stage: Stage, echo: Echo, autojump_clock: object) -> None:
    """tunnel_idle_s after the last byte either way, and not before."""
    client = await opened(stage)
    for _ in range(3):
        await trio.sleep(T.tunnel_idle_s - 1)
        await client.send(b"x")
        assert await client.exactly(1) == b"X"
    began = trio.current_time()
    assert await client.rest() == b""
    assert trio.current_time() - began == pytest.approx(T.tunnel_idle_s)
    assert echo.ended.is_set()
    assert await recorded(stage) == [(101, "tunnel_idle", False)]


async def test_a_client_that_takes_nothing_loses_its_tunnel(nursery: trio.Nursery, autojump_clock: object) -> None:
    """After write_idle_s, as with any response."""

    async def service(peer: Peer) -> None:
        await peer.head()
        await peer.send(GRANTED + b"\r\n" + bytes(1_000_000))

    stage = Stage(nursery, snapshot=snapshot(), pair=trio.testing.lockstep_stream_pair)
    stage.service = service
    client = stage.client()
    await client.send(asking())
    await client.head()
    await trio.sleep(T.write_idle_s + 1)
    assert await recorded(stage) == [(101, "allowed", False)]
    assert (stage.proxy.pool.open, stage.bugs) == (0, [])
    await client.close()


async def test_a_service_that_takes_nothing_loses_its_tunnel(nursery: trio.Nursery, autojump_clock: object) -> None:
    """And the record says whose fault it was."""

    async def service(peer: Peer) -> None:
        await peer.head()
        await peer.send(GRANTED + b"\r\n")
        await trio.sleep_forever()

    stage = Stage(nursery, snapshot=snapshot(), pair=trio.testing.lockstep_stream_pair)
    stage.service = service
    client = stage.client()
    await client.send(asking())
    await client.head()
    await client.send(bytes(10))
    assert await client.rest() == b""
    assert trio.current_time() == pytest.approx(T.write_idle_s)
    assert await recorded(stage) == [(101, "upstream_timeout", False)]
    nursery.cancel_scope.cancel()


async def test_a_tunnel_ends_with_its_token(stage: Stage, echo: Echo, autojump_clock: object) -> None:
    """At exp and leeway, to both sides."""
    client = await opened(stage, bearer(exp=NOW + 30), target="/mine/ws")
    await trio.sleep(34)
    await client.send(b"still")
    assert await client.exactly(5) == b"STILL"
    stage.now = NOW + 35
    assert await client.rest() == b""
    assert trio.current_time() == pytest.approx(35)
    assert echo.ended.is_set()
    assert await recorded(stage) == [(101, "token_expired", False)]


def revoked(subject: str) -> Snapshot:
    """The usual snapshot, and one subject's tokens do not count any more."""
    return replace(snapshot(), revocations=(Revocation(issuer="partner", by="subject", value=subject, before=NOW + 1),))


WITHDRAWALS: dict[str, tuple[Callable[[], Snapshot], str]] = {
    "revoked": (lambda: revoked("7"), "token_revoked"),
    "no route": (lambda: snapshot(Route("/other")), "no_route"),
    "issuer gone": (lambda: replace(snapshot(), issuers=()), "invalid_token"),
}


@pytest.mark.parametrize("name", WITHDRAWALS)
async def test_a_tunnel_ends_when_it_would_be_refused(stage: Stage, echo: Echo, name: str) -> None:
    """As soon as the snapshot is in force; with one that allows it still it stays."""
    change, reason = WITHDRAWALS[name]
    client = await opened(stage, bearer(), target="/mine/ws")
    stage.gate.use(snapshot())
    await client.send(b"still")
    assert await client.exactly(5) == b"STILL"
    assert stage.records == []
    stage.gate.use(change())
    assert await client.rest() == b""
    await echo.ended.wait()
    assert await recorded(stage) == [(101, reason, False)]


async def test_only_those_that_may_not_are_cut(stage: Stage) -> None:
    """Of many tunnels those of one subject end; requests and the other tunnels never notice."""
    stage.service = Echo()
    tunnels = [await opened(stage, bearer(sub=str(n % 2)), target="/mine/ws") for n in range(20)]
    stage.gate.use(revoked("1"))
    await trio.testing.wait_all_tasks_blocked()
    assert stage.proxy.load.tunnels == 10
    for number, tunnel in enumerate(tunnels):
        if number % 2:
            assert await tunnel.rest() == b""
        else:
            await tunnel.send(b"still")
            assert await tunnel.exactly(5) == b"STILL"
        await tunnel.close()


async def test_a_gate_that_shuts_ends_tunnels(stage: Stage, echo: Echo) -> None:
    """A snapshot that is too old to be trusted holds nothing open."""
    client = await opened(stage)
    stage.gate.closed_for = Reason.STALE_SNAPSHOT
    assert await client.rest() == b""
    assert await recorded(stage) == [(101, "stale_snapshot", False)]


async def test_tunnels_last_until_the_drain_is_over(autojump_clock: object) -> None:
    """Then they are counted, cut and recorded."""
    async with trio.open_nursery() as outer:
        stage = Stage(outer, snapshot=snapshot())
        stage.service = Echo()
        client = await opened(stage)
        stage.proxy.drain()
        await trio.sleep(T.drain_s - 1)
        await client.send(b"still")
        assert await client.exactly(5) == b"STILL"
        assert not await stage.proxy.drained()
        assert (stage.proxy.load.in_flight, stage.proxy.load.tunnels) == (1, 1)
        outer.cancel_scope.cancel()
    assert await recorded(stage) == [(101, "draining", False)]
    assert (stage.proxy.load.in_flight, stage.proxy.load.tunnels, stage.proxy.pool.open) == (0, 0, 0)
