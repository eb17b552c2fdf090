"""Heads read line by line, as the engine does, over the bytes of the two other readings: whatever the lines take for
plain, the strict lane (our scan and h11) reads alike, field for field, the first time and from memory."""

from hypothesis import given, settings

from sidecar.http1.errors import RequestError
from sidecar.http1.fields import render_fields
from sidecar.http1.request import RequestHead, parse_request
from sidecar.http1.response import ResponseHead
from sidecar.proxy.express.answered import AnsweredReader
from sidecar.proxy.express.asked import AskedReader
from sidecar.proxy.forwarding import ALSO_HOPS, HOPS, connection_options, dropped_of, never_sent_on, plain
from sidecar.proxy.ids import TRACEPARENT
from sidecar.proxy.names import IDENTITY
from sidecar.proxy.returning import Returning

from .test_express import LIMITS, REQUESTS, RESPONSES, lane, response

DROPPED = dropped_of((("x-a", ("sub",)),))
ASKED, ANSWERED = AskedReader(LIMITS.header_count, DROPPED), AnsweredReader(LIMITS.header_count)
_ELSEWHERE = frozenset({b"authorization", b"traceparent", b"x-request-id"})


def strict_request(raw: bytes) -> RequestHead | None:
    """As the strict lane reads it."""
    try:
        with lane(is_open=False):
            head = parse_request(raw, LIMITS)
            connection_options(head)
    except RequestError:
        return None
    return head


@settings(max_examples=800)
@given(REQUESTS)
def test_a_request_by_lines_is_the_strict_one(raw: bytes) -> None:
    """But for its first line, which is the judge's to read."""
    raw = b"GET / HTTP/1.1" + raw[raw.find(b"\r\n") :] if b"\r\n" in raw else raw
    asked = ASKED.read(raw)
    assert ASKED.read(raw) == asked
    if asked is None:
        return
    head = strict_request(raw)
    assert head is not None
    assert (head.host, head.framing, head.keep_alive) == (asked.host, asked.length, True)
    assert not (head.upgrade or head.expects_continue)
    passing = [
        field
        for field in head.headers
        if field[0] not in _ELSEWHERE
        and not never_sent_on(field[0], DROPPED)
        and not plain(field[0]).startswith((IDENTITY, HOPS))
        and plain(field[0]) not in ALSO_HOPS
    ]
    assert b"".join(asked.lines) == render_fields(passing)
    named = dict(head.headers)
    assert asked.traceparent == named.get(b"traceparent", b"")
    assert not asked.traceparent or TRACEPARENT.fullmatch(asked.traceparent)


@settings(max_examples=800)
@given(RESPONSES)
def test_a_response_by_lines_is_the_strict_one(raw: bytes) -> None:
    """A final one, of a length that is known, after which the connection lives on."""
    answered = ANSWERED.read(raw[:-4])
    assert ANSWERED.read(raw[:-4]) == answered
    if answered is None:
        return
    with lane(is_open=False):
        head = response(raw, b"GET")
    assert isinstance(head, ResponseHead)
    assert (head.status, head.framing, head.keep_alive) == (answered.status, answered.length, True)
    assert answered.first == b"HTTP/1.1 %d %b\r\n" % (head.status, head.phrase)
    assert b"".join(answered.rendered) == render_fields(Returning().from_service(head.headers, keep_length=False))
    assert [(line.name, line.value) for line in answered.lines] == list(head.headers)


def test_plain_heads_are_read_by_lines() -> None:
    """Without this, readers that take nothing would pass the two above."""
    asked = ASKED.read(b"GET /x HTTP/1.1\r\nHost: a\r\nAccept:  b \r\nX-A: c\r\nAuthorization: Bearer x\r\n\r\n")
    assert asked is not None
    assert (asked.host, b"".join(asked.lines), asked.authorization) == (
        b"a",
        b"accept: b\r\n",
        b"Authorization: Bearer x",
    )
    answered = ANSWERED.read(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nServer: x")
    assert answered is not None
    assert (answered.rendered, answered.length) == ([b"", b"server: x\r\n"], 2)
