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

    # 404, 405
    NO_ROUTE = "no_route"
    METHOD_NOT_ALLOWED = "method_not_allowed"

    # limits
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

    # 505
    UNSUPPORTED_VERSION = "unsupported_version"
