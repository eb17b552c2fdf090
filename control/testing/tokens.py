"""Keys and tokens of any issuer, with any claims: what an identity server would have made."""

import functools
import json
import secrets
from collections.abc import Mapping
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

from sidecar.contract.snapshot import Issuer, Jwk

ALGORITHM = "ES256"


class Mint:
    """One signing key for each issuer, made when it is first asked for."""

    def __init__(self) -> None:
        self._keys: dict[str, ec.EllipticCurvePrivateKey] = {}

    def _key(self, issuer: str) -> ec.EllipticCurvePrivateKey:
        return self._keys.setdefault(issuer, ec.generate_private_key(ec.SECP256R1()))

    def jwk(self, issuer: str) -> Jwk:
        """The public key of the issuer of that name, as it stands in a snapshot."""
        members = json.loads(ECAlgorithm.to_jwk(self._key(issuer).public_key()))
        return {name: members[name] for name in ("kty", "crv", "x", "y")} | {"kid": issuer, "alg": ALGORITHM}

    def token(self, issuer: Issuer, claims: Mapping[str, Any], now: int) -> str:
        """A signed token. ``claims`` go over sensible ones for ``issuer``; a claim set to None is left out."""
        usual = {
            "iss": issuer.issuer,
            "aud": issuer.audiences[0],
            "sub": "tester",
            "iat": now,
            "exp": now + 300,
            "jti": secrets.token_hex(8),
        }
        payload = {name: value for name, value in {**usual, **claims}.items() if value is not None}
        return jwt.encode(payload, self._key(issuer.name), ALGORITHM, headers={"kid": issuer.name})


@functools.cache
def any_key_set() -> str:
    """A JWKS that any algorithms of a policy fit: it stands in for a file that a test does not have."""
    curves = (ec.SECP256R1(), ec.SECP384R1(), ec.SECP521R1())
    keys: list[Any] = [
        json.loads(RSAAlgorithm.to_jwk(rsa.generate_private_key(65537, 2048).public_key())),
        *(json.loads(ECAlgorithm.to_jwk(ec.generate_private_key(curve).public_key())) for curve in curves),
        json.loads(OKPAlgorithm.to_jwk(Ed25519PrivateKey.generate().public_key())),
    ]
    return json.dumps({"keys": [{**key, "kid": str(number)} for number, key in enumerate(keys)]})
