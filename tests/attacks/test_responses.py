"""Hostile responses: the caller gets 502, or exactly what is sound of it, or is cut off; and whoever comes next gets
the answer to its own request."""

import h11
import pytest
import trio

from ..proxy.stage import Peer, Stage, snapshot
from .attack import HOST, forwarded
from .responses import OK, RESPONSES, Response

SECOND = OK + b"Content-Length: 6\r\n\r\nsecond"
DRIPPING = [name for name, response in RESPONSES.items() if len(response.sent) <= 2000]


class Service:
    """Gives the hostile response to the first request, and a good one to every other; keeps every byte."""

    def __init__(self, response: Response, piece: int) -> None:
        self.seen: list[bytes] = []
        self._response = response
        self._piece = piece
        self._first = True

    async def __call__(self, peer: Peer) -> None:
        number = len(self.seen)
        self.seen.append(b"")
        while True:
            self.seen[number] += (await peer.head()).raw
            if not self._first:
                await peer.send(SECOND)
                continue
            self._first = False
            sent, piece = self._response.sent, self._piece
            for start in range(0, len(sent), piece):
                await peer.send(sent[start : start + piece])
                await trio.testing.wait_all_tasks_blocked()
            if self._response.ends:
                return


async def ask(stage: Stage, request: bytes) -> bytes:
    """One request on its own connection; everything that comes back within a moment."""
    client = stage.client()
    await client.send(request)
    await trio.testing.wait_all_tasks_blocked()
    with trio.move_on_after(0.5):
        while data := await client.stream.receive_some():
            client.buffer += data
    await client.close()
    await trio.testing.wait_all_tasks_blocked()
    return client.buffer


def read(method: str, raw: bytes) -> tuple[list[tuple[int, list[tuple[bytes, bytes]]]], bytes, bool]:
    """Heads, body, and whether the response is whole, as h11 reads them."""
    judge = h11.Connection(h11.CLIENT)
    judge.send(h11.Request(method=method, target="/", headers=[("Host", "orders")]))
    judge.receive_data(raw)
    heads, body = [], b""
    while True:
        event = judge.next_event()
        if isinstance(event, h11.Response | h11.InformationalResponse):
            heads.append((event.status_code, list(event.headers)))
        elif isinstance(event, h11.Data):
            body += bytes(event.data)
        else:
            assert not judge.trailing_data[0], "more than one response"
            return heads, body, isinstance(event, h11.EndOfMessage)


async def play(nursery: trio.Nursery, response: Response, piece: int) -> bytes:
    """The hostile exchange and one by somebody else; returns what the first caller got."""
    stage = Stage(nursery, snapshot=snapshot())
    service = Service(response, piece)
    stage.service = service
    first = await ask(stage, f"{response.method} /public/a HTTP/1.1\r\n".encode() + HOST + b"\r\n")
    second = await ask(stage, b"GET /public/b HTTP/1.1\r\n" + HOST + b"\r\n")
    assert second == b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nsecond"
    sent = [forwarded(f"{response.method} /public/a"), forwarded("GET /public/b", ids=5)]
    assert service.seen == ([b"".join(sent)] if response.reused else sent)
    assert not stage.bugs, stage.bugs
    assert stage.proxy.pool.open == stage.proxy.pool.idle == 1
    assert (stage.proxy.load.connections, stage.proxy.load.in_flight) == (0, 0)
    await stage.proxy.pool.aclose()
    return first


def check(response: Response, got: bytes) -> None:
    """502 is said once, whole, and with its word, after nothing but interim responses."""
    heads, body, whole = read(response.method, got)
    assert (heads[-1][0], whole) == (502, True)
    assert all(status < 200 for status, _ in heads[:-1])
    assert response.method == "HEAD" or b'"upstream_broke"' in body


def test_the_table_is_long() -> None:
    """A table that lost its responses would pass."""
    assert len(RESPONSES) >= 60


@pytest.mark.parametrize("name", RESPONSES)
async def test_a_hostile_response(nursery: trio.Nursery, autojump_clock: object, name: str) -> None:
    """In one piece."""
    response = RESPONSES[name]
    got = await play(nursery, response, max(1, len(response.sent)))
    if response.passed is None:
        check(response, got)
    else:
        assert got == response.passed
        assert read(response.method, got)[2] == response.whole


@pytest.mark.parametrize("name", DRIPPING)
async def test_a_hostile_response_in_drops(nursery: trio.Nursery, autojump_clock: object, name: str) -> None:
    """Byte by byte: the same, but that a fault in a body may show when its head has been passed on."""
    response = RESPONSES[name]
    got = await play(nursery, response, 1)
    if response.passed is not None:
        assert read(response.method, got) == read(response.method, response.passed)
    elif response.in_body and got.startswith(OK):
        assert not read(response.method, got)[2]
    else:
        check(response, got)
