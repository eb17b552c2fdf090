"""Where a client may have people sent back to: compared as text, never by likeness (RFC 9700 section 2.1). A native
application's loopback port alone is free (RFC 8252 section 7.3)."""

import re
from urllib.parse import urlsplit

MAX_URI = 2000
_LOOPBACK = ("127.0.0.1", "::1")
_BUT_FOR_PORT = re.compile(r"(http://(?:127\.0\.0\.1|\[::1\]))(?::[0-9]{1,5})?((?:[/?].*)?)", re.ASCII)
_DANGEROUS = frozenset({"javascript", "data", "vbscript", "file", "about", "blob"})


def is_redirect_uri(uri: str) -> bool:
    """May it be registered? Absolute, without fragment or user, and https unless it leads to a loopback."""
    if len(uri) > MAX_URI or not uri.isascii() or not uri.isprintable() or " " in uri or "\\" in uri or "#" in uri:
        return False
    try:
        parts = urlsplit(uri)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return False
    if parts.username is not None or parts.password is not None or parts.scheme in _DANGEROUS:
        return False
    if parts.scheme == "https":
        return bool(host)
    if parts.scheme == "http":
        return host in (*_LOOPBACK, "localhost")
    return "." in parts.scheme  # a native application's own, by a name it holds: RFC 8252 section 7.1


def is_same(uri: str, known: str) -> bool:
    """Is ``uri`` the one that is ``known``?"""
    return uri == known or _same_but_for_port(uri, known)


def _same_but_for_port(uri: str, known: str) -> bool:
    """RFC 8252 section 7.3: of a loopback address, not of a name."""
    one, other = _BUT_FOR_PORT.fullmatch(uri), _BUT_FOR_PORT.fullmatch(known)
    return is_redirect_uri(uri) and one is not None and other is not None and one.groups() == other.groups()
