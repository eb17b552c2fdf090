"""One attack: the bytes sent, what must come back, and exactly what may reach the service.

A table names its attacks; ``Attack`` says what is expected of each, and ``forwarded`` spells the head that an allowed
request has on its way out, byte for byte.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import h11
import trio

from ..proxy.stage import OK, Head, Peer, Stage

Answer = tuple[int, str]
"""A status and the stable word of a refusal; ``ok`` is the service's own answer, one without a body has no
word."""

MALFORMED: Answer = (400, "malformed_request")
AMBIGUOUS: Answer = (400, "ambiguous_framing")
VERSION: Answer = (505, "unsupported_version")
PASSED: Answer = (200, "ok")
HOST = b"Host: orders\r\n"


@dataclass(frozen=True, slots=True)
class Attack:
    """``upstream`` has every byte that each connection to the service carried. ``ends``: the client closes its sending
    side after ``sent``. ``closes``: its connection is closed by the proxy after the last answer. ``drips``: all this
    is so as well when the bytes come one by one."""

    sent: bytes
    answers: tuple[Answer, ...]
    upstream: tuple[bytes, ...] = ()
    closes: bool = True
    ends: bool = False
    drips: bool = True


Attacks = dict[str, Attack]


def get(*lines: bytes, target: bytes = b"/public/a", version: bytes = b"1.1", host: bytes = HOST) -> bytes:
    """A GET without a body; ``lines`` come without CRLF."""
    return b"GET %b HTTP/%b\r\n%b%b\r\n" % (target, version, host, b"".join(line + b"\r\n" for line in lines))


def post(*lines: bytes, body: bytes = b"", version: bytes = b"1.1", target: bytes = b"/public/a") -> bytes:
    """A POST whose framing is what ``lines`` say."""
    return b"POST %b HTTP/%b\r\n%b%b\r\n%b" % (target, version, HOST, b"".join(line + b"\r\n" for line in lines), body)


def refused(answer: Answer, **cases: bytes) -> Attacks:
    """Attacks that get one refusal, after which the connection closes; the service never hears of them."""
    return {name: Attack(sent, (answer,)) for name, sent in cases.items()}


def forwarded(
    line: str, *fields: str, host: str = "orders", ids: int = 1, via: str = "1.1", last: str = "", body: bytes = b""
) -> bytes:
    """The bytes of one request as forwarded. ``fields`` are the caller's that pass, ``last`` what is added last;
    ``body`` begins with its framing field. ``ids``: the place of this exchange's decision id among all ids drawn."""
    added = [
        f"x-request-id: {ids + 1:032x}",
        f"traceparent: 00-{ids + 2 | 1:032x}-{ids + 3 | 1:016x}-01",
        "x-forwarded-for: 10.0.0.9",
        "x-forwarded-proto: http",
        f"x-forwarded-host: {host}",
        f"via: {via} sidegate",
        *last.splitlines(),
    ]
    head = "\r\n".join([f"{line} HTTP/1.1", f"host: {host}", *fields, *added, ""])
    return head.encode("latin-1") + (body or b"\r\n")


def sized(body: bytes) -> bytes:
    """For ``forwarded``: a body with its length."""
    return b"content-length: %d\r\n\r\n%b" % (len(body), body)


def chunked(*pieces: bytes, whole: bool = True) -> bytes:
    """For ``forwarded``: a chunked body, with its end only if it is ``whole``."""
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces)
    return b"transfer-encoding: chunked\r\n\r\n" + chunks + (b"0\r\n\r\n" if whole else b"")


class Service:
    """Answers ok to every whole request, and keeps every byte of every connection."""

    def __init__(self) -> None:
        self.seen: list[bytearray] = []

    async def __call__(self, peer: Peer) -> None:
        seen = bytearray()
        self.seen.append(seen)
        answered = 0
        while data := await peer.stream.receive_some():
            seen += data
            whole = sum(body is not None for _, body in messages(bytes(seen)))
            await peer.send(OK * (whole - answered))
            answered = whole


def messages(raw: bytes) -> Iterator[tuple[bytes, bytes | None]]:
    """Each request in ``raw`` as its head and its body, None if the body is not whole: the same for any chunking."""
    while raw:
        judge, body = h11.Connection(h11.SERVER), b""
        judge.receive_data(raw)
        while not isinstance(event := judge.next_event(), h11.EndOfMessage):
            if event is h11.NEED_DATA:
                yield raw.partition(b"\r\n\r\n")[0], None
                return
            body += bytes(event.data) if isinstance(event, h11.Data) else b""
        yield raw.partition(b"\r\n\r\n")[0], body
        raw = judge.trailing_data[0]


async def carry_out(attack: Attack, stage: Stage, piece: int) -> list[bytes]:
    """Do it in pieces of so many bytes, check the answers and the connection's end; return what the service got."""
    service = Service()
    stage.service = service
    client = stage.client()
    try:
        for start in range(0, len(attack.sent), piece):
            await client.send(attack.sent[start : start + piece])
            await trio.testing.wait_all_tasks_blocked()
        if attack.ends:
            assert isinstance(client.stream, trio.abc.HalfCloseableStream)
            await client.stream.send_eof()
    except trio.BrokenResourceError:
        pass  # refused before everything was sent
    for status, word in attack.answers:
        head = await client.head()
        assert head.status == status, head.first
        if word:
            await _check_body(client, head, word)
    if attack.closes:
        assert await client.rest() == b""
    else:
        with trio.move_on_after(0.5) as waiting:
            assert await client.rest() == b"?", "closed, or more than was expected"
        assert waiting.cancelled_caught
    await client.close()
    await trio.testing.wait_all_tasks_blocked()
    assert not stage.bugs, stage.bugs
    assert (stage.proxy.load.connections, stage.proxy.load.in_flight) == (0, 0)
    assert stage.proxy.pool.open == stage.proxy.pool.idle
    return [bytes(seen) for seen in service.seen]


async def _check_body(client: Peer, head: Head, word: str) -> None:
    body = await client.exactly(int(head.one("content-length")))
    if word == "ok":
        assert body == b"ok"
    else:
        assert head.one("content-type") == "application/problem+json"
        assert f'"reason": "{word}"'.encode() in body, body
