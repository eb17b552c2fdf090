"""Each limit is where it is set: what just fits passes, a little more does not. The table of docs/proxying.md, row by
row."""

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, fields, replace
from pathlib import Path

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from sidecar.http1.limits import Limits

from .stage import OK, Peer, Stage, request, snapshot

PAGE = (Path(__file__).parents[2] / "docs" / "proxying.md").read_text(encoding="utf-8")
SET, FEW = 200, 3
UPGRADE = request("/public/a", b"Connection: upgrade\r\n", b"Upgrade: echo\r\n")
SWITCHED = b"HTTP/1.1 101 Yes\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n"


@dataclass(frozen=True)
class Limit:
    """``scenario`` gives one thing with ``fits`` and another with ``over``: a status, or how many were served."""

    scenario: Callable[[Stage, int], Awaitable[object]]
    fits: int
    over: int
    passes: object = 200
    refused: object = 503


async def answers(peer: Peer) -> None:
    """A service that reads each request whole and says ok; it grants every upgrade, and keeps its connection."""
    while True:
        head = await peer.head()
        await peer.exactly(sum(map(int, head.all("content-length"))))
        await peer.send(SWITCHED if head.all("upgrade") else OK)


async def silent(peer: Peer) -> None:
    """A service that never says a word."""
    await peer.rest()


async def status(stage: Stage, raw: bytes) -> int:
    """Of the answer to one request on its own connection, which then closes."""
    client = stage.client()
    await client.send(raw)
    found = (await client.head()).status
    await client.close()
    return found


async def unanswered(stage: Stage, raw: bytes, count: int) -> int:
    """How many of so many requests at once, each on its own connection, are not turned away."""
    clients, refused = [], 0
    for _ in range(count):
        client = stage.client()
        clients.append(client)
        await client.send(raw)
        await wait_all_tasks_blocked()
        with trio.move_on_after(0.1):
            refused += (await client.head()).status == 503
    for client in clients:
        await client.close()
    await wait_all_tasks_blocked()
    return count - refused


async def head_bytes(stage: Stage, size: int) -> int:
    """A head of so many bytes."""
    raw = request("/public/a", b"A: \r\n")
    return await status(stage, raw.replace(b"A: ", b"A: " + b"b" * (size - len(raw))))


async def request_line_bytes(stage: Stage, size: int) -> int:
    """A request line of so many bytes."""
    return await status(stage, request("/public/" + "a" * (size - len(b"GET /public/ HTTP/1.1"))))


async def header_count(stage: Stage, count: int) -> int:
    """So many fields, Host among them."""
    return await status(stage, request("/public/a", *[b"A: b\r\n"] * (count - 1)))


async def body_bytes(stage: Stage, size: int) -> int:
    """A body of so many bytes."""
    line = b"Content-Length: %d\r\n" % size
    return await status(stage, request("/public/a", line, method="POST", body=bytes(size)))


async def body_rate(stage: Stage, rate: int) -> int:
    """So many bytes of a body each second, for longer than ``body_idle_s``."""
    client, found = stage.client(), []

    async def listen() -> None:
        found.append((await client.head()).status)
        sending.cancel_scope.cancel()

    async with trio.open_nursery() as sending:
        sending.start_soon(listen)
        await client.send(request("/public/a", b"Content-Length: %d\r\n" % (100 * rate), method="POST"))
        for _ in range(100):
            await trio.sleep(1)
            await client.send(bytes(rate))
    await client.close()
    return found[0]


async def connections(stage: Stage, count: int) -> int:
    """So many connections, each of which has had an answer."""
    clients = [stage.client() for _ in range(count)]
    served = 0
    for client in clients:
        await client.send(request())
        served += (await client.head()).status == 200
    for client in clients:
        await client.close()
    return served


async def in_flight(stage: Stage, count: int) -> int:
    """So many requests that are not answered."""
    stage.service = silent
    return await unanswered(stage, request(), count)


async def tunnels(stage: Stage, count: int) -> int:
    """So many upgrades."""
    return await unanswered(stage, UPGRADE, count)


async def idle_upstream(stage: Stage, count: int) -> int:
    """So many connections to the service, used at once and not used any more: those that are kept."""
    go = trio.Event()

    async def service(peer: Peer) -> None:
        while await peer.head():
            await go.wait()
            await peer.send(OK)

    stage.service = service
    clients = [stage.client() for _ in range(count)]
    for client in clients:
        await client.send(request())
    await wait_all_tasks_blocked()
    go.set()
    await wait_all_tasks_blocked()
    for client in clients:
        await client.close()
    return stage.proxy.pool.idle


async def discard_bytes(stage: Stage, size: int) -> str:
    """A refused body of so many bytes: what becomes of the connection."""
    client = stage.client()
    await client.send(request("/mine/a", b"Content-Length: %d\r\n" % size, method="POST", body=bytes(size)))
    head, _ = await client.response()
    await client.close()
    return (head.all("connection") or ["lives on"])[0]


async def linger_bytes(stage: Stage, size: int) -> str:
    """So many bytes that follow a refusal: are they waited for, or is the connection closed at once?"""
    began, (ours, theirs) = trio.current_time(), stage.pair()
    async with trio.open_nursery() as handling:
        handling.start_soon(stage.proxy.handle, theirs, "10.0.0.9")
        client = Peer(ours)
        await client.send(b"GET / HTTP/1.1\r\n\r\n")
        await client.response()
        await client.send(bytes(size))
    return "closed" if trio.current_time() - began < 1 else "waited for"


LIMITS = {
    "head_bytes": Limit(head_bytes, SET, SET + 1, refused=431),
    "request_line_bytes": Limit(request_line_bytes, SET, SET + 1, refused=414),
    "header_count": Limit(header_count, SET, SET + 1, refused=431),
    "body_bytes": Limit(body_bytes, SET, SET + 1, refused=413),
    "body_rate": Limit(body_rate, SET, SET // 2, refused=408),
    "connections": Limit(connections, FEW, FEW + 1, FEW, FEW),
    "in_flight": Limit(in_flight, FEW, FEW + 1, FEW, FEW),
    "tunnels": Limit(tunnels, FEW, FEW + 1, FEW, FEW),
    "upstream_connections": Limit(in_flight, FEW, FEW + 1, FEW, FEW),
    "idle_upstream": Limit(idle_upstream, FEW, FEW + 1, FEW, FEW),
    "discard_bytes": Limit(discard_bytes, SET, SET + 1, "lives on", "close"),
    "linger_bytes": Limit(linger_bytes, SET - 1, SET, "waited for", "closed"),
}


def test_every_limit_is_on_the_page() -> None:
    """With its default."""
    rows = dict(re.findall(r"(?m)^\| `(\w+)(?<!_s)` \| ([0-9]+|none) \|", PAGE))
    assert rows == {field.name: str(field.default).lower() for field in fields(Limits)}
    assert list(LIMITS) == list(rows)


@pytest.mark.parametrize("over", [False, True], ids=["fits", "over"])
@pytest.mark.parametrize("name", LIMITS)
async def test_a_limit_is_where_it_is_set(nursery: trio.Nursery, autojump_clock: object, name: str, over: bool) -> None:
    """And the sidecar is none the worse for it."""
    limit = LIMITS[name]
    value = FEW if limit.fits == FEW else SET
    stage = Stage(nursery, limits=replace(Limits(), **{name: value}), snapshot=snapshot())
    stage.service = answers
    found = await limit.scenario(stage, limit.over if over else limit.fits)
    assert found == (limit.refused if over else limit.passes)
    nursery.cancel_scope.cancel()
    assert not stage.bugs


async def test_the_services_head_has_the_same_limit(nursery: trio.Nursery) -> None:
    """In bytes and in fields: 502."""
    stage = Stage(nursery, limits=Limits(head_bytes=SET, header_count=4), snapshot=snapshot())

    async def said(fields: bytes) -> int:
        async def service(peer: Peer) -> None:
            await peer.head()
            await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n" + fields + b"\r\n")
            await peer.rest()

        stage.service = service
        found = await status(stage, request())
        await stage.proxy.pool.aclose()
        return found

    frame = len(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nA: \r\n\r\n")
    assert await said(b"A: " + b"b" * (SET - frame) + b"\r\n") == 200
    assert await said(b"A: " + b"b" * (SET - frame + 1) + b"\r\n") == 502
    assert await said(b"A: b\r\n" * 3) == 200
    assert await said(b"A: b\r\n" * 4) == 502
