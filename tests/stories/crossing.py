"""Callers of every kind at once, before a service that answers in every way there is. Each request has a mark of its
own, in its path, in a header and all over its body; each answer has the mark of its request. A byte of somebody else's,
or half an answer that looks whole, is written down in ``wrong``.
"""

import random
import secrets
import socket
import struct
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

import trio

RESET = struct.pack("ii", 1, 0)
MARKED = b"HTTP/1.1 200 OK\r\nX-Mark: %b\r\n"
POISON = MARKED % b"poison" + b"Content-Length: 6\r\n\r\npoison"
SWITCHED = b"HTTP/1.1 101 Yes\r\nX-Mark: %b\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n"
Fields = dict[bytes, bytes]


def sized(mark: bytes, body: bytes, lines: bytes = b"") -> bytes:
    """An answer with a length."""
    return MARKED % mark + lines + b"Content-Length: %d\r\n\r\n%b" % (len(body), body)


def chunks(body: bytes) -> bytes:
    """A body, but for its last chunk."""
    pieces = (body[at : at + 7000] for at in range(0, len(body), 7000))
    return b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces)


def chunked(mark: bytes, body: bytes, end: bytes = b"0\r\n\r\n") -> bytes:
    """An answer in chunks."""
    return MARKED % mark + b"Transfer-Encoding: chunked\r\n\r\n" + chunks(body) + end


@dataclass(frozen=True)
class Way:
    """To answer: what is sent for a mark and a body, and what becomes of the connection. ``whole``: may a caller take
    it for all of an answer? ``early``: before the request's body has come."""

    sent: Callable[[bytes, bytes], bytes]
    closes: bool = False
    whole: bool = True
    early: bool = False


WAYS: dict[bytes, Way] = {
    b"plain": Way(sized),
    b"chunked": Way(chunked),
    b"hinted": Way(lambda mark, body: b"HTTP/1.1 103 Soon\r\nX-Mark: %b\r\n\r\n" % mark + sized(mark, body)),
    b"saying-close": Way(lambda mark, body: sized(mark, body, b"Connection: close\r\n"), closes=True),
    b"without-length": Way(lambda mark, body: MARKED % mark + b"\r\n" + body, closes=True),
    b"then-closed": Way(sized, closes=True),
    b"then-another": Way(lambda mark, body: sized(mark, body) + POISON),
    b"no-content": Way(lambda mark, _: b"HTTP/1.1 204 No\r\nX-Mark: %b\r\n\r\n" % mark),
    b"not-modified": Way(lambda mark, _: b"HTTP/1.1 304 No\r\nX-Mark: %b\r\nContent-Length: 700\r\n\r\n" % mark),
    b"events": Way(lambda mark, body: sized(mark, body, b"Content-Type: text/event-stream\r\n")),
    b"early": Way(sized, early=True),
    b"early-then-closed": Way(sized, closes=True, early=True),
    b"tunnel": Way(sized),
    b"short": Way(lambda mark, body: sized(mark, body)[:-1], closes=True, whole=False),
    b"short-chunks": Way(lambda mark, body: chunked(mark, body, b""), closes=True, whole=False),
    b"malformed": Way(lambda mark, _: MARKED % mark + b"A : b\r\n\r\n", closes=True, whole=False),
    b"two-lengths": Way(lambda mark, _: chunked(mark, b"").replace(b"Tr", b"Content-Length: 3\r\nTr"), whole=False),
    b"unasked-switch": Way(lambda mark, _: SWITCHED % mark + POISON, closes=True, whole=False),
    b"nothing": Way(lambda _mark, _body: b"", closes=True, whole=False),
}


class Reader:
    """Takes heads and bodies from a stream; EOFError where it ends."""

    def __init__(self, stream: trio.SocketStream) -> None:
        self.stream = stream
        self.buffer = b""

    async def more(self) -> None:
        """Another piece."""
        data = await self.stream.receive_some(65536)
        if not data:
            raise EOFError
        self.buffer += data

    async def until(self, mark: bytes) -> bytes:
        """What stands before ``mark``, which is dropped."""
        while mark not in self.buffer:
            await self.more()
        found, _, self.buffer = self.buffer.partition(mark)
        return found

    async def exactly(self, size: int) -> bytes:
        """So many bytes."""
        while len(self.buffer) < size:
            await self.more()
        found, self.buffer = self.buffer[:size], self.buffer[size:]
        return found

    async def head(self) -> tuple[bytes, Fields]:
        """The first line, and the fields."""
        first, *lines = (await self.until(b"\r\n\r\n")).split(b"\r\n")
        return first, {name.lower(): value.strip() for name, _, value in (line.partition(b":") for line in lines)}

    async def body(self, fields: Fields) -> bytes:
        """All of it."""
        if b"transfer-encoding" not in fields:
            return await self.exactly(int(fields.get(b"content-length", b"0")))
        body = b""
        while size := int(await self.until(b"\r\n"), 16):
            body += await self.exactly(size)
            await self.exactly(2)
        await self.exactly(2)
        return body


@dataclass
class Crossing:
    """``answered`` counts by way and status; ``wrong`` is what must stay empty."""

    seed: int
    answered: Counter[str] = field(default_factory=Counter)
    wrong: Counter[str] = field(default_factory=Counter)

    def note(self, what: str, wrong: object) -> None:
        """Write it down if it is so."""
        if wrong:
            self.wrong[what] += 1

    async def serve(self, stream: trio.SocketStream) -> None:
        """The service: one connection."""
        reader, chance = Reader(stream), random.Random(secrets.randbits(32))
        async with stream:
            try:
                while await self._answer(reader, chance):
                    pass
            except (EOFError, trio.BrokenResourceError):
                pass

    async def _answer(self, reader: Reader, chance: random.Random) -> bool:
        """One request; True if another may follow."""
        first, fields = await reader.head()
        method, target, _ = first.split(b" ")
        _, name, mark = target.split(b"/")
        way, send = WAYS[name], reader.stream.send_all
        self.note("the service got heads that were mixed", fields.get(b"x-mark") != mark)
        sent = way.sent(mark, mark * chance.choice([1, 1, 1, 50, 20_000]))
        if method == b"HEAD":
            await send(sized(mark, mark).removesuffix(mark))
            return True
        if b"upgrade" in fields:
            await send(SWITCHED % mark)
            while True:
                await reader.more()
                await send(reader.buffer)
                reader.buffer = b""
        if way.early:
            await send(sent)
        if not (way.early and way.closes):
            body = await reader.body(fields)
            self.note("the service got bodies that were mixed", body.replace(mark, b""))
        if not way.early:
            await send(sent)
        return not way.closes

    async def call(self, address: tuple[str, int], number: int, rounds: int) -> None:
        """One caller; each round is a connection with some requests on it."""
        chance = random.Random(self.seed * 1000 + number)
        for _ in range(rounds):
            stream = await trio.open_tcp_stream(*address)
            async with stream:
                while await self._ask(Reader(stream), chance):
                    pass

    async def _ask(self, reader: Reader, chance: random.Random) -> bool:
        """A few requests in one write, and their answers; True if others may follow."""
        asked = _batch(chance)
        data = b"".join(request for _, _, _, request in asked)
        going_on = False
        async with trio.open_nursery() as sending:
            sending.start_soon(_send, reader.stream, data, chance.choice([1 << 20, 1 << 20, 1000]))
            if chance.random() < 0.05:
                await trio.sleep(chance.random() / 100)
                _leave(reader.stream, chance)
                return False
            try:
                going_on = all([await self._hear(reader, *request[:3]) for request in asked])
            except (EOFError, trio.BrokenResourceError):
                sending.cancel_scope.cancel()
        self.note("somebody got bytes too many", going_on and reader.buffer)
        return going_on and chance.random() < 0.9

    async def _hear(self, reader: Reader, method: bytes, name: bytes, mark: bytes) -> bool:
        """The answer to one request; True if another may follow. EOFError if there is none, or not all of it."""
        first = b"HTTP/1.1 1"
        while first.startswith(b"HTTP/1.1 1"):
            first, fields = await reader.head()
            self.note("somebody got the head of another", fields.get(b"x-mark", mark) != mark)
            if first.startswith(b"HTTP/1.1 101"):
                await reader.stream.send_all(mark)
                self.note("a tunnel led elsewhere", await reader.exactly(len(mark)) != mark)
                raise EOFError
        status = first[9:12].decode()
        bodiless = method == b"HEAD" or status in ("204", "304")
        body = b"" if bodiless else await reader.body(fields)
        self.note("somebody got the body of another", b"x-mark" in fields and body.replace(mark, b""))
        half = method != b"HEAD" and not WAYS[name].whole
        self.note("half an answer looked whole", status == "200" and half)
        self.answered[f"{name.decode()} {status}"] += 1
        return fields.get(b"connection") != b"close"


def _batch(chance: random.Random) -> list[tuple[bytes, bytes, bytes, bytes]]:
    """Some requests; what follows an upgrade would be of the tunnel, so nothing does."""
    asked = [_request(chance)]
    while b"\r\nUpgrade" not in asked[-1][3] and chance.random() < 0.4:
        asked.append(_request(chance))
    return asked


def _request(chance: random.Random) -> tuple[bytes, bytes, bytes, bytes]:
    """Method, way, mark, and all of it."""
    mark, name = secrets.token_hex(6).encode(), chance.choice(list(WAYS))
    method = chance.choice([b"GET", b"GET", b"GET", b"POST", b"PUT", b"HEAD", b"DELETE"])
    if WAYS[name].early:
        method = b"POST"
    lines, body = b"", b""
    if name == b"tunnel" and method == b"GET":
        lines = b"Connection: upgrade\r\nUpgrade: echo\r\n"
    elif method in (b"POST", b"PUT"):
        body = mark * chance.choice([0, 1, 100, 9000])
        lines = b"Expect: 100-continue\r\n" if chance.random() < 0.1 else b""
        if chance.random() < 0.5:
            lines += b"Content-Length: %d\r\n" % len(body)
        else:
            lines, body = lines + b"Transfer-Encoding: chunked\r\n", chunks(body) + b"0\r\n\r\n"
    if chance.random() < 0.05:
        lines += b"Connection: close\r\n" if b"Connection" not in lines else b""
    head = b"%b /%b/%b HTTP/1.1\r\nHost: orders\r\nX-Mark: %b\r\n%b\r\n" % (method, name, mark, mark, lines)
    return method, name, mark, head + body


def _leave(stream: trio.SocketStream, chance: random.Random) -> None:
    """Before an answer has come, and perhaps not politely."""
    if chance.random() < 0.5:
        stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    stream.socket.close()


async def _send(stream: trio.SocketStream, data: bytes, piece: int) -> None:
    try:
        for at in range(0, len(data), piece):
            await stream.send_all(data[at : at + piece])
    except (trio.BrokenResourceError, trio.ClosedResourceError):
        pass  # the answers say why
