"""Who says to be a client, as Authlib asks about it: proven by a secret, by a key, or by having neither.

Read anew for every request, so that what an operator changes counts at once. Knows nothing of requests.
"""

from collections.abc import Mapping
from typing import Any

from authlib.oauth2.rfc6749 import ClientMixin

from control.identity.applications import Application, Applications

from .clients import Clients

PRIVATE_KEY_JWT = "private_key_jwt"
SECRET = ("client_secret_basic", "client_secret_post")
CONFIDENTIAL = (PRIVATE_KEY_JWT, *SECRET)
"""How a client proves who it is (RFC 7591 section 2: ``token_endpoint_auth_method``)."""
AUTH_METHODS = (*CONFIDENTIAL, "none")


class Claimant(ClientMixin):  # type: ignore[misc]  # Authlib has no types
    """An id that says to be an application. Becomes one when the secret proves it, or when it has none to prove."""

    def __init__(self, client_id: str, applications: Applications, clients: Clients | None) -> None:
        self.client_id, self._applications = client_id, applications
        self._registration = None if clients is None else clients.get(client_id)
        self.application: Application | None = None

    def get_client_id(self) -> str:
        """As it says."""
        return self.client_id

    def check_client_secret(self, client_secret: str) -> bool:
        self.application = self._applications.authenticate(self.client_id, client_secret)
        return self.application is not None

    def check_endpoint_auth_method(self, method: str, _endpoint: str) -> bool:
        registered = self._registration
        if registered is None or not (registered.public or registered.jwks):
            return method in SECRET
        return method == ("none" if registered.public else PRIVATE_KEY_JWT) and self.is_there()

    @property
    def jwks(self) -> Mapping[str, Any] | None:
        """The keys that it registered."""
        return None if self._registration is None else self._registration.jwks

    @property
    def is_public(self) -> bool:
        """May anyone say to be it?"""
        return self._registration is not None and self._registration.public

    def check_grant_type(self, grant_type: str) -> bool:
        if self._registration is None:
            return grant_type == "client_credentials"
        return self._registration.may_use(grant_type)

    def is_there(self) -> bool:
        """An active application that may ask people. Proves nothing."""
        self.application = self._applications.active(self.client_id)
        return self.application is not None and self._registration is not None

    def check_redirect_uri(self, redirect_uri: str) -> bool:
        return self._registration is not None and self._registration.may_return_to(redirect_uri)

    def get_default_redirect_uri(self) -> str | None:
        uris = () if self._registration is None else self._registration.redirect_uris
        return uris[0] if len(uris) == 1 else None

    def check_response_type(self, response_type: str) -> bool:
        return response_type == "code" and self.is_there() and self.check_grant_type("authorization_code")

    def get_allowed_scope(self, scope: str | None) -> str | None:
        allowed = [] if self.application is None else self.application.scopes
        wanted = allowed if scope is None else scope.split(" ")
        return " ".join(dict.fromkeys(wanted)) if set(wanted) <= set(allowed) else None
