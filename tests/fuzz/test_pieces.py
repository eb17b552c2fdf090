"""Hostile bytes in pieces and with pauses, to the engine and to tasks: the same answers, the same requests to the
service and the same records, with the same durations."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

import pytest
import trio
from hypothesis import example, given, settings
from hypothesis import strategies as st
from trio.testing import MockClock, wait_all_tasks_blocked

from sidecar.contract.snapshot import Route
from sidecar.http1.limits import Limits, Timeouts
from sidecar.observe.record import Record
from sidecar.proxy.express import caller
from tests.proxy.stage import OK, Head, Peer, Stage, express_stage, snapshot

from .deep.exchanges import SWITCHED
from .deep.inputs import PIECES, decode, pieces
from .deep.seeds import REQUESTS
from .test_express import lane

RULES = snapshot(Route("/a/**"), Route("/**", access="public"))
LIMITS = Limits(head_bytes=200, request_line_bytes=60, header_count=8)
TIMEOUTS = Timeouts(keep_alive_idle_s=14, body_idle_s=14, tunnel_idle_s=14)
PAUSES_S = (0, 0, 0, 0, 0, 3, 6)
"""Between two pieces; no sum of them is near the time that a head has."""
CLOCK_S = 0.3
"""The engine looks at its clocks only now and then."""
READ_BYTES = caller.READ_BYTES
WORDS = st.lists(st.one_of(st.sampled_from(PIECES), st.binary(max_size=6)), max_size=12).map(b"".join)
SOUND = st.lists(st.sampled_from([decode(seed)[0] for seed in REQUESTS] + [b"\r\n"]), max_size=3).map(b"".join)
CUTS = st.lists(st.tuples(st.integers(0, 0xFFFF), st.sampled_from(PAUSES_S)), max_size=8)
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
_ID = re.compile(rb"0{12}[0-9a-f]+")


@dataclass
class Seen:
    """What one connection came to."""

    answers: bytes = b""
    asked: list[tuple[bytes, bytes]] = field(default_factory=list)
    records: list[Record] = field(default_factory=list)
    durations_ms: list[float] = field(default_factory=list)


async def serve(peer: Peer, asked: list[tuple[bytes, bytes]]) -> None:
    """Says ok to requests with any body, and yes to upgrades."""
    while True:
        raw = await peer.until(b"\r\n\r\n")
        head, body = Head(raw), b""
        if head.all("expect"):
            await peer.send(CONTINUE)
        if head.all("transfer-encoding"):
            while size := int(await peer.until(b"\r\n"), 16):
                body += (await peer.exactly(size + 2))[:-2]
            while await peer.until(b"\r\n") != b"\r\n":
                pass
        else:
            body = await peer.exactly(int((head.all("content-length") or ["0"])[0]))
        asked.append((_ID.sub(b"id", raw), body))
        if head.all("upgrade"):
            await peer.send(SWITCHED)
            asked.append((b"tunnel", await peer.rest()))
            return
        await peer.send(OK[:-2] if head.first.startswith("HEAD") else OK)


async def play(stage: Stage, parts: Sequence[tuple[bytes, float]], *, ends: bool) -> Seen:
    """All of it on one connection. ``ends``: then the client closes its sending side; otherwise it waits."""
    seen = Seen()

    async def service(peer: Peer) -> None:
        await serve(peer, seen.asked)

    async def send() -> None:
        try:
            for part, pause_s in parts:
                await client.send(part)
                await wait_all_tasks_blocked()
                await trio.sleep(pause_s)
            if ends and isinstance(client.stream, trio.SocketStream):
                await client.stream.send_eof()
        except trio.BrokenResourceError:
            pass

    stage.service = service
    client = stage.client()
    async with trio.open_nursery() as sending:
        sending.start_soon(send)
        seen.answers = _ID.sub(b"id", await client.rest())
        sending.cancel_scope.cancel()
    await client.close()
    await wait_all_tasks_blocked()
    assert (stage.proxy.load.connections, stage.proxy.load.in_flight, stage.bugs) == (0, 0, [])
    for record in stage.records:
        seen.durations_ms.append(record.duration_ms)
        record = replace(record, decision_id="", request_id="", reason=str(record.reason), duration_ms=0.0)
        record.upstream_ms = record.upstream_ms and 0.0
        if record.reason != "allowed":  # how much of it was read, and which of two faults seen, depends on the pieces
            record.bytes_in, record.detail = 0, ""
        seen.records.append(record)
    return seen


def seen_of(parts: Sequence[tuple[bytes, float]], *, ends: bool, engine: bool) -> Seen:
    """On a stage of its own, of which nothing stays."""

    async def main() -> Seen:
        async with express_stage(snapshot=RULES, limits=LIMITS, timeouts=TIMEOUTS) as stage:
            seen = await play(stage, parts, ends=ends)
            books = stage.proxy.engine
            assert not (books.idle or books.begun or books.slow or books.again or books.later)
            return seen

    with lane(is_open=engine):
        return trio.run(main, clock=MockClock(autojump_threshold=0))


@contextmanager
def reads_of(size: int) -> Iterator[None]:
    """The engine reads so many bytes of a request at a time."""
    before, caller.READ_BYTES = caller.READ_BYTES, size
    try:
        yield
    finally:
        caller.READ_BYTES = before


@settings(max_examples=150, deadline=None)
@given(SOUND, WORDS, CUTS, st.sampled_from((1, 16, 190, READ_BYTES)), st.booleans())
@example(b"", b"GET / HTTP/1.1\r\nHost: h\r\n\r\n", [(5, 6), (20, 3), (27, 0)], READ_BYTES, True)
@example(b"", b"\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n", [(1, 3), (2, 3), (9, 0)], 1, True)
@example(b"", b"\r\n\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n", [(2, 3), (3, 3)], READ_BYTES, False)
@example(b"", b"\r\n", [], READ_BYTES, False)
@example(b"", b"\r", [], READ_BYTES, True)
def test_pieces_and_pauses_make_no_difference(
    sound: bytes, words: bytes, cuts: list[tuple[int, float]], read_bytes: int, ends: bool
) -> None:
    """Sound requests and whatever comes behind them."""
    sent = sound + words
    if read_bytes < READ_BYTES:
        sent = sent.replace(b"Expect", b"Accept")  # who has begun to send a body expects nothing
    pauses = [pause_s for _, pause_s in cuts] + [0] * 9
    cut = list(zip(pieces(sent, [at for at, _ in cuts]), pauses, strict=False))
    expected = seen_of(cut, ends=ends, engine=False)
    with reads_of(read_bytes):
        seen = seen_of(cut, ends=ends, engine=True)
    assert seen.durations_ms == pytest.approx(expected.durations_ms, abs=CLOCK_S * 1000)
    seen.durations_ms = expected.durations_ms
    assert seen == expected
