"""``POST /oauth2/token`` and its neighbours: RFC 6749 and what builds on it, with Authlib's framework-neutral server.

Authlib chooses the grant, authenticates the client and shapes the errors; what a token is, is ours. Every refusal
of a client is the same 401, so that nobody learns which client ids exist.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from authlib.oauth2.rfc6749 import (
    AuthorizationServer,
    InvalidClientError,
    InvalidRequestError,
    OAuth2Error,
)
from authlib.oauth2.rfc6749.grants import ClientCredentialsGrant

from control.errors import Invalid

from .access_tokens import AccessTokens
from .applications import Applications
from .oauth.assertions import Assertions
from .oauth.authorization import Authorization
from .oauth.claimant import CONFIDENTIAL, PRIVATE_KEY_JWT, Claimant
from .oauth.client_configuration import ClientConfigurationEndpoint, ConfigurationRequest
from .oauth.clients import Clients
from .oauth.device_grant import DeviceAuthorization, DeviceEndpoint, DeviceGrant
from .oauth.devices import Devices
from .oauth.exchange import ExchangeGrant
from .oauth.grants import Grants
from .oauth.id_tokens import IdTokens
from .oauth.introspection import Introspection
from .oauth.own_tokens import AccessToken
from .oauth.pushed import PushedRequestEndpoint, PushedRequests
from .oauth.registration import RegistrationEndpoint, RegistrationRequest
from .oauth.revocation import Revocation
from .oauth.token_grants import AlwaysS256, CodeGrant, RefreshGrant, refused
from .token_request import AuthlibRequest, TokenRequest, read_token_request

NO_CONTENT = 204
Response = tuple[int, list[tuple[str, str]], bytes]
Read = Callable[[str], AccessToken | None]
"""What a text says if it is an access token of ours that counts."""


class _InvalidClientError(InvalidClientError):  # type: ignore[misc]  # Authlib has no types
    """Client authentication failed; says no more than that (RFC 6749 section 5.2, RFC 7617)."""

    def __init__(self) -> None:
        super().__init__("The client is not known by this id and secret", status_code=401)

    def get_headers(self) -> list[tuple[str, str]]:
        """Authlib's challenge has no realm, which RFC 7617 section 2 requires."""
        kept = [(name, value) for name, value in super().get_headers() if name != "WWW-Authenticate"]
        return [*kept, ("WWW-Authenticate", 'Basic realm="oauth2", charset="UTF-8"')]


class _Grant(ClientCredentialsGrant):  # type: ignore[misc]  # Authlib has no types
    TOKEN_ENDPOINT_AUTH_METHODS = CONFIDENTIAL

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
            raise refused(error) from error
        token: dict[str, object] = {
            "access_token": issued.access_token,
            "token_type": "Bearer",
            "expires_in": issued.expires_at - issued.issued_at,
        }
        return 200, {**token, "scope": issued.scope} if issued.scope else token, self.TOKEN_RESPONSE_HEADER


class _Server(AuthorizationServer):  # type: ignore[misc]  # Authlib has no types
    def __init__(
        self, applications: Applications, tokens: AccessTokens, clients: Clients | None, grants: Grants | None
    ) -> None:
        super().__init__()
        self.takes_assertions = False
        self.pushed: PushedRequests | None = None
        self.id_tokens: IdTokens | None = None
        self.read: Read = lambda _token: None
        self.devices: Devices | None = None
        self._applications, self.tokens, self._clients, self.grants = applications, tokens, clients, grants
        self.register_grant(_Grant)
        if grants is not None:
            self.register_grant(CodeGrant, [AlwaysS256(required=True)])
            self.register_grant(RefreshGrant)

    def query_client(self, client_id: str) -> Claimant:
        return Claimant(client_id, self._applications, self._clients)

    def get_authorization_grant(self, request: AuthlibRequest) -> Any:
        """Only for a client that may ask people; else Authlib's error."""
        client = self.query_client(request.payload.client_id or "")
        if not client.is_there():
            raise InvalidRequestError("There is no such client, or it may not ask people")
        return super().get_authorization_grant(request)

    def authenticate_client(self, request: Any, methods: Sequence[str], endpoint: str = "token") -> Any:
        known = [method for method in methods if method != PRIVATE_KEY_JWT or self.takes_assertions]
        try:
            return super().authenticate_client(request, known, endpoint)
        except InvalidClientError as error:
            raise _InvalidClientError from error

    def create_oauth2_request(self, request: TokenRequest) -> AuthlibRequest:
        return AuthlibRequest(request)

    def handle_response(self, status: int, body: Mapping[str, Any], headers: list[tuple[str, str]]) -> Response:
        return status, headers, b"" if status == NO_CONTENT else json.dumps(body).encode()

    def save_token(self, token: object, request: object) -> None:
        """Nothing is kept: a token proves itself."""

    def send_signal(self, name: str, *args: object, **kwargs: object) -> None:
        """Nobody listens."""


class TokenEndpoint:
    """The endpoint as one function of a request. Thread-safe. Without ``grants``: client credentials alone."""

    def __init__(
        self,
        applications: Applications,
        tokens: AccessTokens,
        clients: Clients | None = None,
        grants: Grants | None = None,
    ) -> None:
        self._server = _Server(applications, tokens, clients, grants)

    def handle(self, method: str, headers: Mapping[str, str], body: bytes) -> Response:
        """Answer one request for a token."""
        return self._answered(method, headers, body, "grant_type", self._server.create_token_response)

    def take_assertions(self, assertions: Assertions) -> None:
        """Let clients prove themselves by their keys."""
        self._server.register_client_auth_method(PRIVATE_KEY_JWT, assertions)
        self._server.takes_assertions = True

    def authorization(self, issuer: str) -> Authorization:
        """What the pages of the authorization endpoint stand on."""
        return Authorization(self._server, issuer)

    def revocation(self, read: Read, withdraw: Callable[[Sequence[str]], None]) -> "Handle":
        """RFC 7009, as one function of a request."""
        return self._offered(Revocation(self._server, read, withdraw), "token")

    def introspection(self, read: Read) -> "Handle":
        """RFC 7662, as one function of a request."""
        return self._offered(Introspection(self._server, read), "token")

    def pushed(self, authorization: Authorization, pushed: PushedRequests) -> "Handle":
        """RFC 9126, as one function of a request."""
        self._server.pushed = pushed
        return self._offered(PushedRequestEndpoint(self._server, authorization, pushed), "response_type")

    def exchange(self, read: Read) -> None:
        """RFC 8693, at the token endpoint."""
        self._server.read = read
        self._server.register_grant(ExchangeGrant)

    def device_authorization(self, devices: Devices, issuer: str) -> "Handle":
        """RFC 8628, as one function of a request, and its grant at the token endpoint."""
        self._server.devices = devices
        self._server.register_grant(DeviceGrant)
        return self._offered(DeviceEndpoint(self._server, devices, issuer))

    def device_pages(self, devices: Devices) -> DeviceAuthorization:
        """What the page stands on where people type in their code."""
        return DeviceAuthorization(self._server, devices)

    def identify(self, id_tokens: IdTokens) -> None:
        """Let clients that ask for ``openid`` know who let them in."""
        self._server.id_tokens = id_tokens

    def registration(self, endpoint: RegistrationEndpoint) -> "Handle":
        """RFC 7591, as one function of a request."""
        self._server.register_endpoint(endpoint)

        def answered(method: str, headers: Mapping[str, str], body: bytes) -> Response:
            if method != "POST":
                return 405, [("Allow", "POST"), ("Cache-Control", "no-store")], b""
            request = RegistrationRequest(_bearer(headers), body)
            response: Response = self._server.create_endpoint_response(endpoint.ENDPOINT_NAME, request)
            return response

        return answered

    def configuration(self, endpoint: ClientConfigurationEndpoint) -> "Configure":
        """RFC 7592, as one function of a request and the client_id in its path."""
        self._server.register_endpoint(endpoint)

        def answered(client_id: str, method: str, headers: Mapping[str, str], body: bytes) -> Response:
            if method not in ("GET", "PUT", "DELETE"):
                return 405, [("Allow", "DELETE, GET, PUT"), ("Cache-Control", "no-store")], b""
            request = ConfigurationRequest(method, client_id, _bearer(headers), body)
            response: Response = self._server.create_endpoint_response(endpoint.ENDPOINT_NAME, request)
            return response

        return answered

    def _offered(self, endpoint: Any, needs: str = "") -> "Handle":
        self._server.register_endpoint(endpoint)

        def answered(request: TokenRequest) -> Response:
            response: Response = self._server.create_endpoint_response(endpoint.ENDPOINT_NAME, request)
            return response

        return lambda method, headers, body: self._answered(method, headers, body, needs, answered)

    def _answered(
        self,
        method: str,
        headers: Mapping[str, str],
        body: bytes,
        needs: str,
        answer: Callable[[TokenRequest], Response],
    ) -> Response:
        if method != "POST":
            return 405, [("Allow", "POST"), ("Cache-Control", "no-store")], b""
        try:
            request = read_token_request(headers, body, needs)
        except OAuth2Error as error:
            response: Response = self._server.handle_response(*error())
            return response
        return answer(request)


def _bearer(headers: Mapping[str, str]) -> str:
    scheme, _, shown = {name.lower(): value for name, value in headers.items()}.get("authorization", "").partition(" ")
    return shown.strip() if scheme.lower() == "bearer" else ""


Handle = Callable[[str, Mapping[str, str], bytes], Response]
"""Method, headers and body of a request, and its answer."""
Configure = Callable[[str, str, Mapping[str, str], bytes], Response]
"""The same, of what is the client's whose id comes first."""
