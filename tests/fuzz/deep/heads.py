"""What http1 accepts, h11 reads alike; and where the bytes are cut makes no difference to what is read."""

from collections.abc import Iterable, Sequence

import h11
import trio
from trio.testing import MockClock, memory_stream_pair

from sidecar.http1.chunked import ChunkedDecoder
from sidecar.http1.client import ClientConnection
from sidecar.http1.errors import DisconnectedError, RequestError, UpstreamError
from sidecar.http1.fields import MalformedError
from sidecar.http1.framing import Unsized
from sidecar.http1.limits import Limits, Timeouts
from sidecar.http1.request import parse_request
from sidecar.http1.response import parse_response
from sidecar.http1.server import ServerConnection

from .inputs import pieces

LIMITS = Limits()
SMALL = Limits(head_bytes=200, request_line_bytes=60, header_count=8)
TIMEOUTS = Timeouts()


def request_head(sent: bytes, cuts: Sequence[int]) -> None:
    """Method, version, headers and framing of a request; the target but for its authority."""
    raw = sent.partition(b"\r\n\r\n")[0] + b"\r\n\r\n"
    try:
        ours = parse_request(raw, LIMITS)
    except RequestError:
        return
    judge = h11.Connection(h11.SERVER)
    judge.receive_data(raw)
    theirs = judge.next_event()
    assert isinstance(theirs, h11.Request)
    assert (ours.method, ours.version) == (theirs.method, theirs.http_version)
    assert list(ours.headers) == list(theirs.headers)
    assert theirs.target.endswith(ours.target) or ours.target in (b"/", b"/" + theirs.target.partition(b"?")[2])
    assert (ours.framing == 0) == isinstance(judge.next_event(), h11.EndOfMessage)


def response_head(sent: bytes, cuts: Sequence[int]) -> None:
    """Status and headers of a response."""
    raw = sent.partition(b"\r\n\r\n")[0] + b"\r\n\r\n"
    method = (b"GET", b"HEAD", b"POST")[len(cuts) % 3]
    try:
        ours = parse_response(raw, method, LIMITS)
    except UpstreamError:
        return
    judge = h11.Connection(h11.CLIENT)
    asked = [("Host", "h"), ("Upgrade", "x"), ("Connection", "upgrade")]
    judge.send(h11.Request(method=method, target="/", headers=asked))
    judge.send(h11.EndOfMessage())
    judge.receive_data(raw)
    theirs = judge.next_event()
    assert isinstance(theirs, h11.Response | h11.InformationalResponse)
    assert ours.status == theirs.status_code
    assert list(ours.headers) == list(theirs.headers)
    if not ours.interim and not ours.switching:
        assert (ours.framing == 0) == isinstance(judge.next_event(), h11.EndOfMessage)


def chunks(sent: bytes, cuts: Sequence[int]) -> None:
    """The data and the end of a chunked body."""
    ours = _decoded([sent])
    assert _decoded(pieces(sent, cuts)) == ours
    if ours is None:
        return
    judge = h11.Connection(h11.SERVER)
    judge.receive_data(b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n" + sent)
    data = b""
    while not isinstance(event := judge.next_event(), h11.EndOfMessage):
        data += bytes(event.data) if isinstance(event, h11.Data) else b""
    assert (data, judge.trailing_data[0], list(event.headers)) == ours


def _decoded(parts: Iterable[bytes]) -> tuple[bytes, bytes, list[tuple[bytes, bytes]]] | None:
    decoder, buffer, data = ChunkedDecoder(), bytearray(), b""
    try:
        for part in parts:
            buffer += part
            data += decoder.decode(buffer)
    except MalformedError:
        return None
    return (data, bytes(buffer), list(decoder.trailers)) if decoder.finished else None


def downstream(sent: bytes, cuts: Sequence[int]) -> None:
    """All requests of a connection, to its end or its fault."""

    async def main() -> None:
        for limits in (LIMITS, SMALL):
            assert await _requests([sent], limits) == await _requests(list(pieces(sent, cuts)), limits)

    trio.run(main, clock=MockClock(autojump_threshold=0))


async def _requests(parts: list[bytes], limits: Limits) -> list[object]:
    ours, theirs = memory_stream_pair()
    connection, read = ServerConnection(theirs, TIMEOUTS, limits), list[object]()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_say, ours, parts)
        try:
            while await connection.wait_for_request() and (head := await connection.read_request()):
                read.append((head.method, head.target, head.host, head.headers, head.framing, head.keep_alive))
                read.append(await _whole(connection))
        except RequestError as error:
            read.append(error.reason)
        except DisconnectedError:
            read.append("gone")
        await connection.aclose()
    return read


def upstream(sent: bytes, cuts: Sequence[int]) -> None:
    """A response, to its end or its fault."""
    method = (b"GET", b"HEAD", b"POST")[len(cuts) % 3]

    async def main() -> None:
        assert await _response([sent], method) == await _response(list(pieces(sent, cuts)), method)

    trio.run(main, clock=MockClock(autojump_threshold=0))


async def _response(parts: list[bytes], method: bytes) -> list[object]:
    ours, theirs = memory_stream_pair()
    connection, read = ClientConnection(theirs, TIMEOUTS, SMALL, 0), list[object]()
    async with trio.open_nursery() as nursery:
        try:
            await connection.send_head(method, b"/", [], 0, upgrade=b"x")
            nursery.start_soon(_say, ours, parts)
            while (head := await connection.read_head()).interim:
                read.append((head.status, head.headers))
            read.append((head.status, head.headers, head.framing, head.keep_alive))
            read.append(await _whole(connection))
            assert head.framing is Unsized.UNTIL_CLOSE or connection.response_finished
            read.append(connection.trailers)
        except UpstreamError as error:
            read.append(error.reason)
        await connection.aclose()
    return read


async def _whole(connection: ServerConnection | ClientConnection) -> bytes:
    body = b""
    while data := await connection.receive_body():
        body += data
    return body


async def _say(stream: trio.abc.Stream, parts: list[bytes]) -> None:
    """All of it, each part read before the next one comes; then the end."""
    try:
        for part in parts:
            await stream.send_all(part)
            await trio.testing.wait_all_tasks_blocked()
        await stream.aclose()
    except trio.BrokenResourceError:
        pass
