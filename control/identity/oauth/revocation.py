"""RFC 7009: a client gives back a token of its own. A refresh token takes its family along; both are pushed to the
sidecars before the answer. A token that we do not know is answered as one that is gone (section 2.2)."""

from collections.abc import Callable, Sequence
from typing import Any

from authlib.oauth2.rfc6749 import InvalidRequestError
from authlib.oauth2.rfc7009 import RevocationEndpoint

from .claimant import AUTH_METHODS
from .families import REFRESH_PREFIX
from .grants import Grant
from .own_tokens import AccessToken


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
