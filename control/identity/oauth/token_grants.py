"""The two grants of the token endpoint that people stand behind: a code with PKCE, and a refresh token.

Authlib authenticates the client and checks what was sent; here are the answers. Its own would write tokens into its
debug log, and take a code back in a step of its own, between which and the answer another could use the code.
"""

from collections.abc import Callable
from typing import Any

from authlib.oauth2.rfc6749 import InvalidGrantError, InvalidRequestError, InvalidScopeError, OAuth2Error
from authlib.oauth2.rfc6749.grants import AuthorizationCodeGrant, RefreshTokenGrant
from authlib.oauth2.rfc7636 import CodeChallenge

from control.errors import Invalid
from control.identity.access_tokens import IssuedToken

from .claimant import AUTH_METHODS
from .grants import Grant

Answer = tuple[int, dict[str, object], list[tuple[str, str]]]


class InvalidTargetError(OAuth2Error):  # type: ignore[misc]  # Authlib has no types
    """RFC 8707 section 2."""

    error = "invalid_target"


def refused(error: Invalid) -> OAuth2Error:
    """The same as OAuth says it."""
    kinds = {"invalid_scope": InvalidScopeError, "invalid_request": InvalidRequestError}
    # RFC 6749 section 5.2: a description has no quotes, no backslashes and nothing beyond ASCII.
    plain = "".join(c if " " <= c <= "~" and c not in '"\\' else "?" for c in str(error))
    said: OAuth2Error = kinds.get(error.code, InvalidTargetError)(plain)
    return said


class AlwaysS256(CodeChallenge):  # type: ignore[misc]  # Authlib has no types
    """PKCE for every client, and never ``plain`` (OAuth 2.1 section 4.1.1, RFC 9700 section 2.1.1)."""

    SUPPORTED_CODE_CHALLENGE_METHOD = ("S256",)
    CODE_CHALLENGE_METHODS = {"S256": CodeChallenge.CODE_CHALLENGE_METHODS["S256"]}  # noqa: RUF012 - Authlib's shape

    def validate_code_challenge(self, grant: Any, redirect_uri: str) -> None:
        """Left out, the method would be ``plain`` (RFC 7636 section 4.3)."""
        data = grant.request.payload.data
        if not data.get("code_challenge") or data.get("code_challenge_method") != "S256":
            raise InvalidRequestError("code_challenge and code_challenge_method=S256 are needed")
        super().validate_code_challenge(grant, redirect_uri)


class CodeGrant(AuthorizationCodeGrant):  # type: ignore[misc]  # Authlib has no types
    """RFC 6749 section 4.1."""

    TOKEN_ENDPOINT_AUTH_METHODS = AUTH_METHODS

    def validate_requested_scope(self) -> None:
        """The client's to say: see its ``get_allowed_scope``."""

    def query_authorization_code(self, code: str, client: Any) -> Grant | None:
        """Also a used one: using it again has consequences."""
        found: Grant | None = self.server.grants.of_code(code, client.client_id)
        return found

    def create_token_response(self) -> Answer:
        """RFC 6749 section 5.1."""
        code: str = self.request.form["code"]
        grant: Grant = self.request.authorization_code
        return answer(self, grant, grant.scope, lambda t: self.server.grants.redeem(code, t.token_id, t.expires_at))


class RefreshGrant(RefreshTokenGrant):  # type: ignore[misc]  # Authlib has no types
    """RFC 6749 section 6. A family keeps its scope: less may be asked for one access token, and the next may have
    all again."""

    TOKEN_ENDPOINT_AUTH_METHODS = AUTH_METHODS

    def authenticate_refresh_token(self, refresh_token: str) -> Grant | None:
        """Also a used one."""
        found: Grant | None = self.server.grants.of_refresh_token(refresh_token)
        return found

    def create_token_response(self) -> Answer:
        """RFC 6749 section 5.1."""
        token: str = self.request.form["refresh_token"]
        grant: Grant = self.request.refresh_token
        scope = self.request.payload.scope or grant.scope
        return answer(self, grant, scope, lambda t: self.server.grants.rotate(token, t.token_id, t.expires_at))


def answer(asked: Any, grant: Grant, scope: str, use: Callable[[IssuedToken], str | None]) -> Answer:
    """The tokens of ``grant``, once ``use`` has used up what brought them: RFC 6749 section 5.1."""
    wanted = grant.audience if asked.request.resources is None else asked.request.resources
    if not set(wanted) <= set(grant.audience):
        raise InvalidTargetError("this was not allowed for what was asked for")
    application = asked.request.client.application
    try:
        issued = asked.server.tokens.issue(
            application, subject=grant.subject, scopes=scope.split(" ") if scope else [], audiences=wanted
        )
    except Invalid as error:
        raise refused(error) from error
    refresh_token = use(issued)  # the access token is nobody's until this is committed
    if refresh_token is None:
        raise InvalidGrantError("it was used, revoked or is too old")
    token: dict[str, object] = {
        "access_token": issued.access_token,
        "token_type": "Bearer",
        "expires_in": issued.expires_at - issued.issued_at,
        "refresh_token": refresh_token,
    }
    if issued.scope:
        token["scope"] = issued.scope
    if (
        "openid" in issued.scope.split()
        and asked.request.payload.grant_type != RefreshGrant.GRANT_TYPE
        and asked.server.id_tokens
    ):
        token["id_token"] = asked.server.id_tokens.issue(grant)
    return 200, token, asked.TOKEN_RESPONSE_HEADER
