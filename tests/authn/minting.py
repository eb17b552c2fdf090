"""Keys, tokens and snapshots for tests. Tokens are put together by hand, so that they may be as wrong as need be."""

import base64
import functools
import hashlib
import json
from collections.abc import Mapping
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from jwt.algorithms import get_default_algorithms

from sidecar.authn.credential import Credential
from sidecar.contract.snapshot import ApiKey, Issuer, Jwk, Requirement, Route, Snapshot, Source

NOW = 1_800_000_000
ISS = "https://issuer.test/"
AUD = "https://orders.shop.test"
SECRET = bytes(range(64))

ALGORITHMS = get_default_algorithms()
CURVES = {"ES256": ec.SECP256R1, "ES384": ec.SECP384R1, "ES512": ec.SECP521R1}


def b64(data: bytes) -> str:
    """base64url without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


@functools.cache
def private_key(kind: str, number: int = 0) -> Any:
    """A private key for an algorithm, or ``RSA1024`` and the like; the same one for the same arguments."""
    if kind.startswith("HS"):
        return bytes((byte + number) % 256 for byte in SECRET)
    if kind in CURVES:
        return ec.generate_private_key(CURVES[kind]())
    if kind == "EdDSA":
        return ed25519.Ed25519PrivateKey.generate()
    if kind == "Ed448":
        return ed448.Ed448PrivateKey.generate()
    if kind.startswith("RSA"):
        return rsa.generate_private_key(65537, int(kind[3:]))  # may be weak on purpose
    return private_key("RSA2048", number)


def _implementation(algorithm: str) -> Any:
    return ALGORITHMS["EdDSA" if algorithm == "Ed448" else "RS256" if algorithm.startswith("RSA") else algorithm]


def jwk(algorithm: str, number: int = 0, **members: str | None) -> Jwk:
    """The public JWK (or the secret one); a member given as None is left out."""
    private = private_key(algorithm, number)
    public = private if isinstance(private, bytes) else private.public_key()
    made = _implementation(algorithm).to_jwk(public, as_dict=True)
    made = {name: value for name, value in made.items() if isinstance(value, str)}
    made |= {"kid": "k1", **members}
    return {name: value for name, value in made.items() if value is not None}


def claims(**changes: Any) -> dict[str, Any]:
    """Good claims; a claim given as ``...`` is left out."""
    usual = {"iss": ISS, "aud": AUD, "sub": "7", "exp": NOW + 300, "iat": NOW - 10, "scope": "orders:read", "jti": "t1"}
    return {name: value for name, value in {**usual, **changes}.items() if value is not ...}


def sign(algorithm: str, signing_input: bytes, number: int = 0) -> bytes:
    """A true signature."""
    return bytes(_implementation(algorithm).sign(signing_input, private_key(algorithm, number)))


def assemble(header: bytes, payload: bytes, algorithm: str = "ES256", number: int = 0) -> str:
    """A truly signed token whose header and payload are these bytes."""
    signing_input = f"{b64(header)}.{b64(payload)}"
    return f"{signing_input}.{b64(sign(algorithm, signing_input.encode(), number))}"


def header(algorithm: str = "ES256", **members: Any) -> dict[str, Any]:
    """A good header; a member given as ``...`` is left out."""
    named = "EdDSA" if algorithm == "Ed448" else algorithm
    made = {"alg": named, "kid": "k1", "typ": "JWT", **members}
    return {name: value for name, value in made.items() if value is not ...}


def mint(
    body: Mapping[str, Any] | None = None,
    algorithm: str = "ES256",
    number: int = 0,
    head: Mapping[str, Any] | None = None,
) -> str:
    """A truly signed token."""
    head = header(algorithm) if head is None else head
    body = claims() if body is None else body
    return assemble(json.dumps(head).encode(), json.dumps(body).encode(), algorithm, number)


def bearer(token: str) -> Credential:
    """A token as it is found in ``Authorization: Bearer``."""
    return Credential(Source(), token)


API_KEY = "sgk_k7_" + "s" * 43


def api_key(text: str = API_KEY, **changes: Any) -> ApiKey:
    """The snapshot's side of an API key."""
    usual: dict[str, Any] = {"id": text.split("_")[1], "secret_hash": hashlib.sha256(text.encode()).hexdigest()}
    usual |= {"issuer": "partner", "subject": "robot", "client": "web", "scopes": ("orders:read",)}
    return ApiKey(**{**usual, **changes})


def issuer(algorithm: str = "ES256", **changes: Any) -> Issuer:
    """An issuer with one key for one algorithm."""
    named = "EdDSA" if algorithm == "Ed448" else algorithm
    usual: dict[str, Any] = {
        "name": "partner",
        "issuer": ISS,
        "audiences": (AUD, "orders"),
        "algorithms": (named,),
        "keys": (jwk(algorithm),),
    }
    return Issuer(**{**usual, **changes})


def snapshot(*issuers: Issuer, routes: tuple[Route, ...] = (Route("/**"),), **changes: Any) -> Snapshot:
    """A snapshot of service ``orders``."""
    usual: dict[str, Any] = {"trust_domain": "shop.test", "service": "orders", "version": 1, "issued_at": NOW}
    return Snapshot(**{**usual, "issuers": issuers or (issuer(),), "routes": routes, **changes})


def needs(*scopes: str, **requirement: Any) -> Requirement:
    """A requirement of scopes, and whatever else is named."""
    return Requirement(scopes=scopes, **requirement)
