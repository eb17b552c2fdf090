"""RFC 7662: what a token says and whether it counts, for those it concerns.

Those are the client it was issued to, and the service it is for: the application that bears the name of a service of
the policy. To everybody else every token is one that does not count, so that nobody learns anything by trying. A client
that cannot prove who it is gets no answer at all.
"""

from collections.abc import Callable
from typing import Any

from authlib.oauth2.rfc6749 import InvalidRequestError
from authlib.oauth2.rfc7662 import IntrospectionEndpoint

from .claimant import CONFIDENTIAL
from .families import REFRESH_PREFIX
from .grants import LiveRefreshToken
from .own_tokens import AccessToken

_SHOWN = ("iss", "sub", "aud", "client_id", "scope", "iat", "exp", "jti", "act")


class Introspection(IntrospectionEndpoint):  # type: ignore[misc]  # Authlib has no types
    """The endpoint."""

    CLIENT_AUTH_METHODS = CONFIDENTIAL

    def __init__(self, server: Any, read: Callable[[str], AccessToken | None]) -> None:
        super().__init__(server)
        self._read = read

    def query_token(self, token: str, _hint: str | None) -> LiveRefreshToken | AccessToken | None:
        """By what it is; the hint is only one."""
        if token.startswith(REFRESH_PREFIX):
            found: LiveRefreshToken | None = self.server.grants.live_refresh_token(token)
            return found
        return self._read(token)

    def check_params(self, request: Any, client: Any) -> None:
        """A hint that we do not know is overlooked (section 2.1)."""
        del client
        if "token" not in request.form:
            raise InvalidRequestError("token is missing")

    def check_permission(self, token: LiveRefreshToken | AccessToken, client: Any, _request: Any) -> bool:
        """Does it concern that client?"""
        if isinstance(token, LiveRefreshToken):
            return bool(token.grant.check_client(client))
        audience: str | None = self.server.tokens.audience_of(client.application)
        return token.check_client(client) or audience in token.audience

    def create_introspection_payload(self, token: LiveRefreshToken | AccessToken | None) -> dict[str, Any]:
        """Section 2.2. What was found counts: what does not is not found."""
        if token is None:
            return {"active": False}
        if isinstance(token, LiveRefreshToken):
            of, expires_at = token.grant, token.expires_at
            said: dict[str, Any] = {"client_id": of.client_id, "sub": of.subject, "exp": expires_at}
            return {"active": True, **said, **({"scope": of.scope} if of.scope else {})}
        return {
            "active": True,
            "token_type": "Bearer",
            **{name: token.claims[name] for name in _SHOWN if name in token.claims},
        }
