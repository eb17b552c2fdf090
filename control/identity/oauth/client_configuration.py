"""Client configuration (RFC 7592): a client that registered itself reads, replaces and removes its registration.

Its registration access token opens nothing else, and nobody else's opens this: every other is the same 401, whether the
client exists or not. It may say again what it could have said at registration. Once an operator has changed it, or
given it more, it can only read and remove itself: neither does it take the operator's word back, nor point what it was
given elsewhere. Each request is one transaction, with all that ends by it.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from authlib.oauth2.rfc6749 import UnauthorizedClientError
from authlib.oauth2.rfc7592 import ClientConfigurationEndpoint as AuthlibEndpoint

from control.errors import NotFound
from control.identity import application_secrets
from control.identity.applications import Application, ApplicationChanges, Applications
from control.identity.endings import Ending

from .claimant import SECRET
from .client_metadata import ClientMetadata, described, metadata_of, parse
from .clients import Clients, in_session, rewrite
from .registration import NEVER, InvalidTokenError, information, name_for
from .registration_access import RegistrationAccess, kept


@dataclass
class ConfigurationRequest:
    """One request at a client's registration_client_uri. ``shown``: the registration access token."""

    method: str
    client_id: str
    shown: str = field(repr=False)
    body: bytes
    credential: Any = None
    client: Any = None

    @property
    def payload(self) -> "ConfigurationRequest":
        """Where Authlib looks for ``data``."""
        return self

    @cached_property
    def data(self) -> dict[str, Any]:
        """What it says, read when it has proven who it is."""
        return parse(self.body)


class _Client:
    """The one whose token was shown: what Authlib asks of the client and of the token. ``secret``: a new one."""

    def __init__(self, applications: Applications, application: Application) -> None:
        self._applications, self.application, self.secret = applications, application, ""

    def get_client_id(self) -> str:
        return self.application.client_id

    def check_client(self, client: object) -> bool:
        return client is self

    def check_client_secret(self, secret: object) -> bool:
        authenticate, client_id = self._applications.authenticate, self.get_client_id()
        return isinstance(secret, str) and authenticate(client_id, secret) is not None


class ClientConfigurationEndpoint(AuthlibEndpoint):  # type: ignore[misc]  # Authlib has no types
    """The endpoint. ``url``: the issuer's."""

    def __init__(
        self,
        applications: Applications,
        clients: Clients,
        access: RegistrationAccess,
        url: str,
        clock: Callable[[], float],
    ) -> None:
        super().__init__()
        self._applications, self._clients, self._access = applications, clients, access
        self._url, self._clock = url, clock

    def create_endpoint_request(self, request: ConfigurationRequest) -> ConfigurationRequest:
        """As it is."""
        return request

    def authenticate_token(self, request: ConfigurationRequest) -> _Client:
        """Section 3: 401 for every token but this client's."""
        if not self._access.opens(request.client_id, request.shown):
            raise InvalidTokenError
        application = self._applications.active(request.client_id)
        if application is None:
            raise InvalidTokenError
        return _Client(self._applications, application)

    def authenticate_client(self, request: ConfigurationRequest) -> Any:
        """It is the one."""
        return request.credential

    def check_permission(self, _client: _Client, _request: ConfigurationRequest) -> bool:
        """To read and remove itself it always may."""
        return True

    def introspect_client(self, client: _Client) -> dict[str, Any]:
        """What is in force; a secret only if it is new (section 3)."""
        app = client.application
        registration = self._clients.get(app.client_id)
        if registration is None:
            raise InvalidTokenError  # removed meanwhile
        secret = {"client_secret": client.secret, **NEVER} if client.secret else {}
        return {**metadata_of(app, registration, self._access.said_method(app.client_id)).told(), **secret}

    def generate_client_registration_info(self, client: _Client, request: ConfigurationRequest) -> dict[str, Any]:
        """The token that was shown stays: a lost answer locks nobody out."""
        app = client.application
        return information(self._url, app.client_id, app.created_at, request.shown)

    def extract_client_metadata(self, request: ConfigurationRequest) -> ClientMetadata:
        """All that it is to be from now on (section 2.2): what is left out is as at registration."""
        known: _Client = request.credential
        app = known.application
        said = described(request.data, app.client_id, its_name=app.name)
        return said if said.name == app.name else replace(said, name=name_for(said.name))

    def update_client(self, client: _Client, said: ClientMetadata, _request: ConfigurationRequest) -> _Client:
        """Section 2.2."""
        app = client.application

        def within(ending: Ending, before: Application) -> None:
            client.secret = self._replace(ending, before, said)

        changes: ApplicationChanges = {"name": said.name, "scopes": said.scopes}
        try:
            client.application = self._applications.update(app.id, app.client_id, within=within, **changes)
        except NotFound as error:
            raise InvalidTokenError from error
        return client

    def _replace(self, ending: Ending, application: Application, said: ClientMetadata) -> str:
        """In the transaction that changes its application: a new secret, if it needs one that it did not have."""
        session, client_id = ending.session, application.client_id
        row, registration = kept(session, client_id), in_session(session, client_id)
        if row is None or registration is None or not application.active:
            raise InvalidTokenError  # removed meanwhile, or turned off
        before = metadata_of(application, registration, row.said["token_endpoint_auth_method"])
        if before.told() != row.said or application.services != []:
            raise UnauthorizedClientError("An operator has changed this client: ask there.", status_code=403)
        rewrite(session, said.registration, client_id, self._clock())
        row.said = said.told()
        if said.method == before.method or {said.method, before.method} <= {*SECRET}:
            return ""
        if said.method in SECRET:
            return application_secrets.replace_all(ending, client_id)
        ending.of_client(client_id, "the client proves itself otherwise", goes_on=True)
        return ""

    def delete_client(self, client: _Client, _request: ConfigurationRequest) -> None:
        """Section 2.3: what people let it do, and its tokens, end with it."""
        try:
            self._applications.remove(client.application.id, client.get_client_id())
        except NotFound as error:
            raise InvalidTokenError from error
