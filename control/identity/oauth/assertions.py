"""``private_key_jwt`` (RFC 7523): a client proves itself by a JWT that one of its registered keys signed.

Authlib finds the assertion and its client; what is in it is held to the rules of the sidecars' own verifier: one
reading, one of our algorithms, one audience, which is us, an end that is near, and a ``jti`` that was never used.
"""

from collections.abc import Callable, Mapping
from typing import Any, TypeGuard

from authlib.oauth2.rfc6749 import InvalidClientError
from authlib.oauth2.rfc7523 import JWTBearerClientAssertion
from sqlalchemy import delete

from control.identity.credentials import hash_of
from control.store import Database
from control.store.tables import UsedAssertionRow
from sidecar.authn.jose import Token, parse_token
from sidecar.authn.keys import KeySet

from .claimant import PRIVATE_KEY_JWT, Claimant
from .client_keys import loaded

LEEWAY_S = 30
MAX_LIFETIME_S = 3600
MAX_JTI = 200


class Assertions(JWTBearerClientAssertion):  # type: ignore[misc]  # Authlib has no types
    """Thread-safe. ``audiences``: the names by which a client may call us, of which it names one."""

    CLIENT_AUTH_METHOD = PRIVATE_KEY_JWT

    def __init__(self, database: Database, audiences: tuple[str, ...], clock: Callable[[], float]) -> None:
        super().__init__(leeway=LEEWAY_S)
        self._database, self._audiences, self._clock = database, audiences, clock

    def __call__(self, query_client: Callable[[str], Claimant], request: Any) -> Claimant | None:
        """The client that proves itself; None if no assertion was sent."""
        proven: Claimant | None = super().__call__(query_client, request)
        if proven is not None and request.form.get("client_id", proven.client_id) != proven.client_id:
            raise InvalidClientError
        return proven

    def get_audiences(self) -> list[str]:
        """RFC 7523 section 3."""
        return list(self._audiences)

    def extract_assertion(self, assertion: str) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
        """Header and claims, of which nothing is believed yet."""
        return {}, _parsed(assertion).claims

    def resolve_client_public_key(self, client: Claimant) -> KeySet:
        """Those that it registered."""
        jwks = client.jwks
        if jwks is None:
            raise InvalidClientError
        return loaded(jwks["keys"])

    def process_assertion_claims(self, assertion: str, resolve_key: KeySet) -> None:
        """What it says, if the signature is true."""
        parsed = _parsed(assertion)
        key = resolve_key.find(parsed.algorithm, parsed.key_id)
        if key is None or not key.verifies(parsed.signing_input, parsed.signature):
            raise InvalidClientError
        self.verify_claims(parsed.claims)

    def verify_claims(self, claims: Mapping[str, Any]) -> None:
        """RFC 7523 section 3; the ``jti`` last, so that nobody but the client uses one up."""
        now, exp, jti = self._clock(), claims.get("exp"), claims.get("jti")
        audience, begins = claims.get("aud"), [claims[name] for name in ("nbf", "iat") if name in claims]
        if isinstance(audience, list):
            audience = audience[0] if len(audience) == 1 else None
        fits = (
            claims.get("iss") == claims.get("sub")
            and audience in self._audiences
            and _is_time(exp)
            and now - LEEWAY_S < exp <= now + MAX_LIFETIME_S + LEEWAY_S
            and all(_is_time(begin) and begin <= now + LEEWAY_S for begin in begins)
            and isinstance(jti, str)
            and 0 < len(jti) <= MAX_JTI
        )
        if not fits or not self.validate_jti(claims, jti):
            raise InvalidClientError

    def validate_jti(self, claims: Mapping[str, Any], jti: Any) -> bool:
        """Is it new? From now on it is not."""
        now, used = int(self._clock()), hash_of(f"{claims['sub']}\n{jti}")
        with self._database.write() as session:
            session.execute(delete(UsedAssertionRow).where(UsedAssertionRow.expires_at < now))
            if session.get(UsedAssertionRow, used) is not None:
                return False
            session.add(UsedAssertionRow(hash=used, expires_at=int(claims["exp"]) + LEEWAY_S + 1))
        return True


def _parsed(assertion: str) -> Token:
    parsed = parse_token(assertion)
    if not isinstance(parsed, Token):
        raise InvalidClientError
    return parsed


def _is_time(value: object) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool)
