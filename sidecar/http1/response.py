"""A response head from the service, judged as strictly as a request: a service is trusted to answer, not to frame.

``parse_response`` needs the request's method, since a response to HEAD has headers of a body that never comes.
"""

import re
from dataclasses import dataclass

import h11

from sidecar.contract.reasons import Reason

from .errors import UpstreamError
from .express import response_fields
from .fields import Headers, MalformedError, TooLargeError, parse_fields, stray, tokens
from .framing import AmbiguousFramingError, Framing, response_framing
from .limits import Limits

_STATUS_LINE = re.compile(rb"HTTP/1\.([01]) ([1-9][0-9]{2})(?: ([\t\x20-\x7e\x80-\xff]*))?")


@dataclass(frozen=True, slots=True)
class ResponseHead:
    """One response, interim (1xx) or final, without its body. A 101 is final: nothing of HTTP follows it."""

    status: int
    phrase: bytes
    version: bytes
    headers: Headers
    framing: Framing
    keep_alive: bool

    @property
    def interim(self) -> bool:
        """Will another head follow it (RFC 9110 section 15.2)?"""
        return self.status < 200 and not self.switching

    @property
    def switching(self) -> bool:
        """Does the connection leave HTTP after it (RFC 9110 section 15.2.2)?"""
        return self.status == 101


def parse_status_line(line: bytes) -> tuple[bytes, int, bytes] | None:
    """Version, status and phrase; None if this is no status line."""
    match = _STATUS_LINE.fullmatch(line)
    return (b"1." + match.group(1), int(match.group(2)), match.group(3) or b"") if match else None


def parse_response(raw: bytes, method: bytes, limits: Limits) -> ResponseHead:
    """The response in ``raw`` (CRLFCRLF included); UpstreamError if it is not exactly one."""
    first = parse_status_line(raw[: raw.find(b"\r\n")])
    if first is None:
        if stray(raw):
            raise _broke("a NUL, or a CR or LF alone")
        raise _broke("no status line of HTTP/1.1 or HTTP/1.0")
    version, status, phrase = first
    plain = response_fields(raw, limits.header_count) if status >= 200 else None
    try:
        headers = _scanned(raw, limits) if plain is None else plain
        framing = response_framing(headers, version, status, method)
    except (MalformedError, TooLargeError, AmbiguousFramingError) as error:
        raise _broke(str(error)) from error
    if plain is None:
        _let_h11_judge(raw)
    return ResponseHead(
        status=status,
        phrase=phrase,
        version=version,
        headers=headers,
        framing=framing,
        keep_alive=version == b"1.1" and status != 101 and b"close" not in tokens(headers, b"connection"),
    )


def _scanned(raw: bytes, limits: Limits) -> Headers:
    if stray(raw):
        raise _broke("a NUL, or a CR or LF alone")
    return parse_fields(raw[:-4].split(b"\r\n")[1:], limits.header_count)


def _let_h11_judge(raw: bytes) -> None:
    judge = h11.Connection(h11.CLIENT, max_incomplete_event_size=len(raw))
    # As if an upgrade had been asked for: whether it was, and this one, is the connection's to say.
    judge.send(h11.Request(method="GET", target="/", headers=[("Host", "service"), ("Upgrade", "any")]))
    judge.receive_data(raw)
    try:
        event = judge.next_event()
    except h11.RemoteProtocolError as error:
        raise _broke(f"h11: {error}") from error
    if not isinstance(event, h11.Response | h11.InformationalResponse):
        raise _broke("h11 sees no response")


def _broke(detail: str) -> UpstreamError:
    return UpstreamError(Reason.UPSTREAM_BROKE, detail)
