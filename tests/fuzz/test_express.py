"""Both lanes of http1 over the same bytes: what the express lane reads, the strict lane reads alike, and whatever the
strict lane refuses is refused by both."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from hypothesis import given, settings
from hypothesis import strategies as st

from sidecar.http1.errors import RequestError, UpstreamError
from sidecar.http1.express import SWITCH, request_fields, response_fields
from sidecar.http1.limits import Limits
from sidecar.http1.request import RequestHead, parse_request
from sidecar.http1.response import ResponseHead, parse_response

LIMITS = Limits(header_count=8)

METHODS = st.sampled_from([b"GET", b"POST", b"HEAD", b"OPTIONS", b"get", b"FOO", b"CONNECT", b"TRACE", b"PRI", b"G@T"])
TARGETS = st.sampled_from(
    [b"/", b"/a/b?c=d", b"*", b"http://host/x", b"http://other/x", b"/%2e%2e/", b"//x", b"/a#b", b"/\xff", b"x", b""]
)
VERSIONS = st.sampled_from([b"HTTP/1.1", b"HTTP/1.1", b"HTTP/1.1", b"HTTP/1.0", b"HTTP/2.0", b"http/1.1", b"HTTP/1.1 "])
NAMES = st.sampled_from(
    [
        b"Host",
        b"Accept",
        b"X-A",
        b"x_a",
        b"Content-Length",
        b"Transfer-Encoding",
        b"Connection",
        b"Upgrade",
        b"Expect",
        b"Te",
        b"Trailer",
        b"Content-Length ",
        b" X",
        b"\tX",
        b"",
        b"X\x80",
        b"X\0",
        b'X"',
        b"Transfer_Encoding",
    ]
)
VALUES = st.one_of(
    st.sampled_from(
        [
            b"host",
            b"a",
            b"",
            b"0",
            b"5",
            b"+5",
            b"05",
            b"5, 5",
            b"0x5",
            b"5 ",
            b"9" * 19,
            b"9" * 18,
            b"chunked",
            b"Chunked",
            b"gzip, chunked",
            b"identity",
            b"keep-alive",
            b"close",
            b"Close, x",
            b"upgrade",
            b"websocket",
            b"h2c",
            b"100-continue",
            b"a\rb",
            b"a\nb",
            b"a\r\n b",
            b"a\0",
            b"a\x7f",
            b"\xff\t",
            b"host:80",
            b"ho st",
            b"a,b",
        ]
    ),
    st.binary(max_size=6),
)
SPACES = st.sampled_from([b" ", b" ", b"", b"\t", b"  ", b" \t ", b"\x0b"])
ENDS = st.sampled_from([b"\r\n"] * 12 + [b"\n", b"\r", b"\r\r\n"])
FIELDS = st.builds(lambda *parts: b"".join(parts), NAMES, st.just(b":"), SPACES, VALUES, SPACES)


@st.composite
def heads(draw: Callable[..., bytes], first: st.SearchStrategy[bytes]) -> bytes:
    """Heads that are plain but for a thing or two; they end where a connection would say that they end."""
    lines = [draw(first)]
    if draw(st.booleans()):
        lines.append(b"Host: host")
    lines += draw(st.lists(FIELDS, max_size=9))  # type: ignore[arg-type]  # draw gives whatever it is asked for
    raw = b"".join(line + draw(ENDS) for line in lines) + b"\r\n\r\n"
    return raw[: raw.find(b"\r\n\r\n") + 4]


REQUESTS = heads(st.builds(lambda *parts: b" ".join(parts), METHODS, TARGETS, VERSIONS))
STATUSES = st.sampled_from([b"200", b"204", b"304", b"404", b"101", b"103", b"100", b"999", b"099", b"2000", b"20"])
PHRASES = st.sampled_from([b" OK", b"", b" ", b" a\tb", b" \xff", b" a\0"])
RESPONSES = heads(st.builds(lambda v, s, p: v + b" " + s + p, VERSIONS, STATUSES, PHRASES))


@contextmanager
def lane(*, is_open: bool) -> Iterator[None]:
    """The express lane open, or shut."""
    before, SWITCH.open = SWITCH.open, is_open
    try:
        yield
    finally:
        SWITCH.open = before


def request(raw: bytes) -> RequestHead | str:
    try:
        return parse_request(raw, LIMITS)
    except RequestError as error:
        return str(error.reason)


def response(raw: bytes, method: bytes) -> ResponseHead | str:
    try:
        return parse_response(raw, method, LIMITS)
    except UpstreamError as error:
        return str(error.reason)


@settings(max_examples=600)
@given(st.one_of(REQUESTS, REQUESTS, st.binary(max_size=60).map(lambda raw: raw + b"\r\n\r\n")))
def test_a_request_means_the_same_on_both_lanes(raw: bytes) -> None:
    """Head for head, refusal for refusal: only the time differs."""
    with lane(is_open=False):
        strict = request(raw)
    with lane(is_open=True):
        assert request(raw) == strict


@settings(max_examples=600)
@given(RESPONSES, st.sampled_from([b"GET", b"HEAD"]))
def test_a_response_means_the_same_on_both_lanes(raw: bytes, method: bytes) -> None:
    """As of requests."""
    with lane(is_open=False):
        strict = response(raw, method)
    with lane(is_open=True):
        assert response(raw, method) == strict


def test_plain_heads_take_the_lane_and_others_do_not() -> None:
    """Without this, a lane that is never taken would pass the two above."""
    plain = b"GET /x HTTP/1.1\r\nHost: a\r\nAccept:  b \r\n\r\n"
    with lane(is_open=True):
        assert request_fields(plain, 8) == ([(b"host", b"a"), (b"accept", b"b")], 0)
        assert response_fields(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n", 8) == [(b"content-length", b"2")]
        for odd in (
            b"Transfer-Encoding: chunked",
            b"Upgrade: x",
            b"Expect: 100-continue",
            b"Connection: close",
            b"A: b\n",
        ):
            assert request_fields(b"GET /x HTTP/1.1\r\nHost: a\r\n" + odd + b"\r\n\r\n", 8) is None
    with lane(is_open=False):
        assert request_fields(plain, 8) is None
