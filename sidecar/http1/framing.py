"""How long a message is (RFC 9112 section 6), decided once per message, from one place.

A message that two recipients could measure differently is refused and never mended: both Transfer-Encoding and
Content-Length, several or list-valued lengths, any coding but one ``chunked``.
"""

import re
from dataclasses import dataclass
from enum import Enum

from .fields import Headers, values

_LENGTH = re.compile(rb"[0-9]{1,18}")


class AmbiguousFramingError(ValueError):
    """A message whose end is a matter of opinion."""


class Unsized(Enum):
    """A body whose length no header tells."""

    CHUNKED = "chunked"
    UNTIL_CLOSE = "until close"


Framing = int | Unsized
"""The body's length in bytes (0: there is none), or how its end will show."""


@dataclass(frozen=True, slots=True)
class _Declared:
    length: int | None
    chunked: bool


def request_framing(headers: Headers, version: bytes) -> Framing:
    """A request's framing (RFC 9112 section 6.3, items 3 to 7)."""
    declared = _declared(headers, version)
    return Unsized.CHUNKED if declared.chunked else declared.length or 0


def response_framing(headers: Headers, version: bytes, status: int, method: bytes) -> Framing:
    """A response's framing (RFC 9112 section 6.3, all items)."""
    declared = _declared(headers, version)
    if (status < 200 or status == 204) and (declared.chunked or declared.length):
        raise AmbiguousFramingError("a 1xx or 204 with a body")  # RFC 9110 section 8.6
    if method == b"HEAD" or status in (204, 304) or status < 200:
        return 0
    if declared.chunked:
        return Unsized.CHUNKED
    return Unsized.UNTIL_CLOSE if declared.length is None else declared.length


def _declared(headers: Headers, version: bytes) -> _Declared:
    codings, lengths = values(headers, b"transfer-encoding"), values(headers, b"content-length")
    if codings and lengths:
        raise AmbiguousFramingError("both Transfer-Encoding and Content-Length")
    if codings:
        if version == b"1.0":
            raise AmbiguousFramingError("Transfer-Encoding in HTTP/1.0")
        if len(codings) > 1 or codings[0].lower() != b"chunked":
            raise AmbiguousFramingError("a Transfer-Encoding that is not exactly chunked")
        return _Declared(None, chunked=True)
    if not lengths:
        return _Declared(None, chunked=False)
    if len(lengths) > 1 or not _LENGTH.fullmatch(lengths[0]):
        raise AmbiguousFramingError("a Content-Length that is not one number")
    return _Declared(int(lengths[0]), chunked=False)
