"""What comes through the proxy is what would have come without it, or nothing; and it always ends.

Each runs a whole proxy over memory streams on a virtual clock. Whatever was sent, every task ends, no connection stays
behind, and nothing that happens counts as a bug.
"""

from collections.abc import Awaitable, Callable, Sequence

import trio
from trio.testing import MockClock, memory_stream_pair

from sidecar.contract.snapshot import Route, Snapshot
from sidecar.observe.observer import Observer
from sidecar.proxy.gate import Gate
from sidecar.proxy.ids import Ids
from sidecar.proxy.proxy import Proxy
from sidecar.proxy.upstream import Upstream

from .inputs import pieces
from .straight import ENDING_HERE, Request, end_to_end, requests, response

LONG_S = 100_000
"""More than every timeout together: what has not ended by then hangs."""
GATE = Gate()
GATE.use(Snapshot("shop.test", "orders", 1, 0, issuers=(), routes=(Route("/**", access="public"),)))
SECOND = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsecond"
WEBSOCKET = b"GET / HTTP/1.1\r\nHost: h\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n"
SWITCHED = b"HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n"

ADDED = frozenset(
    b"host content-length transfer-encoding x-request-id traceparent via te connection upgrade expect x-forwarded-for "
    b"x-forwarded-proto x-forwarded-host".split()
)

Play = Callable[[trio.abc.Stream], Awaitable[None]]


class Bugs(Observer):
    """Keeps what must not be."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[BaseException] = []

    def bug(self, error: BaseException) -> None:
        """Keep it."""
        self.found.append(error)


class Line:
    """A proxy, and a service whose connections are played."""

    def __init__(self, nursery: trio.Nursery, play: Play) -> None:
        self._nursery, self._play = nursery, play
        self.bugs = Bugs()
        ids = Ids(lambda size: b"\1" * size)
        # Connections age beyond any test, so that what is left over on one has its chance.
        service = Upstream(self._connect, b"service", max_age_s=LONG_S)
        self.proxy = Proxy(GATE, service, observer=self.bugs, clock=lambda: 0.0, ids=ids)

    async def _connect(self) -> trio.abc.Stream:
        ours, theirs = memory_stream_pair()
        self._nursery.start_soon(self._serve, theirs)
        return ours

    async def _serve(self, stream: trio.abc.Stream) -> None:
        try:
            await self._play(stream)
        except trio.BrokenResourceError:
            pass
        finally:
            await trio.aclose_forcefully(stream)

    async def say(self, parts: Sequence[bytes], *, ends: bool) -> bytes:
        """All of it on one connection; everything that comes back. ``ends``: close the sending side afterwards."""
        ours, theirs = memory_stream_pair()
        self._nursery.start_soon(self.proxy.handle, theirs, "10.0.0.9")
        received = bytearray()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_send, ours, parts, ends)
            try:
                while data := await ours.receive_some():
                    received += data
            except trio.BrokenResourceError:
                pass
            nursery.cancel_scope.cancel()
        await ours.aclose()
        return bytes(received)


async def _send(
    stream: trio.StapledStream[trio.abc.SendStream, trio.abc.ReceiveStream], parts: Sequence[bytes], ends: bool
) -> None:
    try:
        for part in parts:
            await stream.send_all(part)
            await trio.testing.wait_all_tasks_blocked()
        if ends:
            await stream.send_eof()
    except trio.BrokenResourceError:
        pass


def _run(play: Play, talk: Callable[[Line], Awaitable[None]]) -> None:
    async def main() -> None:
        with trio.fail_after(LONG_S):
            async with trio.open_nursery() as nursery:
                line = Line(nursery, play)
                await talk(line)
                await trio.testing.wait_all_tasks_blocked()
                await line.proxy.pool.aclose()
        load = line.proxy.load
        assert not line.bugs.found, line.bugs.found
        assert (load.connections, load.in_flight, load.tunnels, line.proxy.pool.open) == (0, 0, 0, 0)

    trio.run(main, clock=MockClock(autojump_threshold=0))


def exchange(sent: bytes, cuts: Sequence[int]) -> None:
    """Requests: the service gets those that h11 reads in the same bytes, in their order, or not at all."""
    expected = list(requests(sent))
    seen: list[Request] = []

    async def play(stream: trio.abc.Stream) -> None:
        raw = b""
        while data := await stream.receive_some():
            raw += data
            if raw.endswith((b"\r\n\r\n", b"0\r\n\r\n")) and b"expect: 100-continue" in raw.partition(b"\r\n\r\n")[0]:
                await stream.send_all(b"HTTP/1.1 100 Continue\r\n\r\n")
            # One at a time: the proxy sends the next one only when the last is answered.
            for found in requests(raw):
                if found.body is not None:
                    seen.append(found)
                    raw = b""
                    body = b"" if found.method == b"HEAD" else b"ok"
                    await stream.send_all(
                        b"HTTP/1.1 200 OK\r\nX-Served: %d\r\nContent-Length: 2\r\n\r\n" % len(seen) + body
                    )

    async def talk(line: Line) -> None:
        received = await line.say(list(pieces(sent, cuts)), ends=True)
        _compare(expected, seen, received)

    _run(play, talk)


def _compare(expected: list[Request], seen: list[Request], received: bytes) -> None:
    answers, last_served = 0, 0
    while received:
        # What is no request for h11 may still have begun as a HEAD, and then a refusal of it has no body.
        unread = b"GET" if b"\r\ncontent-length: " in received.partition(b"\r\n\r\n")[0] else b"HEAD"
        method = expected[answers].method if answers < len(expected) else unread
        answer, rest = response(received, method, ended=False)
        if answer is None and received == b"HTTP/1.1 100 Continue\r\n\r\n":
            break  # asked for its body, and gone
        assert answer is not None and answer.whole, "an answer that is none"
        received = rest
        fields = dict(answer.fields)
        if served := fields.get(b"x-served"):
            last_served += 1
            assert int(served) == last_served, "answers out of order"
            _alike(expected[answers], seen[last_served - 1])
        else:
            assert answer.status >= 400
        assert answers < len(expected) or fields.get(b"connection") == b"close", "a refusal of nothing that goes on"
        assert fields.get(b"connection") != b"close" or not received, "an answer after the last"
        answers += 1
    for number, found in enumerate(seen[last_served:], answers):
        _alike(expected[number], found)  # served, but its client had gone


def _alike(expected: Request, seen: Request) -> None:
    assert seen.end_to_end() == expected.end_to_end()
    assert seen.host == (expected.host or _authority(expected.target) or b"service")
    rest = {name for name, _ in seen.fields} - ADDED
    assert rest == {name for name, _ in end_to_end(seen.fields, set())}, "a field that ends here went on"


def _authority(target: bytes) -> bytes:
    return b"" if target.startswith((b"/", b"*")) else target.split(b"://", 1)[-1].partition(b"/")[0].partition(b"?")[0]


def answer(sent: bytes, cuts: Sequence[int]) -> None:
    """A response: the caller gets what h11 reads in the same bytes, or 502, or is cut off; and the next caller gets
    the next response, whatever was left over."""
    method = (b"GET", b"HEAD", b"POST")[len(cuts) % 3]
    ends = bool(sum(cuts) % 2)
    expected, _ = response(sent, method, ends)
    first = True

    async def play(stream: trio.abc.Stream) -> None:
        nonlocal first
        raw = b""
        while data := await stream.receive_some():
            raw += data
            if not raw.endswith(b"\r\n\r\n"):
                continue
            raw = b""
            if not first:
                await stream.send_all(SECOND)
                continue
            first = False
            for part in pieces(sent, cuts):
                await stream.send_all(part)
                await trio.testing.wait_all_tasks_blocked()
            if ends:
                return

    async def talk(line: Line) -> None:
        received = await line.say([method + b" / HTTP/1.1\r\nHost: h\r\n\r\n"], ends=False)
        got, excess = response(received, method)
        assert got is not None and not excess
        if got.whole and not _ours(got.fields, got.status):
            assert expected is not None and expected.whole
            assert (got.status, got.body) == (expected.status, expected.body)
            assert _passed(got.fields) == _passed(expected.fields)
            # Of 1xx, 100 is nobody's but the service's and ours (and h11 shows an unasked 101 as one).
            assert [s for s, _ in got.interim] == [s for s, _ in expected.interim if s != 100]
        assert await line.say([b"GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"], ends=False) == (
            b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\nconnection: close\r\n\r\nsecond"
        )

    _run(play, talk)


def _ours(fields: list[tuple[bytes, bytes]], status: int) -> bool:
    return status in (502, 504) and (b"content-type", b"application/problem+json") in fields


def _passed(fields: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    named = {option.strip(b" \t") for n, v in fields if n == b"connection" for option in v.lower().split(b",")}
    return [(name, value) for name, value in fields if name not in ENDING_HERE | named or name in (b"via", b"host")]


def tunnel(sent: bytes, cuts: Sequence[int]) -> None:
    """After a 101, every byte of both sides, and none of them as HTTP."""
    got = bytearray()

    async def play(stream: trio.abc.Stream) -> None:
        raw = b""
        while not raw.endswith(b"\r\n\r\n"):
            raw += await stream.receive_some()
        early = pieces(SWITCHED + sent, cuts)
        for part in early:
            await stream.send_all(part)
            await trio.testing.wait_all_tasks_blocked()
        while data := await stream.receive_some():
            got.extend(data)

    async def talk(line: Line) -> None:
        received = await line.say(list(pieces(WEBSOCKET + sent, cuts)), ends=True)
        head, _, rest = received.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 101 ")
        assert rest == sent
        assert bytes(got) == sent

    _run(play, talk)
