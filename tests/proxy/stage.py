"""A proxy between a client and a service that the test plays itself, byte for byte, over memory streams."""

import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from io import StringIO
from itertools import count
from typing import Any

import trio
from trio.testing import memory_stream_pair

from sidecar.contract.snapshot import Forward, Requirement, Route, Snapshot
from sidecar.http1.client import ClientConnection
from sidecar.http1.limits import Limits, Timeouts
from sidecar.observe.accesslog import AccessLog
from sidecar.observe.metrics import Metrics
from sidecar.observe.observer import Observer
from sidecar.observe.record import Record
from sidecar.observe.status import Status
from sidecar.proxy.gate import Gate
from sidecar.proxy.ids import Ids
from sidecar.proxy.origin import Forwarding
from sidecar.proxy.proxy import Proxy
from sidecar.proxy.upstream import Upstream

from ..authn.minting import NOW, claims, issuer, mint

Service = Callable[["Peer"], Awaitable[None]]

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
LARGE = b"HTTP/1.1 200 OK\r\nContent-Length: 300000\r\n\r\n" + b"0123456789" * 30_000
ROUTES = (
    Route("/public/**", access="public"),
    Route("/slow", access="public", timeout_ms=2000),
    Route("/orders/{id}", methods=("GET", "POST"), require=Requirement(scopes=("orders:read",))),
    Route("/admin/**", require=Requirement(scopes=("admin",))),
    Route("/mine/**"),
)


def socket_pair() -> tuple[trio.SocketStream, trio.SocketStream]:
    """Two connected sockets."""
    ours, theirs = (trio.SocketStream(trio.socket.from_stdlib_socket(end)) for end in socket.socketpair())
    return ours, theirs


class Peer:
    """One end of a connection, in the test's hands."""

    def __init__(self, stream: trio.abc.Stream) -> None:
        self.stream = stream
        self.buffer = b""

    async def send(self, data: bytes) -> None:
        """Write."""
        await self.stream.send_all(data)

    async def until(self, mark: bytes) -> bytes:
        """Everything up to ``mark``, which is included; fails at an early end."""
        while mark not in self.buffer:
            data = await self.stream.receive_some()
            assert data, f"ended after {self.buffer!r}"
            self.buffer += data
        found, _, self.buffer = self.buffer.partition(mark)
        return found + mark

    async def exactly(self, size: int) -> bytes:
        """So many bytes."""
        while len(self.buffer) < size:
            data = await self.stream.receive_some()
            assert data, f"ended after {self.buffer!r}"
            self.buffer += data
        found, self.buffer = self.buffer[:size], self.buffer[size:]
        return found

    async def head(self) -> "Head":
        """The next head."""
        return Head(await self.until(b"\r\n\r\n"))

    async def response(self) -> tuple["Head", bytes]:
        """A response with a Content-Length, whole."""
        head = await self.head()
        return head, await self.exactly(int(head.one("content-length")))

    async def rest(self) -> bytes:
        """Everything to the end; a break is an end."""
        try:
            while data := await self.stream.receive_some():
                self.buffer += data
        except trio.BrokenResourceError:
            pass
        found, self.buffer = self.buffer, b""
        return found

    async def close(self) -> None:
        """Close."""
        await self.stream.aclose()


class Head:
    """A head, taken apart as naively as can be."""

    def __init__(self, raw: bytes) -> None:
        self.raw = raw
        self.first, *lines = raw[:-4].decode("latin-1").split("\r\n")
        self.fields = [(name.lower(), value) for name, _, value in (line.partition(": ") for line in lines)]

    @property
    def status(self) -> int:
        """A response's status."""
        return int(self.first.split(" ")[1])

    def all(self, name: str) -> list[str]:
        """Every value of a field."""
        return [value for found, value in self.fields if found == name]

    def one(self, name: str) -> str:
        """The only value of a field."""
        (value,) = self.all(name)
        return value


@dataclass
class Stage:
    """``service`` plays each upstream connection in turn; ``records`` has what was logged."""

    nursery: trio.Nursery
    timeouts: Timeouts = field(default_factory=Timeouts)
    limits: Limits = field(default_factory=Limits)
    snapshot: Snapshot | None = None
    now: float = NOW
    records: list[Record] = field(default_factory=list)
    bugs: list[BaseException] = field(default_factory=list)
    refreshed: list[str] = field(default_factory=list)
    upstream_connections: int = 0
    forwarding: Forwarding | None = None
    pair: Callable[[], tuple[trio.abc.Stream, trio.abc.Stream]] = memory_stream_pair
    """Memory streams take any write at once; lockstep streams only what is read at the same time."""
    warm: bool = False
    """Is there a connection to the service before it is asked for? Then the engine, where it runs, need not wait."""

    def __post_init__(self) -> None:
        self.gate = Gate()
        if self.snapshot is not None:
            self.gate.use(self.snapshot)
        self.status = Status("orders")
        self.log = AccessLog(StringIO())
        self.metrics = Metrics(self.status, lambda: self.now)
        numbers = count(1)
        self.proxy = Proxy(
            self.gate,
            Upstream(self._reach, b"service:8080"),
            self.timeouts,
            self.limits,
            _Watched(self),
            clock=lambda: self.now,
            ids=Ids(lambda size: next(numbers).to_bytes(size, "big")),
            forwarding=self.forwarding,
            refresh=self.refreshed.append,
        )
        self._made = self.proxy
        self.service: Service = answer_ok
        self.connect: Callable[[], Awaitable[trio.abc.Stream]] = self._connect

    async def _reach(self) -> trio.abc.Stream:
        return await self.connect()

    async def _connect(self) -> trio.abc.Stream:
        ours, theirs = self.pair()
        self.upstream_connections += 1
        self.nursery.start_soon(self._play, self.service, theirs)
        return ours

    async def _play(self, service: Service, stream: trio.abc.Stream) -> None:
        async with stream:
            try:
                await service(Peer(stream))
            except (trio.BrokenResourceError, AssertionError) as error:
                if isinstance(error, AssertionError) and "ended after" not in str(error):
                    raise

    def client(self, peer: str = "10.0.0.9") -> Peer:
        """A new connection to the proxy."""
        ours, theirs = self.pair()
        if self.warm and (self.connect, self.proxy) == (self._connect, self._made) and not self.proxy.pool.idle:
            self._keep_one()
        self.nursery.start_soon(self.proxy.handle, theirs, peer)
        return Peer(ours)

    def _keep_one(self) -> None:
        """A connection to the service that is there already, as it is nearly always."""
        ours, theirs = self.pair()
        self.nursery.start_soon(self._play_once_asked, theirs)
        pool = self.proxy.pool
        pool.open += 1
        now = trio.current_time()
        pool.put_now(ClientConnection(ours, self.timeouts, self.limits, now), now)

    async def _play_once_asked(self, stream: trio.abc.Stream) -> None:
        assert isinstance(stream, trio.SocketStream)
        await trio.lowlevel.wait_readable(stream.socket)
        self.upstream_connections += 1
        await self._play(self.service, stream)

    async def ask(self, raw: bytes) -> tuple[Head, bytes]:
        """One request on a connection of its own; the answer to its end."""
        client = self.client()
        await client.send(raw)
        try:
            head = await client.head()
            return head, await client.rest()
        finally:
            await client.close()

    async def problem(self, raw: bytes) -> tuple[int, str]:
        """One request that is refused: status and reason."""
        client = self.client()
        await client.send(raw)
        head, body = await client.response()
        await client.close()
        assert head.one("content-type") == "application/problem+json"
        document: dict[str, Any] = json.loads(body)
        assert document["status"] == head.status
        return head.status, document["reason"]


@asynccontextmanager
async def express_stage(**options: Any) -> AsyncIterator[Stage]:
    """A stage on sockets, whose engine runs and has a connection to the service at hand: what is plain is carried by
    the engine, the rest by tasks."""
    ends: list[trio.SocketStream] = []

    def pair() -> tuple[trio.SocketStream, trio.SocketStream]:
        ends.extend(socket_pair())
        return ends[-2], ends[-1]

    try:
        async with trio.open_nursery() as nursery:
            made = Stage(nursery, pair=pair, warm=True, **options)
            await nursery.start(made.proxy.engine.run)
            yield made
            nursery.cancel_scope.cancel()
    finally:
        for end in ends:
            end.socket.close()


class _Watched(Observer):
    def __init__(self, stage: Stage) -> None:
        super().__init__(stage.log, stage.metrics)
        self._stage = stage

    def finished(self, record: Record) -> None:
        self._stage.records.append(record)
        super().finished(record)

    def bug(self, error: BaseException) -> None:
        self._stage.bugs.append(error)


def snapshot(*routes: Route, forward: Forward | None = None) -> Snapshot:
    """A snapshot of one issuer whose key is minting's, with these routes or the usual ones."""
    return Snapshot(
        "shop.test", "orders", 3, NOW - 60, issuers=(issuer(),), routes=routes or ROUTES, forward=forward or Forward()
    )


def bearer(**changes: Any) -> bytes:
    """An Authorization line with a good token, but for ``changes``."""
    return b"Authorization: Bearer " + mint(claims(**changes)).encode() + b"\r\n"


def request(target: str = "/public/a", *lines: bytes, method: str = "GET", body: bytes = b"") -> bytes:
    """A request; ``lines`` end in CRLF."""
    return f"{method} {target} HTTP/1.1\r\nHost: orders\r\n".encode() + b"".join(lines) + b"\r\n" + body


async def answer_ok(peer: Peer) -> None:
    """A service that says ok to every request without a body."""
    while True:
        await peer.head()
        await peer.send(OK)
