"""RFC 8628 over Authlib: a device asks for a code, people are asked by a page, the device asks for its tokens."""

from typing import Any

from authlib.consts import default_json_headers
from authlib.oauth2.rfc6749 import AccessDeniedError, InvalidScopeError, OAuth2Error, UnauthorizedClientError
from authlib.oauth2.rfc8628 import (
    AuthorizationPendingError,
    DeviceAuthorizationEndpoint,
    DeviceCodeGrant,
    ExpiredTokenError,
    SlowDownError,
)

from control.errors import Invalid
from control.identity.credentials import new_secret

from .claimant import AUTH_METHODS
from .devices import INTERVAL_S, LIFETIME_S, Device, Devices
from .grants import Grant
from .question import Question
from .token_grants import Answer, answer, refused

CODE_PREFIX = "sgd_"
PAGE_PATH = "/oauth2/device"
"""Where people type the code in."""


class DeviceEndpoint(DeviceAuthorizationEndpoint):  # type: ignore[misc]  # Authlib has no types
    """Section 3.1."""

    CLIENT_AUTH_METHODS = AUTH_METHODS

    def __init__(self, server: Any, devices: Devices, issuer: str) -> None:
        super().__init__(server)
        self._devices, self._issuer = devices, issuer

    def get_verification_uri(self) -> str:
        """The page."""
        return self._issuer + PAGE_PATH

    def create_endpoint_response(self, request: Any) -> Answer:
        """Section 3.2. Authlib's own would forget what the token is to be for."""
        client = self.authenticate_client(request)
        if not client.check_grant_type(DeviceGrant.GRANT_TYPE):
            raise UnauthorizedClientError("this client is not registered for device codes")
        scope: str | None = client.get_allowed_scope(request.payload.scope)
        if scope is None:
            raise InvalidScopeError
        try:
            audience = self.server.tokens.audiences_for(client.application, request.resources, scope.split())
        except Invalid as error:
            raise refused(error) from error
        device_code, user_code = new_secret(CODE_PREFIX), self.generate_user_code()
        if not self._devices.begin(client.client_id, scope, audience, device_code, user_code):
            raise OAuth2Error("too many devices of this client wait", error="temporarily_unavailable", status_code=429)
        page = self.get_verification_uri()
        told = {"device_code": device_code, "user_code": user_code, "verification_uri": page}
        more = {"verification_uri_complete": f"{page}?user_code={user_code}", "expires_in": LIFETIME_S}
        return 200, {**told, **more, "interval": INTERVAL_S}, default_json_headers


class DeviceGrant(DeviceCodeGrant):  # type: ignore[misc]  # Authlib has no types
    """Section 3.4."""

    TOKEN_ENDPOINT_AUTH_METHODS = AUTH_METHODS

    def query_device_credential(self, device_code: str) -> Device | None:
        """The device that asks."""
        found: Device | None = self.server.devices.of_device(device_code)
        return found

    def validate_device_credential(self, credential: Device) -> str:
        """Whoever said yes; else section 3.5."""
        if credential.expires_at <= self.server.tokens.now():
            raise ExpiredTokenError
        if credential.allowed is None:
            too_fast = self.server.devices.is_too_fast(self.request.form["device_code"])
            raise SlowDownError if too_fast else AuthorizationPendingError
        if not credential.allowed:
            raise AccessDeniedError
        return credential.subject

    def create_token_response(self) -> Answer:
        """RFC 6749 section 5.1."""
        d: Device = self.request.credential
        code: str = self.request.form["device_code"]
        grant = Grant("", d.client_id, d.subject, d.scope, d.audience, "", "", auth_time=d.auth_time)
        return answer(self, grant, d.scope, lambda t: self.server.devices.redeem(code, t.token_id, t.expires_at))


class DeviceAuthorization:
    """What the page stands on. Thread-safe."""

    def __init__(self, server: Any, devices: Devices) -> None:
        self._server, self._devices = server, devices

    def look(self, user_code: str) -> Question | None:
        """What the device of that code asks for; None if none of it waits."""
        device = self._devices.of_people(user_code)
        client = None if device is None else self._server.query_client(device.client_id)
        if device is None or client is None or not client.is_there():
            return None
        name, scopes = client.application.name, tuple(device.scope.split())
        return Question(device.client_id, name, scopes, device.audience, "", is_public=client.is_public)

    def allow(self, user_code: str, subject: str, auth_time: int | None = None) -> bool:
        """``subject``, who signed in at ``auth_time``, said yes; False if it does not wait any more."""
        return self.look(user_code) is not None and self._devices.decide(user_code, subject, True, auth_time)

    def deny(self, user_code: str, subject: str) -> bool:
        """They said no."""
        return self._devices.decide(user_code, subject, False, None)
