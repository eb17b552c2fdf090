"""Token exchange (RFC 8693): a client that holds somebody's access token gets one of its own to act for them.

Who may: a registered client that proves itself, for a token that it was issued or that is for the service it is. What
comes of it is never more: its scopes are of the token's and of the client's, its audience is of the token's, and it
ends no later. ``act`` says who acts, and who acted before. If people stand behind the token, what comes of it ends with
their grant. Authlib has no such grant; this is one for its server.
"""

from collections.abc import Mapping
from typing import Any

from authlib.oauth2.rfc6749 import InvalidRequestError, InvalidScopeError, UnauthorizedClientError
from authlib.oauth2.rfc6749.grants import BaseGrant, TokenEndpointMixin

from control.errors import Invalid

from .claimant import CONFIDENTIAL
from .clients import EXCHANGE
from .own_tokens import AccessToken
from .token_grants import Answer, InvalidTargetError, refused

ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"
TYPES = (ACCESS_TOKEN, "urn:ietf:params:oauth:token-type:jwt")
MAX_ACTORS = 5


class ExchangeGrant(BaseGrant, TokenEndpointMixin):  # type: ignore[misc]  # Authlib has no types
    """RFC 8693 section 2."""

    GRANT_TYPE = EXCHANGE
    TOKEN_ENDPOINT_AUTH_METHODS = CONFIDENTIAL

    def validate_token_request(self) -> None:
        """Section 2.1; what is wrong with a token is not said (section 2.2.2)."""
        client = self.authenticate_token_endpoint_client()
        if not client.check_grant_type(self.GRANT_TYPE):
            raise UnauthorizedClientError("this client is not registered for token exchange")
        form = self.request.form
        if "actor_token" in form or "actor_token_type" in form:
            raise InvalidRequestError("the actor is the client that asks")
        if form.get("requested_token_type", ACCESS_TOKEN) not in TYPES or form.get("subject_token_type") not in TYPES:
            raise InvalidRequestError("access tokens are exchanged for access tokens")
        subject: AccessToken | None = self.server.read(form.get("subject_token", ""))
        own = self.server.tokens.audience_of(client.application)
        if subject is None or not (subject.check_client(client) or own in subject.audience):
            raise InvalidRequestError("subject_token does not count, or is no matter of this client")
        self.request.client, self.request.subject_token = client, subject

    def create_token_response(self) -> Answer:
        """Section 2.2.1."""
        subject: AccessToken = self.request.subject_token
        application = self.request.client.application
        try:
            issued = self.server.tokens.issue(
                application,
                subject=str(subject.claims["sub"]),
                scopes=self._scopes(subject, application.scopes),
                audiences=self._audience(subject),
                not_after=subject.claims["exp"],
                actor=_actor(application.client_id, subject.claims),
            )
        except Invalid as error:
            raise refused(error) from error
        self.server.grants.adopt(subject.jti, issued.token_id, issued.expires_at, application.client_id, subject.claims)
        if self.server.read(self.request.form["subject_token"]) is None:  # revoked meanwhile, and this one perhaps not
            raise InvalidRequestError("subject_token does not count")
        token: dict[str, object] = {
            "access_token": issued.access_token,
            "issued_token_type": ACCESS_TOKEN,
            "token_type": "Bearer",
            "expires_in": issued.expires_at - issued.issued_at,
        }
        return 200, {**token, "scope": issued.scope} if issued.scope else token, self.TOKEN_RESPONSE_HEADER

    def _scopes(self, subject: AccessToken, mine: list[str]) -> list[str]:
        asked: str | None = self.request.payload.scope
        if asked is None:
            return [scope for scope in subject.scopes if scope in mine]
        if not set(asked.split(" ")) <= set(subject.scopes):
            raise InvalidScopeError
        return asked.split(" ")

    def _audience(self, subject: AccessToken) -> list[str]:
        tokens, request = self.server.tokens, self.request
        asked = [*(request.resources or ()), *tokens.audiences_of(request.services)]
        if not asked:
            may = tokens.audiences_for(request.client.application, None)
            asked = [one for one in subject.audience if one in may]
        if not asked or not set(asked) <= set(subject.audience):
            raise InvalidTargetError("this is not what subject_token is for")
        return asked


def _actor(client_id: str, claims: Mapping[str, Any]) -> dict[str, Any]:
    """Section 4.1: who acts now, and within it who acted before."""
    before, depth = claims.get("act"), 1
    inner = before
    while isinstance(inner, Mapping):
        inner, depth = inner.get("act"), depth + 1
    if depth > MAX_ACTORS:
        raise InvalidRequestError(f"a token is handed on {MAX_ACTORS} times at the most")
    return {"sub": client_id} if before is None else {"sub": client_id, "act": before}
