"""The stable words. A refusal carries one in its problem document, its metric and its log line.

A word never changes its meaning between versions. What is more precise than the word (which claim, which
value, which key) is a decision's private detail: it goes to logs and ``explain``, never to the caller.
"""

from enum import StrEnum


class Reason(StrEnum):
    """Why a request was allowed or refused."""

    ALLOWED = "allowed"

    # 400: framing, target, credentials
    MALFORMED_REQUEST = "malformed_request"
    AMBIGUOUS_FRAMING = "ambiguous_framing"
    BAD_PATH = "bad_path"
    SEVERAL_CREDENTIALS = "several_credentials"

    # 401 (RFC 6750 section 3)
    MISSING_TOKEN = "missing_token"
    INVALID_TOKEN = "invalid_token"
    TOKEN_EXPIRED = "token_expired"
    TOKEN_REVOKED = "token_revoked"
    UNPROVEN_TOKEN = "unproven_token"

    # 403
    INSUFFICIENT_SCOPE = "insufficient_scope"
    CLAIMS_REFUSED = "claims_refused"
    CALLER_REFUSED = "caller_refused"
    CONDITION_REFUSED = "condition_refused"
    DENIED = "denied"

    # 404, 405
    NO_ROUTE = "no_route"
    METHOD_NOT_ALLOWED = "method_not_allowed"

    # limits
    RATE_LIMITED = "rate_limited"  # 429
    REQUEST_TIMEOUT = "request_timeout"  # 408
    BODY_TOO_LARGE = "body_too_large"  # 413
    URI_TOO_LONG = "uri_too_long"  # 414
    HEAD_TOO_LARGE = "head_too_large"  # 431

    # upstream
    UPSTREAM_REFUSED = "upstream_refused"  # 502: no connection could be made
    UPSTREAM_BROKE = "upstream_broke"  # 502: it answered badly or not at all
    UPSTREAM_TIMEOUT = "upstream_timeout"  # 504

    # 503
    NO_SNAPSHOT = "no_snapshot"
    STALE_SNAPSHOT = "stale_snapshot"
    KEYS_UNAVAILABLE = "keys_unavailable"
    OVERLOADED = "overloaded"
    DRAINING = "draining"

    # 505, 508
    UNSUPPORTED_VERSION = "unsupported_version"
    LOOP_DETECTED = "loop_detected"


_STATUS = {
    200: (Reason.ALLOWED,),
    400: (Reason.MALFORMED_REQUEST, Reason.AMBIGUOUS_FRAMING, Reason.BAD_PATH, Reason.SEVERAL_CREDENTIALS),
    401: (
        Reason.MISSING_TOKEN,
        Reason.INVALID_TOKEN,
        Reason.TOKEN_EXPIRED,
        Reason.TOKEN_REVOKED,
        Reason.UNPROVEN_TOKEN,
    ),
    403: (
        Reason.INSUFFICIENT_SCOPE,
        Reason.CLAIMS_REFUSED,
        Reason.CALLER_REFUSED,
        Reason.CONDITION_REFUSED,
        Reason.DENIED,
    ),
    404: (Reason.NO_ROUTE,),
    405: (Reason.METHOD_NOT_ALLOWED,),
    408: (Reason.REQUEST_TIMEOUT,),
    413: (Reason.BODY_TOO_LARGE,),
    414: (Reason.URI_TOO_LONG,),
    429: (Reason.RATE_LIMITED,),
    431: (Reason.HEAD_TOO_LARGE,),
    502: (Reason.UPSTREAM_REFUSED, Reason.UPSTREAM_BROKE),
    503: (
        Reason.NO_SNAPSHOT,
        Reason.STALE_SNAPSHOT,
        Reason.KEYS_UNAVAILABLE,
        Reason.OVERLOADED,
        Reason.DRAINING,
    ),
    504: (Reason.UPSTREAM_TIMEOUT,),
    505: (Reason.UNSUPPORTED_VERSION,),
    508: (Reason.LOOP_DETECTED,),
}
_STATUS_OF = {reason: status for status, reasons in _STATUS.items() for reason in reasons}


def status_of(reason: Reason) -> int:
    """The HTTP status that a refusal for ``reason`` has; 200 stands for "let through"."""
    return _STATUS_OF[reason]
