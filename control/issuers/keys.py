"""An issuer's keys as the policy gives them: a JWKS (RFC 7517), PEM text, or a shared secret from the environment.

What comes out is reduced to public members that are text, which is all that travels in a snapshot. Whether a key
is strong enough is not judged here but by ``sidecar.authn.keys``, once and for both planes.
"""

import base64
import json
import re
from collections.abc import Iterable, Mapping

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed448 import Ed448PublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm
from jwt.exceptions import InvalidKeyError

from sidecar.authn.keys import ALGORITHMS
from sidecar.contract.snapshot import Jwk

MAX_KEYS = 100

_MEMBERS = {
    "RSA": ("n", "e"),
    "EC": ("crv", "x", "y"),
    "OKP": ("crv", "x"),
}
_COMMON = ("kty", "kid", "alg", "use")
_PRIVATE = ("d", "p", "q", "dp", "dq", "qi", "oth")
_CURVES = {"P-256": "ES256", "P-384": "ES384", "P-521": "ES512", "Ed25519": "EdDSA", "Ed448": "EdDSA"}
_PEM = re.compile(r"-----BEGIN ([A-Z0-9 ]{1,40})-----[^-]*-----END \1-----")


class KeysError(ValueError):
    """Keys that cannot be used. The text is a sentence and never quotes key material."""


def keys_from_text(text: str) -> tuple[Jwk, ...]:
    """The keys in a file: PEM if it looks so, else a JWKS."""
    return keys_from_pem(text) if "-----BEGIN" in text else keys_from_json(text)


def keys_from_json(text: str) -> tuple[Jwk, ...]:
    """The keys in a JWKS as JSON text."""
    try:
        value = json.loads(text, object_pairs_hook=_unique)
    except (ValueError, RecursionError) as error:
        if isinstance(error, KeysError):
            raise
        raise KeysError('neither JSON nor PEM: a JWKS looks like {"keys": [...]}') from error
    return keys_from_jwks(value)


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise KeysError("a JSON object in it names a member twice")
    return result


def keys_from_jwks(value: object) -> tuple[Jwk, ...]:
    """The signature keys of a JWKS, in its order. Encryption keys and kinds of key that nothing here can use are
    passed over (RFC 7517 section 5); private and shared keys are refused."""
    keys = value.get("keys") if isinstance(value, Mapping) else None
    if not isinstance(keys, list):
        raise KeysError('not a JWKS: it looks like {"keys": [...]}')
    if len(keys) > MAX_KEYS:
        raise KeysError(f"more than {MAX_KEYS} keys")
    found = [jwk for number, key in enumerate(keys) if (jwk := _public_jwk(key, number)) is not None]
    if not found:
        raise KeysError("no key in it can verify a signature")
    return tuple(found)


def _public_jwk(key: object, number: int) -> Jwk | None:
    where = f"key {number + 1} of the set"
    if not isinstance(key, Mapping) or not isinstance(key.get("kty"), str):
        raise KeysError(f"{where} is no JSON Web Key: it has no kty")
    kty = key["kty"]
    if kty == "oct":
        raise KeysError(f"{where} is a shared secret; write jwks: {{secret: {{env: NAME}}}} and keep it out of files")
    if any(member in key for member in _PRIVATE):
        raise KeysError(f"{where} is a private key; only its public members (those without d) belong here")
    if kty not in _MEMBERS:
        return None
    for member in (*_COMMON, "crv"):
        if member in key and not isinstance(key[member], str):
            raise KeysError(f"{where}: {member} is not text")
    operations = key.get("key_ops")
    if key.get("use", "sig") != "sig" or key.get("alg", "RS256") not in ALGORITHMS:
        return None
    if isinstance(operations, list) and "verify" not in operations:
        return None
    if kty in ("EC", "OKP") and key.get("crv") not in _CURVES:
        return None
    missing = [member for member in _MEMBERS[kty] if not isinstance(key.get(member), str)]
    if missing:
        raise KeysError(f"{where} lacks the member {missing[0]!r}")
    return {member: key[member] for member in (*_COMMON, *_MEMBERS[kty]) if member in key}


def keys_from_pem(text: str) -> tuple[Jwk, ...]:
    """The keys in PEM text: public keys, or certificates, of which only the key counts."""
    if "PRIVATE KEY-----" in text:
        raise KeysError("a private key; only the public half belongs here (openssl pkey -pubout)")
    blocks = list(_PEM.finditer(text))
    if not blocks:
        raise KeysError("no PEM block in it: it begins with -----BEGIN PUBLIC KEY-----")
    if len(blocks) > MAX_KEYS:
        raise KeysError(f"more than {MAX_KEYS} keys")
    return tuple(_jwk_from_pem(block[1], block[0]) for block in blocks)


def _jwk_from_pem(label: str, block: str) -> Jwk:
    data = block.encode("ascii", "replace")
    try:
        if label == "CERTIFICATE":
            return _jwk_from_key(x509.load_pem_x509_certificate(data).public_key())
        return _jwk_from_key(load_pem_public_key(data))
    except (ValueError, UnsupportedAlgorithm, InvalidKeyError, x509.InvalidVersion) as error:
        if isinstance(error, KeysError):
            raise
        raise KeysError("a PEM block in it is damaged, or of a kind that cannot be used") from error


def _jwk_from_key(key: PublicKeyTypes) -> Jwk:
    if isinstance(key, RSAPublicKey):
        members = RSAAlgorithm.to_jwk(key, as_dict=True)
    elif isinstance(key, EllipticCurvePublicKey):
        members = ECAlgorithm.to_jwk(key, as_dict=True)
    elif isinstance(key, Ed25519PublicKey | Ed448PublicKey):
        members = OKPAlgorithm.to_jwk(key, as_dict=True)
    else:
        raise KeysError("a key in it is neither RSA, nor on a NIST curve, nor Ed25519 or Ed448")
    kept = {"kty", *_MEMBERS[members["kty"]]}
    jwk = {name: value for name, value in members.items() if name in kept}
    if "crv" in jwk and jwk["crv"] not in _CURVES:
        raise KeysError(f"the curve {jwk['crv']} cannot be used; P-256, P-384 and P-521 can")
    return jwk


def key_from_secret(secret: str) -> Jwk:
    """A shared secret, its UTF-8 bytes being the key (RFC 7518 section 3.2)."""
    return {"kty": "oct", "k": base64.urlsafe_b64encode(secret.encode()).rstrip(b"=").decode()}


def algorithms_of(keys: Iterable[Jwk]) -> tuple[str, ...]:
    """What the keys are good for when the policy does not say: each key's own ``alg``, else the usual one of its
    kind (RS256 for RSA, and what its curve stands for)."""
    return tuple(sorted({key.get("alg") or _CURVES.get(key.get("crv", ""), "RS256") for key in keys}))
