"""Header names that no policy and no caller has a say in."""

HOP_BY_HOP = frozenset(
    {
        b"connection",
        b"keep-alive",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
        b"http2-settings",
        b"proxy-authenticate",
        b"proxy-authorization",
    }
)
SET_HERE = frozenset(
    {
        b"host",
        b"content-length",
        b"expect",
        b"x-request-id",
        b"traceparent",
        b"forwarded",
        b"x-forwarded-for",
        b"x-forwarded-proto",
        b"x-forwarded-host",
        b"via",
    }
)
"""Removed as received and written anew, or left to the connection."""
IDENTITY = b"x-auth-"


def reserved(read: bytes) -> bool:
    """Is this the name, as ``plain`` reads it, of a field that only a verified principal gives?"""
    return read.startswith(IDENTITY)
