"""Trailer fields (RFC 9110 section 6.5): which of a response's may reach a client that asked for them.

A recipient may merge trailers into the header, so a field that frames, routes, authenticates, caches or says who
somebody is never passes here, in any spelling; nor does one that was not announced. Knows only names.
"""

import re

from .fields import TOKEN, Headers, plain, tokens

_NAME = re.compile(TOKEN)
_NEVER = frozenset(
    b"age authentication-info authorization cache-control connection content-encoding content-language content-length "
    b"content-location content-range content-security-policy content-type cookie date expect expires forwarded host "
    b"http2-settings keep-alive link location max-forwards origin pragma proxy-connection range refresh retry-after "
    b"set-cookie strict-transport-security te traceparent tracestate trailer transfer-encoding upgrade vary via "
    b"warning www-authenticate x-content-type-options x-frame-options x-real-ip x-request-id x-sendfile".split()
)
_NEVER_BEGINS = tuple(
    b"access-control- clear-site- cross-origin- if- proxy- sec- x-accel- x-auth- x-forwarded- x-http-method".split()
)


def trailers_wanted(headers: Headers, version: bytes) -> bool:
    """Does a request say ``TE: trailers`` (RFC 9110 section 10.1.4)?"""
    return version == b"1.1" and b"trailers" in tokens(headers, b"te")


def announced_trailers(headers: Headers) -> tuple[bytes, ...]:
    """The names in a response's ``Trailer`` that may pass."""
    return tuple(dict.fromkeys(name for name in tokens(headers, b"trailer") if _may_pass(name)))


def passable(trailers: Headers, announced: tuple[bytes, ...]) -> Headers:
    """Of ``trailers`` those that were announced."""
    return [field for field in trailers if field[0] in announced]


def _may_pass(name: bytes) -> bool:
    read = plain(name)
    return bool(_NAME.fullmatch(name)) and read not in _NEVER and not read.startswith(_NEVER_BEGINS)
