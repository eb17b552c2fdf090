"""Request heads, read line by line: a line that was met before was scanned then, as strictly as every other, and what
goes on of it was rendered.

Only what every request may hold without being odd is read here. One line that is not plain, and the whole head is the
judge's to read. A credential is never remembered, only its digest, elsewhere; nor is a line that no other request has.
"""

from typing import NamedTuple

from sidecar.contract.names import plain
from sidecar.http1.fields import MalformedError, parse_field, render_fields
from sidecar.http1.request import is_host

from ..forwarding import ALSO_HOPS, HOPS, OTHER_METHODS, never_sent_on
from ..ids import REQUEST_ID, TRACEPARENT
from ..names import IDENTITY
from .memo import Memo

MAX_LINES = 1024
MAX_LINE_BYTES = 256
"""Longer lines are scanned each time."""

GOES_ON, HOST, AUTHORIZATION, REQUEST, TRACE, TRACE_STATE, HOP, LENGTH = range(8)
_ODD = frozenset(
    {b"transfer-encoding", b"upgrade", b"expect", b"te", b"trailer", b"http2-settings", b"via", b"proxy-connection"}
)

Line = tuple[int, bytes]
"""What a line is, and what goes on of it; or, where that is said anew in the head that is sent, its value."""


class Asked(NamedTuple):
    """A plain head. ``lines``: what goes on as it is. b"": there is no such line."""

    first: bytes
    host: bytes
    lines: list[bytes]
    authorization: bytes
    request_id: bytes
    traceparent: bytes
    length: int
    hops: bool
    """Does it say where it comes from? Of a proxy that is trusted that counts, of others it is dropped."""


class AskedReader:
    """``dropped``: the names that a policy gives itself, so that no caller may."""

    def __init__(self, count_limit: int, dropped: frozenset[bytes]) -> None:
        self._count_limit, self._dropped = count_limit, dropped
        self._met: Memo[bytes, Line] = Memo(MAX_LINES)

    def read(self, raw: bytes) -> Asked | None:
        """The head in ``raw``, CRLFCRLF included; None if it is not plain."""
        lines = raw.split(b"\r\n")
        if len(lines) - 3 > self._count_limit:
            return None
        met = self._met.young
        going: list[bytes] = []
        host = authorization = request_id = traceparent = state = length = b""
        hops = False
        for line in lines[1:-2]:
            known = met.get(line) or self._meet(line)
            if known is None:
                return None
            kind, text = known
            if kind == GOES_ON:
                going.append(text)
            elif kind == HOST and not host:
                host = text
            elif kind == AUTHORIZATION and not authorization:
                authorization = text
            elif kind == REQUEST and not request_id:
                request_id = text
            elif kind == TRACE and not traceparent:
                traceparent = text
            elif kind == TRACE_STATE:
                going.append(text)
                state = text
            elif kind == LENGTH and not length:
                length = text
            elif kind == HOP:
                hops = True
            else:
                return None  # twice
        if not host or (state and not traceparent):
            return None
        return Asked(lines[0], host, going, authorization, request_id, traceparent, int(length or b"0"), hops)

    def _meet(self, line: bytes) -> Line | None:
        found = self._met.recall(line)
        if found is not None:
            return found
        colon = line.find(b":")
        if colon < 0:
            return None
        name = line[:colon].lower()
        if name == b"authorization":
            return AUTHORIZATION, line
        if name == b"traceparent":
            value = line[colon + 1 :].strip(b" \t")
            return (TRACE, value) if TRACEPARENT.fullmatch(value) else None
        if name == b"x-request-id":
            value = line[colon + 1 :].strip(b" \t")
            return (REQUEST, value) if REQUEST_ID.fullmatch(value) else None
        try:
            name, value = parse_field(line)
        except MalformedError:
            return None
        met = self._read(name, value)
        if met is not None and len(line) <= MAX_LINE_BYTES:
            self._met.put(line, met)
        return met

    def _read(self, name: bytes, value: bytes) -> Line | None:
        read = plain(name)
        if name in _ODD or read in OTHER_METHODS or (name == b"connection" and value.lower() != b"keep-alive"):
            return None
        if name == b"host":
            return (HOST, value) if is_host(value) else None
        if name == b"content-length":
            return (LENGTH, value) if value.isdigit() and len(value) <= 18 else None
        if read.startswith(HOPS) or read in ALSO_HOPS or read == b"forwarded":
            return HOP, b""
        if never_sent_on(name, self._dropped) or read.startswith(IDENTITY):
            return GOES_ON, b""
        return TRACE_STATE if name == b"tracestate" else GOES_ON, render_fields([(name, value)])
