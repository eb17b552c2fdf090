"""A request head: scanned and judged by h11, or plain and read by the express lane, and reduced to origin-form. What it
asks for is nobody's business here.

``parse_request`` is given the bytes of one head, CRLFCRLF included, and either returns the one reading that every
recipient would have of it, or raises RequestError.
"""

import re
from dataclasses import dataclass

import h11

from sidecar.contract.reasons import Reason

from .errors import RequestError
from .express import request_fields
from .fields import TOKEN, Headers, MalformedError, TooLargeError, parse_fields, stray, tokens, values
from .framing import AmbiguousFramingError, Framing, request_framing
from .limits import Limits
from .upgrade import asked_upgrade

_REQUEST_LINE = re.compile(rb"(" + TOKEN + rb") ([\x21-\x7e]+) HTTP/([0-9])\.([0-9])")
_ABSOLUTE = re.compile(rb"https?://([^/?#]*)([/?].*)?", re.IGNORECASE)
_HOST = re.compile(rb"(?:[A-Za-z0-9_.-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?")
_METHOD_BEGINS = re.compile(TOKEN + rb"(?: |\Z)")
FIRST_BYTES = 32
"""Of a request: looked at as they come, since most of what is no HTTP shows there."""
_REFUSED_METHODS = frozenset({b"CONNECT", b"TRACE"})


@dataclass(frozen=True, slots=True)
class RequestHead:
    """One request, without its body. ``target`` is in origin-form, or ``*``; ``host`` is empty only in HTTP/1.0;
    ``upgrade`` is the protocol that it asks for, if that counts."""

    method: bytes
    target: bytes
    version: bytes
    headers: Headers
    host: bytes
    framing: Framing
    expects_continue: bool
    keep_alive: bool
    upgrade: bytes = b""


def parse_request(raw: bytes, limits: Limits) -> RequestHead:
    """The request in ``raw``; RequestError if it is not exactly one."""
    method, target, version = parse_request_line(raw[: raw.find(b"\r\n")])
    if version == b"1.1" and (plain := request_fields(raw, limits.header_count)) is not None:
        headers, length = plain
        target, host = _origin_form(method, target, _host(headers, version))
        return RequestHead(method, target, version, headers, host, length, False, True)
    return _judged(raw, method, target, version, limits)


def _judged(raw: bytes, method: bytes, target: bytes, version: bytes, limits: Limits) -> RequestHead:
    """The strict lane."""
    if stray(raw):
        raise _malformed("a NUL, or a CR or LF alone")
    try:
        headers = parse_fields(raw[:-4].split(b"\r\n")[1:], limits.header_count)
        framing = request_framing(headers, version)
    except MalformedError as error:
        raise _malformed(str(error)) from error
    except TooLargeError as error:
        raise RequestError(Reason.HEAD_TOO_LARGE, str(error)) from error
    except AmbiguousFramingError as error:
        raise RequestError(Reason.AMBIGUOUS_FRAMING, str(error)) from error
    _let_h11_judge(raw)
    host = _host(headers, version)
    target, host = _origin_form(method, target, host)
    return RequestHead(
        method=method,
        target=target,
        version=version,
        headers=headers,
        host=host,
        framing=framing,
        expects_continue=_expects_continue(headers, version),
        keep_alive=version == b"1.1" and b"close" not in tokens(headers, b"connection"),
        upgrade=asked_upgrade(method, version, headers, framing),
    )


def check_beginning(buffer: bytearray) -> None:
    """RequestError if these first bytes of a request cannot become a request line: a TLS hello, or
    noise, need not be waited for."""
    if buffer and not _METHOD_BEGINS.match(buffer, 0, FIRST_BYTES):
        raise _malformed("no method")


def check_growing(buffer: bytearray, seen: int, limits: Limits) -> None:
    """RequestError over a head of which only so much has come, if it can only get worse. The fault that stands first
    counts, so that the answer does not depend on how the bytes arrived. ``seen``: how many of them were looked at
    before."""
    start, line_limit = max(0, seen - 1), limits.request_line_bytes
    line_end = buffer.find(b"\r\n", 0, line_limit + 2)
    if line_end < 0:
        if seen < FIRST_BYTES:
            check_beginning(buffer)
        _refuse_stray(buffer, start, line_limit + 2)
        if len(buffer) >= line_limit + 2:
            raise RequestError(Reason.URI_TOO_LONG, "the request line is too long")
        return
    if line_end >= start:
        parse_request_line(bytes(buffer[:line_end]))
    _refuse_stray(buffer, start, limits.head_bytes)


def is_hopeless(begun: bytearray, seen: int, limits: Limits) -> bool:
    """As ``check_growing``, of a head that may follow an empty line (RFC 9112 section 2.2): will it be refused,
    whatever comes?"""
    if begun == b"\r" or begun.startswith(b"\r\n"):
        begun, seen = begun[2:], max(0, seen - 2)
    try:
        check_growing(begun, seen, limits)
    except RequestError:
        return True
    return False


def may_grow(begun: bytearray, limits: Limits) -> bool:
    """Is it a part of a head, or nothing yet, of which the rest is to be waited for?"""
    return b"\r\n\r\n" not in begun and len(begun) < limits.head_bytes and not is_hopeless(begun, 0, limits)


def _refuse_stray(buffer: bytearray, start: int, end: int) -> None:
    if stray(buffer, start, end, whole=False):
        raise _malformed("a NUL, or a CR or LF alone")


def parse_request_line(line: bytes) -> tuple[bytes, bytes, bytes]:
    """Method, target and version; also used as soon as a first line is there, so that HTTP/0.9 need not wait."""
    match = _REQUEST_LINE.fullmatch(line)
    if not match:
        raise _malformed("no request line")
    method, target, major, minor = match.groups()
    if major != b"1" or minor not in b"01":
        raise RequestError(Reason.UNSUPPORTED_VERSION, "neither HTTP/1.1 nor HTTP/1.0")
    if method.upper() in _REFUSED_METHODS:  # methods have case (RFC 9110 section 9.1), but not in every service
        raise _malformed(f"the method {method.decode()}")
    return method, target, b"1." + minor


def _let_h11_judge(raw: bytes) -> None:
    judge = h11.Connection(h11.SERVER, max_incomplete_event_size=len(raw))
    judge.receive_data(raw)
    try:
        event = judge.next_event()
    except h11.RemoteProtocolError as error:
        raise _malformed(f"h11: {error}") from error
    if not isinstance(event, h11.Request):
        raise _malformed("h11 sees no request")


def is_host(value: bytes) -> bool:
    """Is it a name or an address, with or without a port?"""
    return _HOST.fullmatch(value) is not None


def _host(headers: Headers, version: bytes) -> bytes:
    # RFC 9112 section 3.2: exactly one in HTTP/1.1; one at most in HTTP/1.0, which may have none.
    hosts = values(headers, b"host")
    if not hosts and version == b"1.0":
        return b""
    if len(hosts) != 1 or not _HOST.fullmatch(hosts[0]):
        raise _malformed("not one valid Host")
    return hosts[0]


def _origin_form(method: bytes, target: bytes, host: bytes) -> tuple[bytes, bytes]:
    """The target without its authority, which must be the Host (RFC 9112 section 3.2.2), and the host."""
    if b"#" in target:
        raise _malformed("a fragment in the target")
    if target.startswith(b"/"):
        return target, host
    if target == b"*":
        if method != b"OPTIONS":
            raise _malformed("the target * without OPTIONS")
        return target, host
    match = _ABSOLUTE.fullmatch(target)
    if not match:
        raise _malformed("a target that is neither a path nor a URL")
    authority, rest = match.group(1), match.group(2) or b"/"
    if not _HOST.fullmatch(authority) or (host and authority.lower() != host.lower()):
        raise _malformed("a target of another host, or with user information")
    return (b"/" + rest if rest.startswith(b"?") else rest), host or authority


def _expects_continue(headers: Headers, version: bytes) -> bool:
    # RFC 9110 section 10.1.1: an expectation in HTTP/1.0 is ignored, one that is unknown can not be met.
    expectations = tokens(headers, b"expect")
    if version == b"1.0" or not expectations:
        return False
    if expectations != [b"100-continue"]:
        raise _malformed("an expectation that nobody knows")
    return True


def _malformed(detail: str) -> RequestError:
    return RequestError(Reason.MALFORMED_REQUEST, detail)
