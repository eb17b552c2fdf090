"""RFC 7009: a client gives back a token of its own. A refresh token takes its family along; both are pushed to the
sidecars before the answer. A token that we do not know is answered as one that is gone (section 2.2)."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import jwt
from authlib.oauth2.rfc6749 import InvalidRequestError
from authlib.oauth2.rfc7009 import RevocationEndpoint

if TYPE_CHECKING:
    from jwt.types import Options

from .families import REFRESH_PREFIX
from .grants import Grant
from .token_grants import AUTH_METHODS

MAX_TOKEN = 16_384
_SKIPPED: "Options" = {"verify_exp": False, "verify_nbf": False, "verify_iat": False, "verify_aud": False}
"""The clock is given, and the audience is not us."""


@dataclass(frozen=True, slots=True)
class AccessToken:
    """One of ours that has not expired."""

    jti: str
    client_id: str

    def check_client(self, client: Any) -> bool:
        """Is it that client's?"""
        return bool(client.client_id == self.client_id)


def own_access_token(token: str, issuer: str, keys: Sequence[Mapping[str, str]], now: float) -> AccessToken | None:
    """What ``token`` says if one of ``keys`` signed it and it still runs."""
    if len(token) > MAX_TOKEN:
        return None
    try:
        kid = jwt.get_unverified_header(token).get("kid")
        for key in keys:
            if key["kid"] == kid:
                # The clock is ours, and the audience is not us.
                claims = jwt.decode(token, jwt.PyJWK(dict(key)).key, [key["alg"]], _SKIPPED, issuer=issuer)
                return AccessToken(claims["jti"], claims["client_id"]) if claims["exp"] > now else None
    except (jwt.PyJWTError, KeyError, ValueError):
        return None
    return None


class Revocation(RevocationEndpoint):  # type: ignore[misc]  # Authlib has no types
    """The endpoint."""

    CLIENT_AUTH_METHODS = AUTH_METHODS

    def __init__(
        self, server: Any, read: Callable[[str], AccessToken | None], withdraw: Callable[[Sequence[str]], None]
    ) -> None:
        super().__init__(server)
        self._read, self._withdraw = read, withdraw

    def query_token(self, token: str, _hint: str | None) -> Grant | AccessToken | None:
        """By what it is; the hint is only one."""
        if token.startswith(REFRESH_PREFIX):
            found: Grant | None = self.server.grants.of_refresh_token(token)
            return found
        return self._read(token)

    def check_params(self, request: Any, client: Any) -> None:
        """A hint that we do not know is overlooked (section 2.1)."""
        del client
        if "token" not in request.form:
            raise InvalidRequestError("token is missing")

    def revoke_token(self, token: Grant | AccessToken, _request: Any) -> None:
        """It counts nowhere from here on."""
        if isinstance(token, Grant):
            self.server.grants.revoke(token.id, "its client gave it back")
        else:
            self._withdraw([token.jti])
