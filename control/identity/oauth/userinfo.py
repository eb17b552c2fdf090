"""The UserInfo endpoint (OpenID Connect Core section 5.3): what is known of the person that an access token speaks for,
as far as its scopes go (section 5.4)."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from authlib.oidc.core import UserInfo

from .own_tokens import AccessToken

Describe = Callable[[str], Mapping[str, Any] | None]
"""What is known of a subject, in the words of section 5.1; None if nobody is, or is any more, known by it."""
_FIXED = [("Content-Type", "application/json"), ("Cache-Control", "no-store")]


class UserInfoEndpoint:
    """Thread-safe."""

    def __init__(self, read: Callable[[str], AccessToken | None], describe: Describe) -> None:
        self._read, self._describe = read, describe

    def handle(self, method: str, headers: Mapping[str, str], _body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
        """Answer one request; the token stands in the Authorization header and nowhere else."""
        if method not in ("GET", "POST"):
            return 405, [("Allow", "GET, POST"), ("Cache-Control", "no-store")], b""
        shown = {name.lower(): value for name, value in headers.items()}.get("authorization", "")
        scheme, _, text = shown.partition(" ")
        if scheme.lower() != "bearer" or not text.strip():
            return _refused(401, "")
        token = self._read(text.strip())
        if token is None:
            return _refused(401, "invalid_token")
        if "openid" not in token.scopes:
            return _refused(403, "insufficient_scope", ', scope="openid"')
        subject = str(token.claims["sub"])
        known = self._describe(subject)
        if known is None:
            return _refused(401, "invalid_token")
        told = UserInfo({**known, "sub": subject}).filter(" ".join(token.scopes))
        return 200, _FIXED, json.dumps(told).encode()


def _refused(status: int, error: str, more: str = "") -> tuple[int, list[tuple[str, str]], bytes]:
    """RFC 6750 section 3."""
    challenge = 'Bearer realm="oauth2"' + (f', error="{error}"{more}' if error else "")
    body = json.dumps({"error": error or "invalid_request"}).encode()
    return status, [*_FIXED, ("WWW-Authenticate", challenge)], body
