"""Tokens that come back to whoever issued them: given back, looked at, exchanged, or to say whom a client means."""

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


@dataclass(frozen=True, slots=True)
class IdToken:
    """One of ours, which may be over."""

    client_id: str
    subject: str


def own_access_token(token: str, issuer: str, keys: Sequence[Mapping[str, str]], now: float) -> AccessToken | None:
    """What ``token`` says if one of ``keys`` signed it and it still runs."""
    claims = _signed(token, "at+jwt", issuer, keys)
    try:
        runs = claims is not None and claims["exp"] > now
        return AccessToken(claims["jti"], claims["client_id"], claims) if claims is not None and runs else None
    except KeyError:
        return None


def own_id_token(token: str, issuer: str, keys: Sequence[Mapping[str, str]]) -> IdToken | None:
    """What ``token`` says if one of ``keys`` signed it."""
    claims = _signed(token, "JWT", issuer, keys)
    try:
        return None if claims is None else IdToken(claims["aud"], claims["sub"])
    except KeyError:
        return None


def _signed(token: str, typ: str, issuer: str, keys: Sequence[Mapping[str, str]]) -> dict[str, Any] | None:
    if len(token) > MAX_TOKEN:
        return None
    try:
        header = jwt.get_unverified_header(token)
        for key in keys:
            if key["kid"] == header.get("kid") and header.get("typ") == typ:
                return jwt.decode(token, jwt.PyJWK(dict(key)).key, [key["alg"]], _SKIPPED, issuer=issuer)
    except (jwt.PyJWTError, ValueError):
        return None
    return None
