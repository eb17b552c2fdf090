"""An issuer's keys: what is loaded, what is left out, what is refused, and which key answers."""

import base64
import hashlib
import json
import math
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from sidecar.authn.keys import load_keys
from sidecar.contract.snapshot import Jwk
from sidecar.contract.strict import ContractError
from tests.authn.minting import b64, issuer, jwk, private_key

EVERY = [
    "RS256",
    "RS384",
    "RS512",
    "PS256",
    "PS384",
    "PS512",
    "ES256",
    "ES384",
    "ES512",
    "EdDSA",
    "HS256",
    "HS384",
    "HS512",
]


def _with(key: Jwk, *algorithms: str) -> Any:
    return issuer(algorithms=algorithms, keys=(key,))


def _pem() -> bytes:
    return bytes(private_key("RS256").public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))


def _numbers(key: Jwk, **members: int) -> Jwk:
    return {**key, **{name: b64(n.to_bytes((n.bit_length() + 7) // 8 or 1, "big")) for name, n in members.items()}}


def _secret(secret: bytes) -> Any:
    return _with({"kty": "oct", "k": b64(secret)}, "HS256")


def _point(y: int, curve: str = "Ed25519") -> Any:
    encoded = y.to_bytes(32 if curve == "Ed25519" else 57, "little")
    return _with({"kty": "OKP", "crv": curve, "x": b64(encoded)}, "EdDSA")


def _public(encoding: Encoding, form: PublicFormat, algorithm: str = "RS256") -> bytes:
    return bytes(private_key(algorithm).public_key().public_bytes(encoding, form))


def _neighbours() -> int:
    """The product of two odd numbers beside each other, neither with a small factor."""
    prime = private_key("RS256").private_numbers().p
    step = next(n for n in range(0, 2000, 2) if math.gcd(prime + n, math.factorial(1000)) == 1 and n)
    return int(prime * (prime + step))


RSA = jwk("RS256")
EC = jwk("ES256")
MODULUS = int.from_bytes(base64.urlsafe_b64decode(RSA["n"] + "=="), "big")
P25519, P448 = 2**255 - 19, 2**448 - 2**224 - 1
ORDER_8 = int.from_bytes(bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"), "little")
SIGN_OF_X = 1 << 255
REFUSED = {
    "RSA of 1024 bits": (_with(jwk("RSA1024"), "RS256"), "weak_key"),
    "RSA of 1024 bits for PSS": (_with(jwk("RSA1024"), "PS256"), "weak_key"),
    "RSA far too large": (_with(_numbers(RSA, n=(1 << 9000) + 1), "RS256"), "weak_key"),
    "RSA with exponent 1": (_with(_numbers(RSA, e=1), "RS256"), "bad_key"),
    "RSA with an even exponent": (_with(_numbers(RSA, e=2), "RS256"), "bad_key"),
    "RSA with an exponent made to be slow": (_with(_numbers(RSA, e=(1 << 2000) + 1), "RS256"), "weak_key"),
    "RSA with an even modulus": (_with(_numbers(RSA, n=MODULUS + 1), "RS256"), "weak_key"),
    "RSA with a factor of 997": (_with(_numbers(RSA, n=MODULUS - MODULUS % 997 or MODULUS - 997), "RS256"), "weak_key"),
    "RSA of one prime, squared": (
        _with(_numbers(RSA, n=private_key("RS256").private_numbers().p ** 2), "RS256"),
        "weak_key",
    ),
    "RSA of primes beside each other": (_with(_numbers(RSA, n=_neighbours()), "RS256"), "weak_key"),
    "RSA without a modulus": (_with({"kty": "RSA", "e": "AQAB"}, "RS256"), "bad_key"),
    "RSA, padded base64": (_with({**RSA, "n": RSA["n"] + "=="}, "RS256"), "bad_key"),
    "RSA private key": (_with({**RSA, "d": "AQAB"}, "RS256"), "bad_key"),
    "EC private key": (_with({**EC, "d": EC["x"]}, "ES256"), "bad_key"),
    "EC point off the curve": (_with({**EC, "y": EC["x"]}, "ES256"), "bad_key"),
    "EC coordinate too short": (_with({**EC, "x": EC["x"][:-4]}, "ES256"), "bad_key"),
    "P-384 that says ES256": (_with({**jwk("ES384"), "alg": "ES256"}, "ES256"), "bad_key"),
    "P-384 where only ES256 is allowed": (_with(jwk("ES384"), "ES256"), "bad_key"),
    "secp256k1 that says ES256": (_with({**EC, "crv": "secp256k1", "alg": "ES256"}, "ES256"), "bad_key"),
    "RSA that says ES256": (_with({**RSA, "alg": "ES256"}, "ES256"), "bad_key"),
    "X25519 for EdDSA": (_with({**jwk("EdDSA"), "crv": "X25519"}, "EdDSA"), "bad_key"),
    "Ed25519 of 31 bytes": (_with({**jwk("EdDSA"), "x": b64(bytes(31))}, "EdDSA"), "bad_key"),
    "Ed25519, the identity: anyone can sign": (_point(1), "weak_key"),
    "Ed25519, the identity with a sign": (_point(1 | SIGN_OF_X), "weak_key"),
    "Ed25519, order 2": (_point(P25519 - 1), "weak_key"),
    "Ed25519, order 4": (_point(0), "weak_key"),
    "Ed25519, order 8": (_point(ORDER_8), "weak_key"),
    "Ed25519, order 8, the other": (_point(P25519 - ORDER_8), "weak_key"),
    "Ed25519, order 4 spelled otherwise": (_point(P25519), "weak_key"),
    "Ed25519, the identity spelled otherwise": (_point(P25519 + 1), "weak_key"),
    "Ed25519 off the curve": (_point(2), "weak_key"),
    "Ed448, the identity": (_point(1, "Ed448"), "weak_key"),
    "Ed448, order 2": (_point(P448 - 1, "Ed448"), "weak_key"),
    "Ed448, order 4": (_point(0, "Ed448"), "weak_key"),
    "Ed448 beyond its prime": (_point(P448 + 1, "Ed448"), "weak_key"),
    "HS256 with 31 bytes": (_with({"kty": "oct", "k": b64(bytes(31))}, "HS256"), "weak_key"),
    "HS384 with 47 bytes": (_with({"kty": "oct", "k": b64(bytes(47))}, "HS384"), "weak_key"),
    "HS512 with 63 bytes": (_with({"kty": "oct", "k": b64(bytes(63))}, "HS512"), "weak_key"),
    "HS256 and HS512 with 32 bytes": (_with({"kty": "oct", "k": b64(bytes(32))}, "HS256", "HS512"), "weak_key"),
    "an empty secret": (_with({"kty": "oct", "k": ""}, "HS256"), "bad_key"),
    "a secret of zeros": (_secret(bytes(64)), "weak_key"),
    "a secret of one letter": (_secret(b"a" * 64), "weak_key"),
    "a word again and again": (_secret(b"correct-horse-" * 5), "weak_key"),
    "a PEM public key as secret": (_secret(_pem()), "bad_key"),
    "a PEM public key after an empty line": (_secret(b"\n" + _pem()), "bad_key"),
    "a PKCS#1 PEM as secret": (_secret(_public(Encoding.PEM, PublicFormat.PKCS1)), "bad_key"),
    "a DER public key as secret": (_secret(_public(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)), "bad_key"),
    "a DER public key of EC": (_secret(_public(Encoding.DER, PublicFormat.SubjectPublicKeyInfo, "ES256")), "bad_key"),
    "a PKCS#1 DER as secret": (_secret(_public(Encoding.DER, PublicFormat.PKCS1)), "bad_key"),
    "an SSH public key as secret": (_secret(_public(Encoding.OpenSSH, PublicFormat.OpenSSH)), "bad_key"),
    "an EC point as secret": (_secret(_public(Encoding.X962, PublicFormat.UncompressedPoint, "ES256")), "bad_key"),
    "a public JWK as secret": (_secret(json.dumps(dict(RSA)).encode()), "bad_key"),
    "a public JWKS as secret": (_secret(json.dumps({"keys": [dict(EC)]}).encode()), "bad_key"),
    "a secret for asymmetric algorithms": (_with(jwk("HS256"), "RS256"), "bad_key"),
    "a public key for HS256": (_with(RSA, "HS256"), "bad_key"),
    "HS and RS in one issuer": (_with(RSA, "RS256", "HS256"), "bad_algorithm"),
    "none": (_with(RSA, "none"), "bad_algorithm"),
    "an unknown algorithm": (_with(RSA, "RS1"), "bad_algorithm"),
    "an encryption algorithm": (_with(RSA, "RSA-OAEP"), "bad_algorithm"),
    "lower case": (_with(RSA, "rs256"), "bad_algorithm"),
    "only encryption keys": (_with({**RSA, "use": "enc"}, "RS256"), "bad_key"),
    "one kid twice": (issuer(keys=(jwk("ES256"), jwk("ES256", 1))), "bad_key"),
}


@pytest.mark.parametrize(("source", "code"), REFUSED.values(), ids=REFUSED.keys())
def test_refuses(source: Any, code: str) -> None:
    """A weak, private, damaged or misplaced key is a ContractError that never quotes the key."""
    with pytest.raises(ContractError) as caught:
        load_keys(source)
    assert caught.value.code == code
    for key in source.keys:
        assert not any(len(part) > 8 and part in str(caught.value) for part in (key.get("k", ""), key.get("n", "")))


@pytest.mark.parametrize("algorithm", EVERY)
def test_loads_every_algorithm(algorithm: str) -> None:
    """Each supported algorithm has a key that answers for it, by kid and alone."""
    keys = load_keys(issuer(algorithm))
    assert keys.find(algorithm, "k1") is keys.find(algorithm, None) is not None
    assert keys.find(algorithm, "other") is None
    assert all(keys.find(other, "k1") is None for other in EVERY if other != algorithm)


@pytest.mark.parametrize("number", range(20))
def test_honest_keys_are_strong(number: int) -> None:
    """No key that a good library made is taken for a weak one."""
    for algorithm in ("ES256", "EdDSA", "Ed448"):
        assert len(load_keys(issuer(algorithm, keys=(jwk(algorithm, 100 + number),)))) == 1
    digest = hashlib.sha512(bytes([number])).digest()
    for secret in (digest, digest.hex().encode(), base64.b64encode(digest), b"\x30\x82" + digest, b"\x04" + digest):
        assert len(load_keys(_secret(secret))) == 1


def test_leaves_out_what_is_for_something_else() -> None:
    """Encryption keys and keys for algorithms that the policy does not allow do not count and do not harm."""
    encryption = {**RSA, "use": "enc", "kid": "enc"}
    wrapping = {**jwk("RSA1024"), "alg": "RSA-OAEP", "kid": "oaep"}
    keys = load_keys(issuer(keys=(encryption, wrapping, EC)))
    assert keys.find("ES256", None) is not None
    assert len(keys) == 1


def test_a_key_is_bound_to_its_own_algorithm() -> None:
    """A JWK with ``alg`` verifies that algorithm only, whatever else the issuer allows."""
    keys = load_keys(issuer(algorithms=("RS256", "PS256"), keys=({**RSA, "alg": "RS256"},)))
    assert keys.find("RS256", "k1") is not None
    assert keys.find("PS256", "k1") is None


def test_without_a_kid_only_a_lone_key_answers() -> None:
    """A token without kid never picks among several keys that fit."""
    keys = load_keys(issuer(keys=(jwk("ES256", 0, kid="a"), jwk("ES256", 1, kid="b"))))
    assert keys.find("ES256", None) is None
    assert keys.find("ES256", "a") is not keys.find("ES256", "b")


def test_a_lone_key_without_kid_answers_for_any() -> None:
    """A PEM has no kid; the issuer's tokens may have one all the same."""
    alone = load_keys(issuer(keys=(jwk("ES256", kid=None),)))
    assert alone.find("ES256", "whatever") is not None
    beside = load_keys(issuer(keys=(jwk("ES256", kid=None), jwk("ES256", 1, kid="b"))))
    assert beside.find("ES256", "whatever") is None


def test_no_keys_are_no_error() -> None:
    """An issuer whose keys are not there yet loads; its tokens find no key."""
    assert load_keys(issuer(keys=())).find("ES256", None) is None


def test_a_secret_never_shows() -> None:
    """Neither a snapshot's repr nor a key's holds the secret."""
    source = issuer("HS256")
    shown = repr(source) + repr(load_keys(source).find("HS256", "k1"))
    assert source.keys[0]["k"] not in shown
    assert repr(base64.urlsafe_b64decode(source.keys[0]["k"] + "==")) not in shown
