"""Hostile bytes: every parser of http1 returns or refuses, in the same way however they arrive, and nothing that it
accepts would h11 read otherwise."""

import itertools

import h11
import trio
from hypothesis import given, settings
from hypothesis import strategies as st
from trio.testing import memory_stream_pair

from sidecar.http1.chunked import ChunkedDecoder, encode_chunk
from sidecar.http1.errors import DisconnectedError, RequestError, UpstreamError
from sidecar.http1.fields import MalformedError
from sidecar.http1.framing import Unsized
from sidecar.http1.limits import Limits, Timeouts
from sidecar.http1.request import parse_request
from sidecar.http1.response import parse_response
from sidecar.http1.server import ServerConnection

LIMITS = Limits()
PIECES = st.sampled_from(
    [
        b"GET", b"POST", b"PRI", b" ", b"/", b"/a", b"*", b"http://h/", b"h", b"HTTP/1.1", b"HTTP/1.0", b"HTTP/2.0",
        b"\r\n", b"\n", b"\r", b"\0", b"\t", b":", b"Host: h", b"Host:", b"Content-Length: 5", b"Content-Length: 0",
        b"Transfer-Encoding: chunked", b"Transfer-Encoding: ", b"Connection: close", b"Expect: 100-continue", b"5",
        b"hello", b"0", b"\r\n\r\n", b";", b"a=b", b"f" * 17, b"\xff", b"HTTP/1.1 200 OK", b"#", b"?",
    ]
)  # fmt: skip
NOISE = st.lists(st.one_of(PIECES, st.binary(max_size=6)), max_size=24).map(b"".join)
HEADS = NOISE.map(lambda noise: b"GET / HTTP/1.1\r\nHost: h\r\n" + noise)
QUICK = settings(max_examples=250, deadline=None)


@QUICK
@given(st.one_of(NOISE, HEADS))
def test_a_request_that_we_accept_h11_reads_alike(noise: bytes) -> None:
    """Method, version, headers and framing; the target but for its authority."""
    raw = noise.replace(b"\r\n\r\n", b"\r\n") + b"\r\n\r\n"
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
    assert theirs.target.endswith(ours.target) or ours.target == b"/"
    body = judge.next_event()
    assert (ours.framing == 0) == isinstance(body, h11.EndOfMessage)


@QUICK
@given(NOISE, st.sampled_from([b"GET", b"HEAD", b"POST"]))
def test_a_response_that_we_accept_h11_reads_alike(noise: bytes, method: bytes) -> None:
    """Status and headers."""
    raw = b"HTTP/1.1 " + noise.replace(b"\r\n\r\n", b"\r\n") + b"\r\n\r\n"
    try:
        ours = parse_response(raw, method, LIMITS)
    except UpstreamError:
        return
    judge = h11.Connection(h11.CLIENT)
    judge.send(h11.Request(method=method, target="/", headers=[("Host", "h"), ("Upgrade", "any")]))
    judge.receive_data(raw)
    theirs = judge.next_event()
    assert isinstance(theirs, h11.Response | h11.InformationalResponse)
    assert ours.status == theirs.status_code
    assert list(ours.headers) == list(theirs.headers)
    assert isinstance(ours.framing, int | Unsized)


def decoded(wire: bytes, cuts: list[int]) -> tuple[bytes, bytes] | None:
    """The body and what is left over, or None if it was refused or is not whole."""
    decoder, buffer, data = ChunkedDecoder(), bytearray(), b""
    edges = sorted({0, len(wire), *(cut % (len(wire) + 1) for cut in cuts)})
    try:
        for start, end in itertools.pairwise(edges):
            buffer += wire[start:end]
            data += decoder.decode(buffer)
    except MalformedError:
        return None
    return (data, bytes(buffer)) if decoder.finished else None


@QUICK
@given(st.lists(st.binary(min_size=1, max_size=40), max_size=5), st.binary(max_size=8), st.lists(st.integers(0, 999)))
def test_chunks_survive_any_fragmentation(pieces: list[bytes], rest: bytes, cuts: list[int]) -> None:
    """What was encoded is decoded, wherever it is cut, and what follows is left alone."""
    wire = b"".join(map(encode_chunk, pieces)) + b"0\r\n\r\n" + rest
    assert decoded(wire, cuts) == (b"".join(pieces), rest)


@QUICK
@given(NOISE, st.lists(st.integers(0, 999)))
def test_a_chunked_body_that_we_accept_h11_reads_alike(noise: bytes, cuts: list[int]) -> None:
    """The same data, the same end; and the fragmentation changes neither."""
    wire = b"5\r\nhello\r\n" + noise + b"0\r\n\r\n"
    ours = decoded(wire, [])
    assert decoded(wire, cuts) == ours
    if ours is None:
        return
    judge = h11.Connection(h11.SERVER)
    judge.receive_data(b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n" + wire)
    data = b""
    while not isinstance(event := judge.next_event(), h11.EndOfMessage):
        data += bytes(event.data) if isinstance(event, h11.Data) else b""
    assert (data, judge.trailing_data[0]) == ours


@settings(max_examples=150, deadline=None)
@given(st.one_of(NOISE, HEADS), st.lists(st.integers(0, 999), max_size=5))
def test_a_connection_ends_whatever_comes(noise: bytes, cuts: list[int]) -> None:
    """Requests, a refusal or the end: nothing else gets out, and it always gets out."""

    async def main() -> None:
        ours, theirs = memory_stream_pair()
        connection = ServerConnection(theirs, Timeouts(), Limits(head_bytes=200, request_line_bytes=60))
        edges = sorted({0, len(noise), *(cut % (len(noise) + 1) for cut in cuts)})
        for start, end in itertools.pairwise(edges):
            await ours.send_all(noise[start:end])
        await ours.aclose()
        try:
            while await connection.wait_for_request() and await connection.read_request():
                while await connection.receive_body():
                    pass
        except (RequestError, DisconnectedError):
            pass
        await connection.aclose()

    trio.run(main)
