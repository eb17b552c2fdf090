"""Is a key strong enough to be believed? (RFC 7518 sections 3.2, 3.3 and 3.5, RFC 8725 sections 3.4 and 3.5)

What is asked costs microseconds and catches what was seen in the wild: short or even moduli, primes beside each other,
exponents made to be slow, points of small order, secrets that are words or that are somebody's public key. A key that
passes is not proven to be good. Knows nothing of issuers and tokens.
"""

import math
from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import (
    SECP256R1,
    SECP384R1,
    SECP521R1,
    EllipticCurve,
    EllipticCurvePublicKey,
)
from cryptography.hazmat.primitives.asymmetric.ed448 import Ed448PublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from .edwards import point_fault

MIN_RSA_BITS = 2048
MAX_RSA_BITS = 8192  # beyond it, one verification costs milliseconds
MAX_EXPONENT_BITS = 64  # as OpenSSL bounds it: beyond it, verifying costs as much as signing
MIN_SECRET_BYTES = {"HS256": 32, "HS384": 48, "HS512": 64}
_MIN_DISTINCT_BYTES = 8  # of 32 random hexadecimal digits, one in 10 million has fewer
_FERMAT_ROUNDS = 64
_SMALL_PRIMES = math.prod(number for number in range(2, 1000) if all(number % other for other in range(2, number)))
_TEXT_OF_KEYS = (b"-----BEGIN", b"---- BEGIN", b"ssh-", b"ecdsa-sha2-", b'"kty"')
_POINTS: dict[int, EllipticCurve] = {65: SECP256R1(), 97: SECP384R1(), 133: SECP521R1()}


def weakness(material: Any, algorithms: tuple[str, ...]) -> str | None:
    """Why a prepared key must not serve ``algorithms``, or None."""
    if isinstance(material, RSAPublicKey):
        return _rsa_weakness(material)
    if isinstance(material, Ed25519PublicKey | Ed448PublicKey):
        curve = "Ed25519" if isinstance(material, Ed25519PublicKey) else "Ed448"
        return point_fault(curve, material.public_bytes_raw())
    if isinstance(material, bytes):
        return _secret_weakness(material, algorithms)
    return None  # an elliptic curve point was checked when it was read


def _rsa_weakness(key: RSAPublicKey) -> str | None:
    if not MIN_RSA_BITS <= key.key_size <= MAX_RSA_BITS:
        return f"RSA of {key.key_size} bits, not within {MIN_RSA_BITS}..{MAX_RSA_BITS}"
    numbers = key.public_numbers()
    if numbers.e < 3 or numbers.e % 2 == 0 or numbers.e.bit_length() > MAX_EXPONENT_BITS:
        return f"an RSA exponent that is not odd, or not within 3..2^{MAX_EXPONENT_BITS}"
    if math.gcd(numbers.n, _SMALL_PRIMES) != 1:
        return "an RSA modulus with a small factor"
    return "an RSA modulus of two primes beside each other" if _fermat_factors(numbers.n) else None


def _fermat_factors(modulus: int) -> bool:
    middle = math.isqrt(modulus - 1) + 1
    return any(math.isqrt(rest) ** 2 == rest for rest in ((middle + n) ** 2 - modulus for n in range(_FERMAT_ROUNDS)))


def _secret_weakness(secret: bytes, algorithms: tuple[str, ...]) -> str | None:
    for algorithm in algorithms:
        if len(secret) < MIN_SECRET_BYTES[algorithm]:
            return f"{algorithm} needs a secret of at least {MIN_SECRET_BYTES[algorithm]} bytes"
    if len(set(secret)) < _MIN_DISTINCT_BYTES or secret in (secret + secret)[1:-1]:
        return "a secret that is anything but random"
    return None


def is_public(secret: bytes) -> bool:
    """Is what stands where a secret should a public key, in one of the forms that keys are passed around in?"""
    return any(mark in secret for mark in _TEXT_OF_KEYS) or _is_der(secret) or _is_point(secret)


def _is_der(data: bytes) -> bool:
    """One ASN.1 SEQUENCE and nothing else (X.690 section 8.1.3)."""
    if len(data) < 4 or data[0] != 0x30 or not data[1] & 0x80:
        return False
    count = data[1] & 0x7F
    return int.from_bytes(data[2 : 2 + count], "big") == len(data) - 2 - count


def _is_point(data: bytes) -> bool:
    curve = _POINTS.get(len(data))
    if curve is None or data[0] != 4:
        return False
    try:
        EllipticCurvePublicKey.from_encoded_point(curve, data)
    except (ValueError, UnsupportedAlgorithm):
        return False
    return True
