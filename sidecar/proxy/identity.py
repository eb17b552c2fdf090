"""The principal as headers. What a service reads here has been verified, so no two principals may look alike.

Text goes out as it is while it is visible ASCII; anything else, a ``%`` and a space at either end included, is
percent-encoded UTF-8, so that the encoding can be undone without doubt. Control characters are refused: no honest
issuer puts them into a name. ``X-Auth-Claims`` has the claims exactly as they were verified.
"""

import base64
import json
import re
from collections.abc import Sequence

from sidecar.authn.claims import ABSENT, claim_at
from sidecar.authn.principal import Principal
from sidecar.contract.snapshot import ClaimPath

Fields = list[tuple[bytes, bytes]]

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_OUTER_SPACE = re.compile(r"^ +| +$")
_UNSAFE = re.compile(r"[^\x20-\x24\x26-\x7e]")


class UnsafeClaim(ValueError):  # noqa: N818  # a claim, not a fault of ours
    """A claim that cannot be put into a header."""


def identity_headers(principal: Principal) -> Fields:
    """The ``X-Auth-*`` headers; UnsafeClaim if a name holds control characters."""
    fields = [
        (b"x-auth-subject", header_text(principal.subject, "subject")),
        (b"x-auth-issuer", header_text(principal.issuer, "issuer")),
    ]
    if principal.client is not None:
        fields.append((b"x-auth-client", header_text(principal.client, "client")))
    scopes = (header_text(scope, "scope").replace(b" ", b"%20") for scope in sorted(principal.scopes))
    fields.append((b"x-auth-scope", b" ".join(scopes)))
    fields.append((b"x-auth-claims", base64.urlsafe_b64encode(_json(principal.claims)).rstrip(b"=")))
    return fields


def claim_headers(principal: Principal, wanted: Sequence[tuple[str, ClaimPath]]) -> Fields:
    """The headers that the policy's ``forward`` asks for. Text as above, numbers and booleans as in JSON, lists and
    objects as compact JSON; a claim that is absent or null gives no header."""
    fields: Fields = []
    for name, path in wanted:
        value = claim_at(principal.claims, path)
        if value is ABSENT or value is None:
            continue
        text = header_text(value, name) if isinstance(value, str) else _json(value)
        fields.append((name.lower().encode("ascii"), text))
    return fields


def header_text(text: str, what: str) -> bytes:
    """``text`` as a header value that reads back as this text and no other."""
    if _CONTROL.search(text):
        raise UnsafeClaim(f"a control character in the {what}")
    text = _OUTER_SPACE.sub(lambda match: "\0" * len(match[0]), text)
    try:
        return _UNSAFE.sub(_percent, text).encode("ascii")
    except UnicodeEncodeError as error:
        raise UnsafeClaim(f"half a character in the {what}") from error


def _percent(match: re.Match[str]) -> str:
    character = " " if match[0] == "\0" else match[0]
    return "".join(f"%{byte:02X}" for byte in character.encode("utf-8"))


def _json(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode("ascii")
