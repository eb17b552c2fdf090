"""``POST /oauth2/token``: RFC 6749 with Authlib's framework-neutral server, for client credentials.

Authlib chooses the grant, authenticates the client and shapes the errors; what a token is, is ours. Every refusal
of a client is the same 401, so that nobody learns which client ids exist.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from authlib.oauth2.rfc6749 import (
    AuthorizationServer,
    ClientMixin,
    InvalidClientError,
    InvalidScopeError,
    OAuth2Error,
)
from authlib.oauth2.rfc6749.grants import ClientCredentialsGrant

from control.errors import Invalid

from .access_tokens import AccessTokens
from .applications import Application, Applications
from .token_request import AuthlibRequest, TokenRequest, read_token_request

Response = tuple[int, list[tuple[str, str]], bytes]

AUTH_METHODS = ("client_secret_basic", "client_secret_post")
GRANT_TYPES = ("client_credentials",)


class _InvalidClientError(InvalidClientError):  # type: ignore[misc]  # Authlib has no types
    """Client authentication failed; says no more than that (RFC 6749 section 5.2, RFC 7617)."""

    def __init__(self) -> None:
        super().__init__("The client is not known by this id and secret", status_code=401)

    def get_headers(self) -> list[tuple[str, str]]:
        """Authlib's challenge has no realm, which RFC 7617 section 2 requires."""
        kept = [(name, value) for name, value in super().get_headers() if name != "WWW-Authenticate"]
        return [*kept, ("WWW-Authenticate", 'Basic realm="oauth2", charset="UTF-8"')]


class _InvalidTargetError(OAuth2Error):  # type: ignore[misc]  # Authlib has no types
    """RFC 8707 section 2."""

    error = "invalid_target"


class _Client(ClientMixin):  # type: ignore[misc]  # Authlib has no types
    """An id that says to be an application. Becomes one when the secret proves it."""

    def __init__(self, client_id: str, applications: Applications) -> None:
        self._client_id, self._applications = client_id, applications
        self.application: Application | None = None

    def check_client_secret(self, client_secret: str) -> bool:
        self.application = self._applications.authenticate(self._client_id, client_secret)
        return self.application is not None

    def check_endpoint_auth_method(self, method: str, _endpoint: str) -> bool:
        return method in AUTH_METHODS

    def check_grant_type(self, grant_type: str) -> bool:
        return grant_type in GRANT_TYPES


class _Grant(ClientCredentialsGrant):  # type: ignore[misc]  # Authlib has no types
    TOKEN_ENDPOINT_AUTH_METHODS = AUTH_METHODS

    def validate_requested_scope(self) -> None:
        """Ours to check, against what the application may have, when the token is made."""

    def create_token_response(self) -> tuple[int, dict[str, object], list[tuple[str, str]]]:
        """The token response (RFC 6749 section 5.1). Authlib's own would write the token into its debug log."""
        scope: str | None = self.request.payload.scope
        scopes = None if scope is None else scope.split(" ")
        try:
            issued = self.server.tokens.issue(
                self.request.client.application, scopes=scopes, audiences=self.request.resources
            )
        except Invalid as error:
            kind = InvalidScopeError if error.code == "invalid_scope" else _InvalidTargetError
            raise kind(str(error)) from error
        token: dict[str, object] = {
            "access_token": issued.access_token,
            "token_type": "Bearer",
            "expires_in": issued.expires_at - issued.issued_at,
        }
        return 200, {**token, "scope": issued.scope} if issued.scope else token, self.TOKEN_RESPONSE_HEADER


class _Server(AuthorizationServer):  # type: ignore[misc]  # Authlib has no types
    def __init__(self, applications: Applications, tokens: AccessTokens) -> None:
        super().__init__()
        self._applications, self.tokens = applications, tokens
        self.register_grant(_Grant)

    def query_client(self, client_id: str) -> _Client:
        return _Client(client_id, self._applications)

    def authenticate_client(self, request: Any, methods: Sequence[str], endpoint: str = "token") -> Any:
        try:
            return super().authenticate_client(request, methods, endpoint)
        except InvalidClientError as error:
            raise _InvalidClientError from error

    def create_oauth2_request(self, request: TokenRequest) -> AuthlibRequest:
        return AuthlibRequest(request)

    def handle_response(self, status: int, body: Mapping[str, Any], headers: list[tuple[str, str]]) -> Response:
        return status, headers, json.dumps(body).encode()

    def save_token(self, token: object, request: object) -> None:
        """Nothing is kept: a token proves itself."""

    def send_signal(self, name: str, *args: object, **kwargs: object) -> None:
        """Nobody listens."""


class TokenEndpoint:
    """The endpoint as one function of a request. Thread-safe."""

    def __init__(self, applications: Applications, tokens: AccessTokens) -> None:
        self._server = _Server(applications, tokens)

    def handle(self, method: str, headers: Mapping[str, str], body: bytes) -> Response:
        """Answer one request."""
        if method != "POST":
            return 405, [("Allow", "POST"), ("Cache-Control", "no-store")], b""
        try:
            request = read_token_request(headers, body)
        except OAuth2Error as error:
            response: Response = self._server.handle_response(*error())
        else:
            response = self._server.create_token_response(request)
        return response
