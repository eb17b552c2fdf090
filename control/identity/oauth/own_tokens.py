"""Access tokens that come back to whoever issued them: to be given back, looked at, or exchanged."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import jwt

if TYPE_CHECKING:
    from jwt.types import Options

MAX_TOKEN = 16_384
_SKIPPED: "Options" = {"verify_exp": False, "verify_nbf": False, "verify_iat": False, "verify_aud": False}
"""The clock is given, and the audience is not us."""


@dataclass(frozen=True, slots=True)
class AccessToken:
    """One of ours that has not expired."""

    jti: str
    client_id: str
    claims: Mapping[str, Any] = field(repr=False)

    @property
    def scopes(self) -> tuple[str, ...]:
        """What its bearer may do."""
        return tuple(str(self.claims.get("scope", "")).split())

    @property
    def audience(self) -> tuple[str, ...]:
        """Whom it is for."""
        said = self.claims["aud"]
        return (said,) if isinstance(said, str) else tuple(said)

    def check_client(self, client: Any) -> bool:
        """Is it that client's?"""
        return bool(client.client_id == self.client_id)


def own_access_token(token: str, issuer: str, keys: Sequence[Mapping[str, str]], now: float) -> AccessToken | None:
    """What ``token`` says if one of ``keys`` signed it and it still runs."""
    if len(token) > MAX_TOKEN:
        return None
    try:
        header = jwt.get_unverified_header(token)
        for key in keys:
            if key["kid"] == header.get("kid") and header.get("typ") == "at+jwt":
                # The clock is ours, and the audience is not us.
                claims = jwt.decode(token, jwt.PyJWK(dict(key)).key, [key["alg"]], _SKIPPED, issuer=issuer)
                return AccessToken(claims["jti"], claims["client_id"], claims) if claims["exp"] > now else None
    except (jwt.PyJWTError, KeyError, ValueError):
        return None
    return None
