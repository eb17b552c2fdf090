"""A compact JWS (RFC 7515 section 7.1) taken apart, before any cryptography.

One token has one spelling here: strict base64url without padding or stray bits, strict JSON, exactly three
parts. What the header may ask for is decided by what it must not hold: nothing critical, nothing nested,
nothing encrypted. Key material in a header (``jwk``, ``jku``, ``x5u``, ``x5c``) is never looked at (RFC 8725
section 3.10). Knows nothing of issuers and keys.
"""

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .rejection import Rejection, invalid, shown
from .strict_json import parse_object

MAX_TOKEN_CHARS = 16 * 1024

_PARTS = re.compile(r"([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)")
_FORBIDDEN = ("crit", "b64", "cty", "enc", "zip")
"""Header members that change what the token means (RFC 7515 4.1.11, RFC 7797, RFC 7519 5.2, RFC 7516 4.1)."""
_TYPES = frozenset({"jwt", "at+jwt"})
"""A token of another explicit type was made for another purpose (RFC 8725 section 3.11, RFC 9068 section 2.1)."""


@dataclass(frozen=True, slots=True)
class Token:
    """What a token says of itself: nothing here is verified. ``type`` is ``typ`` in lower case and without
    ``application/`` (RFC 7515 section 4.1.9)."""

    algorithm: str
    key_id: str | None
    type: str | None
    claims: Mapping[str, Any] = field(repr=False)
    signing_input: bytes = field(repr=False)
    signature: bytes = field(repr=False)


def parse_token(text: str) -> Token | Rejection:
    """The token in ``text``, or why it is none."""
    if len(text) > MAX_TOKEN_CHARS:
        return invalid(f"a token of more than {MAX_TOKEN_CHARS} characters")
    parts = _PARTS.fullmatch(text)
    if parts is None:
        return invalid("not three non-empty base64url parts")
    try:
        header = _object("header", parts[1])
        claims = _object("payload", parts[2])
        signature = decode_base64url(parts[3])
    except ValueError as error:
        return invalid(str(error))
    fault = _header_fault(header)
    if fault is not None:
        return invalid(f"header: {fault}")
    signing_input = text[: parts.end(2)].encode("ascii")
    kind = _type_of(header["typ"]) if "typ" in header else None
    return Token(header["alg"], header.get("kid"), kind, claims, signing_input, signature)


def decode_base64url(text: str) -> bytes:
    """The bytes of strict base64url (RFC 4648 section 5): no padding, no stray bits; ValueError for the rest."""
    try:
        data = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except ValueError:
        raise ValueError("not base64url") from None
    if base64.urlsafe_b64encode(data).rstrip(b"=") != text.encode("ascii"):
        raise ValueError("not canonical base64url")
    return data


def _object(where: str, text: str) -> dict[str, Any]:
    try:
        return parse_object(decode_base64url(text))
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from None


def _header_fault(header: Mapping[str, Any]) -> str | None:
    for name in _FORBIDDEN:
        if name in header:
            return f"{name} is not accepted"
    if not isinstance(header.get("alg"), str):
        return "alg is not a string"
    if not isinstance(header.get("kid", ""), str):
        return "kid is not a string"
    kind = header.get("typ", "JWT")
    if not isinstance(kind, str) or _type_of(kind) not in _TYPES:
        return f"typ {shown(kind)} is not an access token's"
    return None


def _type_of(typ: str) -> str:
    return typ.lower().removeprefix("application/")
