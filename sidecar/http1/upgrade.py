"""Leaving HTTP on a connection (RFC 9110 section 7.8): what a request may ask for, and whether a 101 grants just that.

A server may always ignore an upgrade, and here every one is ignored that is not asked for in the one plain way. What
is ignored is neither refused nor passed on: the request is served as if it had not asked.
"""

import re

from .fields import TOKEN, Headers, tokens, values
from .framing import Framing

_PROTOCOL = re.compile(TOKEN + rb"(?:/" + TOKEN + rb")?")
_NEVER = re.compile(rb"(?:h2|http|tls)[^/]*(?:/.*)?", re.IGNORECASE)
"""Another HTTP, or TLS, would hide further requests from the policy: RFC 7540 section 3.2 and RFC 2817."""


def asked_upgrade(method: bytes, version: bytes, headers: Headers, framing: Framing) -> bytes:
    """The protocol that a request asks for: a GET of HTTP/1.1 without a body, one Upgrade with one protocol, named in
    Connection. Otherwise b""."""
    protocols = values(headers, b"upgrade")
    if method != b"GET" or version != b"1.1" or framing != 0 or len(protocols) != 1:
        return b""
    protocol = protocols[0]
    if not _PROTOCOL.fullmatch(protocol) or _NEVER.fullmatch(protocol):
        return b""
    return protocol if b"upgrade" in tokens(headers, b"connection") else b""


def granted_upgrade(headers: Headers, asked: bytes) -> bytes:
    """The protocol that a 101 switches to, if it is the one asked for; otherwise b""."""
    protocols = values(headers, b"upgrade")
    if not asked or len(protocols) != 1 or protocols[0].lower() != asked.lower():
        return b""
    return protocols[0] if b"upgrade" in tokens(headers, b"connection") else b""
