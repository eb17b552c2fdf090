"""Client metadata (RFC 7591 section 2): what a client says of itself, read strictly, and what is told of it.

A client that registers itself may let people sign in and no more: the scopes of OpenID Connect, and no service. What
is not kept is not read, and not told.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from authlib.oauth2.rfc7591.errors import InvalidClientMetadataError, InvalidRedirectURIError

from control.errors import Invalid
from control.identity.applications import Application
from sidecar.authn.strict_json import parse_object

from .claimant import AUTH_METHODS, PRIVATE_KEY_JWT, SECRET
from .clients import CODE, DEVICE, Registration, checked
from .redirects import is_redirect_uri

SCOPES = ("openid", "profile", "email")
REFRESH = "refresh_token"
GRANT_TYPES = (CODE, REFRESH, DEVICE)
MAX_CLIENT_NAME = 60
MAX_TEXTS = 50


@dataclass(frozen=True, slots=True)
class ClientMetadata:
    """``method``: how it proves itself at the token endpoint. Of ``registration`` the client_id says nothing."""

    name: str
    scopes: tuple[str, ...]
    method: str
    registration: Registration

    def told(self) -> dict[str, Any]:
        """As JSON has it. Refresh tokens come with the grants that people stand behind."""
        grants = self.registration.grant_types
        said: dict[str, Any] = {
            "client_name": self.name,
            "redirect_uris": list(self.registration.redirect_uris),
            "grant_types": [*grants, REFRESH] if self.registration.may_use(REFRESH) else list(grants),
            "response_types": ["code"] if CODE in grants else [],
            "scope": " ".join(self.scopes),
            "token_endpoint_auth_method": self.method,
        }
        return said if self.registration.jwks is None else {**said, "jwks": dict(self.registration.jwks)}


def metadata_of(application: Application, registration: Registration, said_method: str) -> ClientMetadata:
    """What is in force. ``said_method``: which of the ways to show a secret it said it has; either is taken."""
    shown = said_method if said_method in SECRET else SECRET[0]
    method = "none" if registration.public else shown if registration.jwks is None else PRIVATE_KEY_JWT
    return ClientMetadata(application.name, tuple(application.scopes), method, registration)


def parse(body: bytes) -> dict[str, Any]:
    """The JSON object, of which nothing is known yet; Authlib's error."""
    try:
        return parse_object(body)
    except (ValueError, RecursionError):
        raise InvalidClientMetadataError("the body is no JSON object") from None


def described(said: Mapping[str, Any], client_id: str = "", its_name: str = "client") -> ClientMetadata:
    """What a client says of itself, with the defaults of section 2; Authlib's error if it may not. ``its_name``: the
    one that it has."""
    uris, grants = _texts(said, "redirect_uris", []), _texts(said, "grant_types", [CODE])
    if not all(is_redirect_uri(uri) for uri in uris):
        raise InvalidRedirectURIError("a redirect URI that cannot be")
    responses = _texts(said, "response_types", ["code"] if CODE in grants else [])
    method, scope = _text(said, "token_endpoint_auth_method", SECRET[0]), _text(said, "scope", "openid")
    name, jwks = _text(said, "client_name", its_name).strip(), said.get("jwks")
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
        and (name == its_name or 0 < len(name) <= MAX_CLIENT_NAME)
        and name.isprintable()
    )
    if not fits:
        raise InvalidClientMetadataError("see the metadata for what is supported")
    kept = tuple(grant for grant in grants if grant != REFRESH)
    try:
        registration = checked(Registration(client_id, tuple(uris), method == "none", kept, jwks))
    except Invalid as error:
        raise InvalidClientMetadataError("these do not go together") from error
    return ClientMetadata(name, tuple(dict.fromkeys(scope.split(" "))), method, registration)


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
