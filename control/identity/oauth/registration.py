"""Dynamic client registration (RFC 7591): a client registers itself, with a credential that an operator gave it.

Off unless control is told to. What registers itself may let people sign in and no more; an operator gives it more, or
nobody does. Authlib leads through the request; ``client_metadata`` reads what a client says of itself.
"""

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from authlib.oauth2.rfc6749 import OAuth2Error
from authlib.oauth2.rfc7591 import ClientRegistrationEndpoint

from control.identity.applications import Applications

from .claimant import SECRET
from .client_metadata import ClientMetadata, described, metadata_of, parse
from .clients import Clients
from .registration_access import RegistrationAccess

REGISTRATION_PATH = "/oauth2/register"
Admit = Callable[[str], str | None]
"""The name of the operator whose credential it is, if it may register clients."""


@dataclass
class RegistrationRequest:
    """``shown``: the credential; ``body``: what should be JSON. Authlib keeps in ``credential`` whose it was."""

    shown: str = field(repr=False)
    body: bytes
    credential: str = ""

    @cached_property
    def said(self) -> ClientMetadata:
        """What it says of itself, read when it has proven that it may."""
        return described(parse(self.body))


class InvalidTokenError(OAuth2Error):  # type: ignore[misc]  # Authlib has no types
    """RFC 7591 section 3.2.2, RFC 6750 section 3.1."""

    error = "invalid_token"
    status_code = 401

    def get_headers(self) -> list[tuple[str, str]]:
        """With the challenge."""
        return [*super().get_headers(), ("WWW-Authenticate", 'Bearer realm="oauth2", error="invalid_token"')]


class RegistrationEndpoint(ClientRegistrationEndpoint):  # type: ignore[misc]  # Authlib has no types
    """The endpoint. ``url``: the issuer's."""

    def __init__(
        self,
        applications: Applications,
        clients: Clients,
        access: RegistrationAccess,
        url: str,
        admit: Admit,
        clock: Callable[[], float],
    ) -> None:
        super().__init__()
        self._applications, self._clients, self._access = applications, clients, access
        self._url, self._admit, self._clock = url, admit, clock

    def create_endpoint_request(self, request: RegistrationRequest) -> RegistrationRequest:
        """As it is."""
        return request

    def authenticate_token(self, request: RegistrationRequest) -> str:
        """Who lets it register."""
        actor = self._admit(request.shown) if request.shown else None
        if actor is None:
            raise InvalidTokenError
        return actor

    def extract_client_metadata(self, request: RegistrationRequest) -> dict[str, Any]:
        """What it says of itself, as far as that is kept (section 2)."""
        return request.said.told()

    def generate_client_info(self, _request: RegistrationRequest) -> dict[str, Any]:
        """Comes with the client."""
        return {}

    def save_client(self, _info: object, _said: object, request: RegistrationRequest) -> dict[str, Any]:
        """Section 3.2.1, and section 3 of RFC 7592."""
        said, r, actor = request.said, request.said.registration, request.credential
        app, secret = self._applications.create(name_for(said.name), actor, scopes=said.scopes, services=[])
        means = (app.client_id, r.redirect_uris, actor, self._clock())
        made = self._clients.register(*means, public=r.public, grant_types=r.grant_types, jwks=r.jwks)
        metadata = metadata_of(app, made, said.method)
        token = self._access.give(app.client_id, metadata)
        told = {**metadata.told(), **information(self._url, app.client_id, app.created_at, token)}
        return {**told, "client_secret": secret, **NEVER} if said.method in SECRET else told

    def generate_client_registration_info(self, client: dict[str, Any], _request: object) -> dict[str, Any]:
        """What was made."""
        return client


NEVER = {"client_secret_expires_at": 0}
"""RFC 7591 section 3.2.1: required beside a secret."""


def name_for(said: str) -> str:
    """An application's name that is nobody's: no client takes that of a service, nor of another client."""
    return f"{said}-{secrets.token_hex(4)}"


def information(url: str, client_id: str, issued_at: int, token: str) -> dict[str, Any]:
    """What a client information response says beside the metadata and a secret (RFC 7592 section 3)."""
    where = {"registration_client_uri": f"{url}{REGISTRATION_PATH}/{client_id}", "registration_access_token": token}
    return {"client_id": client_id, "client_id_issued_at": issued_at, **where}
