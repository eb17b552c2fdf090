"""A key that signs tokens: made, named, written down and used. Refuses to know where it is kept and when it signs.

``kid`` is the RFC 7638 thumbprint, so that one key never has two names.
"""

import base64
import hashlib
import json
from collections.abc import Mapping
from typing import Any, Literal, get_args

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

from control.errors import Invalid

Algorithm = Literal["ES256", "RS256", "EdDSA"]
PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey

_THUMBPRINT_MEMBERS = {"EC": ("crv", "kty", "x", "y"), "RSA": ("e", "kty", "n"), "OKP": ("crv", "kty", "x")}
_RSA_BITS = 3072


def algorithm_named(name: str) -> Algorithm:
    """``name`` if it is one that we sign with; else Invalid."""
    for algorithm in get_args(Algorithm):
        if name == algorithm:
            return name  # type: ignore[return-value]  # it equals one of the literals
    raise Invalid(f"tokens are signed with {', '.join(get_args(Algorithm))}, not with {name[:20]}")


def generate(algorithm: Algorithm) -> PrivateKey:
    """A new private key."""
    match algorithm:
        case "ES256":
            return ec.generate_private_key(ec.SECP256R1())
        case "RS256":
            return rsa.generate_private_key(65537, _RSA_BITS)
        case "EdDSA":
            return ed25519.Ed25519PrivateKey.generate()


def public_jwk(key: PrivateKey, algorithm: Algorithm) -> dict[str, str]:
    """The public half as a JWK (RFC 7517) of string members, with ``kid``, ``alg`` and ``use``."""
    public = key.public_key()
    match public:
        case ec.EllipticCurvePublicKey():
            members = ECAlgorithm.to_jwk(public, as_dict=True)
        case rsa.RSAPublicKey():
            members = RSAAlgorithm.to_jwk(public, as_dict=True)
        case _:
            members = OKPAlgorithm.to_jwk(public, as_dict=True)
    needed = {name: str(members[name]) for name in _THUMBPRINT_MEMBERS[members["kty"]]}
    return {**needed, "kid": _thumbprint(needed), "alg": algorithm, "use": "sig"}


def is_jwk(jwk: Mapping[str, str], kid: str, algorithm: str) -> bool:
    """Is it what ``public_jwk`` made of the key of that name?"""
    names = _THUMBPRINT_MEMBERS.get(jwk.get("kty", ""), ())
    needed = {name: jwk.get(name, "") for name in names}
    named = bool(names) and all(needed.values()) and _thumbprint(needed) == kid
    return named and algorithm in get_args(Algorithm) and (jwk.get("kid"), jwk.get("alg")) == (kid, algorithm)


def to_pem(key: PrivateKey) -> bytes:
    """PKCS #8, unencrypted: only for the store."""
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def from_pem(pem: bytes) -> PrivateKey:
    """The reverse of ``to_pem``."""
    key = load_pem_private_key(pem, password=None)
    if not isinstance(key, PrivateKey):
        raise AssertionError("the store holds a key that we did not make")
    return key


def sign(key: PrivateKey, algorithm: Algorithm, kid: str, claims: Mapping[str, Any], typ: str = "at+jwt") -> str:
    """A JWT whose ``typ`` says what it is for, so that none passes for another (RFC 8725 section 3.11): an access token
    (RFC 9068 section 2.1) unless it is said."""
    return jwt.encode(dict(claims), key, algorithm=algorithm, headers={"typ": typ, "kid": kid})


def _thumbprint(members: Mapping[str, str]) -> str:
    text = json.dumps(members, sort_keys=True, separators=(",", ":"))
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
