"""The one bearer token among a request's headers (RFC 6750 section 2.1; RFC 9110 section 11.6.2).

Only the ``authorization`` header is looked at: a token in a query or a cookie is none. Knows nothing of what is
inside a token.
"""

import re
from collections.abc import Sequence

from sidecar.contract.reasons import Reason

from .rejection import Rejection, invalid

_SCHEME = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]*")
_TOKEN68 = re.compile(rb" +([0-9A-Za-z._~+/-]+=*)")


def find_credential(headers: Sequence[tuple[bytes, bytes]]) -> str | Rejection | None:
    """The bearer token, None where there is none, or why there is no telling. Header names are lower-case."""
    values = [value for name, value in headers if name == b"authorization"]
    if not values:
        return None
    if len(values) > 1:
        return Rejection(Reason.SEVERAL_CREDENTIALS, f"{len(values)} Authorization headers")
    value = values[0].strip(b" \t")
    scheme = _SCHEME.match(value)
    if scheme is None or scheme[0].lower() != b"bearer":
        return None
    token = _TOKEN68.fullmatch(value, scheme.end())
    if token is None:
        return invalid("the Bearer credential is not one token68 (RFC 9110 section 11.2)")
    return token[1].decode("ascii")
