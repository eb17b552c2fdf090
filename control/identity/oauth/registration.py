"""Dynamic client registration (RFC 7591): a client registers itself, with a credential that an operator gave it.

Off unless control is told to. What registers itself may let people sign in and no more: the scopes of OpenID Connect,
and no service. An operator gives it more, or nobody does. Authlib leads through the request; what a client says of
itself is read here, and what is not kept is not echoed.
"""

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from authlib.oauth2.rfc6749 import OAuth2Error
from authlib.oauth2.rfc7591 import ClientRegistrationEndpoint
from authlib.oauth2.rfc7591.errors import InvalidClientMetadataError, InvalidRedirectURIError

from control.errors import Invalid
from control.identity.applications import Applications
from sidecar.authn.strict_json import parse_object

from .claimant import AUTH_METHODS, PRIVATE_KEY_JWT
from .clients import CODE, DEVICE, Clients, Registration, checked
from .redirects import is_redirect_uri

SCOPES = ("openid", "profile", "email")
GRANT_TYPES = (CODE, "refresh_token", DEVICE)
MAX_CLIENT_NAME = 60
MAX_TEXTS = 50
Admit = Callable[[str], str | None]
"""The name of the operator whose credential it is, if it may register clients."""


@dataclass(slots=True)
class RegistrationRequest:
    """``shown``: the credential; ``body``: what should be JSON. Authlib keeps in ``credential`` whose it was."""

    shown: str = field(repr=False)
    body: bytes
    credential: str = ""


class InvalidTokenError(OAuth2Error):  # type: ignore[misc]  # Authlib has no types
    """RFC 7591 section 3.2.2, RFC 6750 section 3.1."""

    error = "invalid_token"
    status_code = 401

    def get_headers(self) -> list[tuple[str, str]]:
        """With the challenge."""
        return [*super().get_headers(), ("WWW-Authenticate", 'Bearer realm="oauth2", error="invalid_token"')]


class RegistrationEndpoint(ClientRegistrationEndpoint):  # type: ignore[misc]  # Authlib has no types
    """The endpoint."""

    def __init__(self, applications: Applications, clients: Clients, admit: Admit, clock: Callable[[], float]) -> None:
        super().__init__()
        self._applications, self._clients, self._admit, self._clock = applications, clients, admit, clock

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
        try:
            said = parse_object(request.body)
        except (ValueError, RecursionError):
            raise InvalidClientMetadataError("the body is no JSON object") from None
        return _described(said)

    def generate_client_info(self, _request: RegistrationRequest) -> dict[str, Any]:
        """Comes with the client."""
        return {}

    def save_client(self, _info: object, said: Mapping[str, Any], request: RegistrationRequest) -> dict[str, Any]:
        """Section 3.2.1."""
        grants, method = said["grant_types"], said["token_endpoint_auth_method"]
        kept = [grant for grant in grants if grant != "refresh_token"]
        wanted = {"public": method == "none", "grant_types": kept, "jwks": said.get("jwks")}
        try:
            checked(Registration("", tuple(said["redirect_uris"]), **wanted))
        except Invalid as error:
            raise InvalidClientMetadataError("these do not go together") from error
        name, actor, now = f"{said['client_name']}-{secrets.token_hex(4)}", request.credential, self._clock()
        app, secret = self._applications.create(name, actor, scopes=said["scope"].split(), services=[])
        self._clients.register(app.client_id, said["redirect_uris"], actor, now, **wanted)
        told: dict[str, Any] = {"client_id": app.client_id, "client_id_issued_at": app.created_at, "client_name": name}
        if method not in ("none", PRIVATE_KEY_JWT):
            told |= {"client_secret": secret, "client_secret_expires_at": 0}
        return told

    def generate_client_registration_info(self, client: dict[str, Any], _request: object) -> dict[str, Any]:
        """What was made."""
        return client


def _described(said: Mapping[str, Any]) -> dict[str, Any]:
    uris, grants = _texts(said, "redirect_uris", []), _texts(said, "grant_types", [CODE])
    if not all(is_redirect_uri(uri) for uri in uris):
        raise InvalidRedirectURIError("a redirect URI that cannot be")
    responses = _texts(said, "response_types", ["code"] if CODE in grants else [])
    method, scope = _text(said, "token_endpoint_auth_method", "client_secret_basic"), _text(said, "scope", "openid")
    name, jwks = _text(said, "client_name", "client").strip(), said.get("jwks")
    fits = (
        set(grants) <= set(GRANT_TYPES)
        and responses == (["code"] if CODE in grants else [])
        and method in AUTH_METHODS
        and scope
        and set(scope.split(" ")) <= set(SCOPES)
        and (method == PRIVATE_KEY_JWT) == isinstance(jwks, Mapping)
        and (jwks is None or method == PRIVATE_KEY_JWT)
        and "jwks_uri" not in said
        and "software_statement" not in said
        and 0 < len(name) <= MAX_CLIENT_NAME
        and name.isprintable()
    )
    if not fits:
        raise InvalidClientMetadataError("see the metadata for what is supported")
    told = {"redirect_uris": uris, "grant_types": grants, "response_types": responses, "scope": scope}
    more = {"token_endpoint_auth_method": method, "client_name": name}
    return {**told, **more, **({} if jwks is None else {"jwks": jwks})}


def _texts(said: Mapping[str, Any], name: str, default: list[str]) -> list[str]:
    value = said.get(name, default)
    if not isinstance(value, list) or len(value) > MAX_TEXTS or not all(isinstance(one, str) for one in value):
        raise InvalidClientMetadataError(f"{name} is a list of texts")
    return list(dict.fromkeys(value))


def _text(said: Mapping[str, Any], name: str, default: str) -> str:
    value = said.get(name, default)
    if not isinstance(value, str):
        raise InvalidClientMetadataError(f"{name} is a text")
    return value
