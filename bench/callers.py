"""The callers of the soak: many kept connections at a set pace, and short ones that end in every way there is."""

import collections
import random
import selectors
import socket
import statistics
import struct
import time
from dataclasses import dataclass

import trio

RESET = struct.pack("ii", 1, 0)
PIECE = b"x" * 1000


@dataclass(frozen=True, slots=True)
class Figures:
    """Answers a second, and how long they took in ms."""

    rate: float
    p50: float
    p99: float

    @classmethod
    def of(cls, took_s: list[float], seconds: float) -> "Figures":
        ordered = sorted(took_s)
        return cls(len(ordered) / seconds, statistics.median(ordered) * 1000, ordered[int(len(ordered) * 0.99)] * 1000)


class Kept:
    """Connections that are opened once, are served once, and stay."""

    def __init__(self, address: tuple[str, int], count: int, request: bytes) -> None:
        self._request = request
        self._peers = []
        for _ in range(count):
            peer = socket.create_connection(address)
            peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            peer.send(request)
            self._peers.append(peer)
        for peer in self._peers:
            if not peer.recv(65536).startswith(b"HTTP/1.1 200"):
                raise SystemExit("a connection was not served")

    def alive(self) -> int:
        """How many the sidecar has not closed."""
        living = 0
        for peer in self._peers:
            peer.setblocking(False)
            try:
                living += bool(peer.recv(1))
            except BlockingIOError:
                living += 1
            except OSError:
                pass
        return living

    def close(self) -> None:
        """All of them."""
        for peer in self._peers:
            peer.close()

    def drive(self, seconds: float, rate: float | None = None) -> Figures:
        """Requests on all connections in turn: ``rate`` a second, measured from when each was due, or, without one,
        the next as soon as an answer has come."""
        took: list[float] = []
        with selectors.DefaultSelector() as selector:
            for peer in self._peers:
                peer.setblocking(False)
                selector.register(peer, selectors.EVENT_READ)
            free = collections.deque(self._peers)
            due: dict[socket.socket, float] = {}
            began = now = time.monotonic()
            sent = 0
            while now < began + seconds or due:
                while free and now < began + seconds and (rate is None or began + sent / rate <= now):
                    peer = free.popleft()
                    due[peer] = now if rate is None else began + sent / rate
                    sent += 1
                    peer.send(self._request)
                wait = 1.0 if rate is None or not free else max(0.0, began + sent / rate - now)
                for key, _ in selector.select(min(wait, 1.0)):
                    peer = key.fileobj  # type: ignore[assignment]  # only sockets are registered
                    if not peer.recv(65536).startswith(b"HTTP/1.1 200"):
                        raise SystemExit("a busy connection was refused or closed")
                    took.append(time.monotonic() - due.pop(peer))
                    free.append(peer)
                now = time.monotonic()
        return Figures.of(took, now - began)


GET = b"GET /%b HTTP/1.1\r\nHost: orders\r\n\r\n"
WAYS: dict[str, tuple[bytes, bytes, bool]] = {
    "answered, closed": (GET % b"x", b"HTTP/1.1 200", False),
    "answered, reset": (GET % b"x", b"HTTP/1.1 200", True),
    "refused, closed": (GET % b"closed/x", b"HTTP/1.1 401", False),
    "malformed": (b"GET /x HTTP/1.1\r\nHost : orders\r\n\r\n", b"HTTP/1.1 400", False),
    "left before the answer": (GET % b"slow", b"", False),
    "reset before the answer": (GET % b"slow", b"", True),
    "left within the head": (b"GET /x HT", b"", False),
    "left within the upload": (b"POST /x HTTP/1.1\r\nHost: orders\r\nContent-Length: 5000\r\n\r\nhalf", b"", False),
    "reset within the download": (GET % b"large", b"HTTP/1.1 200", True),
    "left within a tunnel": (
        b"GET /x HTTP/1.1\r\nHost: orders\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n",
        b"HTTP/1.1 101",
        False,
    ),
}
"""What is sent, what the answer begins with (nothing: it is not waited for), and whether the end is a reset."""


async def open_and_close(address: tuple[str, int], count: int, at_once: int) -> collections.Counter[str]:
    """``count`` connections, ``at_once`` at a time, each in the next of the WAYS; how many went wrong, by way."""
    wrong: collections.Counter[str] = collections.Counter()
    numbers = iter(range(count))
    ways = list(WAYS.items())

    async def caller() -> None:
        for number in numbers:
            name, (data, expected, reset) = ways[number % len(ways)]
            stream = await trio.open_tcp_stream(*address)
            async with stream:
                if reset:
                    stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
                try:
                    await stream.send_all(data)
                    if expected and not (await stream.receive_some(4096)).startswith(expected):
                        wrong[name] += 1
                except trio.BrokenResourceError:
                    wrong[name] += 1

    async with trio.open_nursery() as nursery:
        for _ in range(at_once):
            nursery.start_soon(caller)
    return wrong


class Crowd:
    """Callers at full load that go on until nobody listens any more. ``lost``: requests on a connection that was
    accepted which got no whole answer, or another one than 200."""

    def __init__(self, address: tuple[str, int], seed: int) -> None:
        self._address = address
        self._random = random.Random(seed)  # noqa: S311  # which kind comes next is no secret
        self.answered = 0
        self.lost: collections.Counter[str] = collections.Counter()

    async def run(self, callers: int) -> None:
        """Returns when every caller was turned away at the door."""
        async with trio.open_nursery() as nursery:
            for number in range(callers):
                nursery.start_soon(self._caller, number % 4)

    async def _caller(self, kind: int) -> None:
        """0, 1: kept connections; 2: a new one each time; 3: kept, with uploads."""
        while True:
            try:
                stream = await trio.open_tcp_stream(*self._address)
            except OSError:
                return
            async with stream:
                first = True
                while await self._one(stream, kind, first) and kind != 2:
                    first = False

    async def _one(self, stream: trio.SocketStream, kind: int, first: bool) -> bool:
        """One request; may another follow on this connection?"""
        try:
            await self._send(stream, kind)
            said = await self._answer(stream)
        except trio.BrokenResourceError as error:
            said = b""
            why = str(error.__cause__)
        else:
            why = "closed without an answer"
        if not said.startswith(b"HTTP/1.1 200"):
            reason = said.partition(b"\r\n")[0].decode() or why
            self.lost[f"{'new' if first else 'kept'} connection: {reason}"] += 1
            return False
        self.answered += 1
        return b"connection: close" not in said.lower()

    async def _send(self, stream: trio.SocketStream, kind: int) -> None:
        if kind != 3:
            await stream.send_all(GET % self._random.choice([b"x", b"slow"]))
            return
        await stream.send_all(b"POST /x HTTP/1.1\r\nHost: orders\r\nTransfer-Encoding: chunked\r\n\r\n")
        for _ in range(5):
            await stream.send_all(b"3e8\r\n" + PIECE + b"\r\n")
            await trio.sleep(0.002)
        await stream.send_all(b"0\r\n\r\n")

    async def _answer(self, stream: trio.SocketStream) -> bytes:
        said = b""
        while not said.endswith(b"\r\n\r\nok"):
            data = await stream.receive_some(65536)
            if not data:
                return b"" if not said or said.startswith(b"HTTP/1.1 200") else said
            said += data
            if said.startswith(b"HTTP/1.1 5"):
                return said
        return said
