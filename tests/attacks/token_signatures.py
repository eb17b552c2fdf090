"""Signatures that are none, and have been taken for one: psychic ones (CVE-2022-21449), other encodings of a true one,
forged paddings, cut tags. The header and the payload are good in each."""

import json
from itertools import product

from cryptography.hazmat.primitives import hashes, hmac
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from jwt.algorithms import RSAAlgorithm

from ..authn.minting import b64, claims, header, issuer, jwk, private_key, sign
from .token_attack import ED, ES, HS, ISSUERS, PS, RS, TokenAttack, TokenAttacks, rows

ORDERS = {
    "ES256": 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551,
    "ES384": 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFC7634D81F4372DDF581A0DB248B0A77AECEC196ACCC52973,
    "ES512": 2**521 - 2**260 + 0xA51868783BF2F966B7FCC0148F709A5D03BB5C9B8899C47AEBB6FB71E91386409,
}
_BYTES = {"ES256": 32, "ES384": 48, "ES512": 66}
_ORDER_ED25519 = 2**252 + 27742317777372353535851937790883648493


def _input(algorithm: str) -> bytes:
    return f"{b64(json.dumps(header(algorithm)).encode())}.{b64(json.dumps(claims()).encode())}".encode()


def _token(algorithm: str, signature: bytes) -> str:
    return f"{_input(algorithm).decode()}.{b64(signature)}"


def _psychic(algorithm: str) -> TokenAttacks:
    """r and s that make a careless verifier say yes to anything."""
    size, order = _BYTES[algorithm], ORDERS[algorithm]
    top = 256**size - 1
    numbers = {"0": 0, "1": 1, "n": order, "n-1": order - 1, "n+1": min(order + 1, top), "all ones": top}
    return {
        f"CVE-2022-21449: {algorithm}, r={r}, s={s}": TokenAttack(
            _token(algorithm, numbers[r].to_bytes(size, "big") + numbers[s].to_bytes(size, "big")),
            issuers=(ISSUERS[algorithm],),
        )
        for r, s in product(numbers, repeat=2)
        if "0" in (r, s) or r == s or "n" in (r, s)
    }


_TRUE = sign("ES256", _input("ES256"))
_R, _S = _TRUE[:32], _TRUE[32:]
_NUMBERS = int.from_bytes(_R, "big"), int.from_bytes(_S, "big")
_DER = private_key("ES256").sign(_input("ES256"), ECDSA(hashes.SHA256()))
_SHA1 = decode_dss_signature(private_key("ES256").sign(_input("ES256"), ECDSA(hashes.SHA1())))  # noqa: S303
_SHA512 = decode_dss_signature(private_key("ES256").sign(_input("ES256"), ECDSA(hashes.SHA512())))


def _raw(numbers: tuple[int, int], size: int = 32) -> bytes:
    return b"".join(number.to_bytes(size, "big") for number in numbers)


ECDSA_FORMS = rows(
    ES,
    {
        name: _token("ES256", signature)
        for name, signature in {
            "CVE-2022-24884: DER of two zeros": bytes.fromhex("3006020100020100"),
            "DER instead of r and s (RFC 7518 section 3.4)": _DER,
            "DER of r and n-s": encode_dss_signature(_NUMBERS[0], ORDERS["ES256"] - _NUMBERS[1]),
            "DER with its own length as padding": _DER.ljust(96, b"\0"),
            "r alone": _R,
            "s before r": _S + _R,
            "a byte short": _TRUE[:-1],
            "a byte long": _TRUE + b"\0",
            "a zero before": b"\0" + _TRUE,
            "r and s of 33 bytes": _raw(_NUMBERS, 33),
            "r and s of 48 bytes, as ES384 has them": _raw(_NUMBERS, 48),
            "s plus n, in 33 bytes": _R.rjust(33, b"\0") + (_NUMBERS[1] + ORDERS["ES256"]).to_bytes(33, "big"),
            "-r": (ORDERS["ES256"] - _NUMBERS[0]).to_bytes(32, "big") + _S,
            "little-endian": _R[::-1] + _S[::-1],
            "twice": _TRUE * 2,
            "in hexadecimal": _TRUE.hex().encode(),
            "over SHA-1": _raw(_SHA1),
            "over SHA-512": _raw(_SHA512),
            "with a bit flipped": bytes([_TRUE[0] ^ 1]) + _TRUE[1:],
            "one byte": b"\0",
            "megabytes of a kind": b"\0" * 9000,
            "the signing input": _input("ES256"),
            "of the payload alone": sign("ES256", _input("ES256").partition(b".")[2]),
            "of the decoded payload": sign("ES256", json.dumps(claims()).encode()),
            "of the header alone": sign("ES256", _input("ES256").partition(b".")[0]),
            "of nothing": sign("ES256", b""),
        }.items()
    },
)

_N = private_key("RS256").public_key().public_numbers().n
_RSA_TRUE = int.from_bytes(sign("RS256", _input("RS256")), "big")
_SIZE = 256


def _rsa(digest: hashes.HashAlgorithm) -> bytes:
    return bytes(private_key("RS256").sign(_input("RS256"), padding.PKCS1v15(), digest))


def _pss(salt: int, mask: hashes.HashAlgorithm) -> bytes:
    return bytes(
        private_key("PS256").sign(_input("PS256"), padding.PSS(padding.MGF1(mask), salt_length=salt), hashes.SHA256())
    )


RSA_FORMS = rows(
    RS,
    {
        name: _token("RS256", signature)
        for name, signature in {
            "RSA signature 0": bytes(_SIZE),
            "RSA signature 1": (1).to_bytes(_SIZE, "big"),
            "RSA signature n": _N.to_bytes(_SIZE, "big"),
            "RSA signature n-1": (_N - 1).to_bytes(_SIZE, "big"),
            "RSA signature plus n": (_RSA_TRUE + _N).to_bytes(_SIZE + 1, "big"),
            "RSA signature of n minus it": (_N - _RSA_TRUE).to_bytes(_SIZE, "big"),
            "RSA signature with a zero before": b"\0" + _RSA_TRUE.to_bytes(_SIZE, "big"),
            "RSA signature a byte short": _RSA_TRUE.to_bytes(_SIZE, "big")[:-1],
            "RSA signature a byte long": _RSA_TRUE.to_bytes(_SIZE, "big") + b"\0",
            "RSA signature over SHA-1": _rsa(hashes.SHA1()),  # noqa: S303
            "RSA signature over SHA-224": _rsa(hashes.SHA224()),
            "RSA signature over SHA-512": _rsa(hashes.SHA512()),
            "RSA padding in the clear": b"\0\1" + b"\xff" * 202 + b"\0" + bytes(51),
        }.items()
    },
) | rows(
    PS,
    {
        "PSS without salt": _token("PS256", _pss(0, hashes.SHA256())),
        "PSS with all the salt there is room for": _token("PS256", _pss(222, hashes.SHA256())),
        "PSS with SHA-1 as mask": _token("PS256", _pss(32, hashes.SHA1())),  # noqa: S303
        "PSS zeros": _token("PS256", bytes(_SIZE)),
    },
)


def _cube_root(number: int) -> int:
    low, high = 0, 1 << (number.bit_length() // 3 + 2)
    while low < high:
        middle = (low + high) // 2
        low, high = (middle + 1, high) if middle**3 < number else (low, middle)
    return low


def _forged_with_exponent_3() -> TokenAttack:
    """A padding whose leftovers nobody looks at, made with the public key alone."""
    weak = rsa.generate_private_key(3, 2048)
    digest = hashes.Hash(hashes.SHA256())
    text = _input("RS256").replace(b64(json.dumps(header("RS256")).encode()).encode(), _WEAK_HEADER)
    digest.update(text)
    info = bytes.fromhex("3031300d060960864801650304020105000420") + digest.finalize()
    wanted = int.from_bytes((b"\0\1" + b"\xff" * 8 + b"\0" + info).ljust(_SIZE, b"\0"), "big")
    public = RSAAlgorithm.to_jwk(weak.public_key(), as_dict=True)
    members = {name: public[name] for name in ("kty", "n", "e")} | {"kid": "weak"}
    forged = f"{text.decode()}.{b64(_cube_root(wanted).to_bytes(_SIZE, 'big'))}"
    return TokenAttack(forged, issuers=(issuer("RS256", keys=(jwk("RS256"), members)),))


_WEAK_HEADER = b64(json.dumps(header("RS256", kid="weak")).encode()).encode()
RSA_FORMS["CVE-2006-4339: exponent 3, a cube root as signature"] = _forged_with_exponent_3()

_ED_TRUE = sign("EdDSA", _input("EdDSA"))
_ED_S = int.from_bytes(_ED_TRUE[32:], "little")
_IDENTITY = (1).to_bytes(32, "little")
ED_FORMS = rows(
    ED,
    {
        name: _token("EdDSA", signature)
        for name, signature in {
            "Ed25519 zeros": bytes(64),
            "Ed25519 with S plus L (RFC 8032 section 5.1.7)": _ED_TRUE[:32]
            + (_ED_S + _ORDER_ED25519).to_bytes(32, "little"),
            "Ed25519 with R of small order and S zero": _IDENTITY + bytes(32),
            "Ed25519 with R not on the curve": b"\xff" * 32 + _ED_TRUE[32:],
            "Ed25519 with S of L": _IDENTITY + _ORDER_ED25519.to_bytes(32, "little"),
            "Ed25519 with -R": _ED_TRUE[:31] + bytes([_ED_TRUE[31] ^ 0x80]) + _ED_TRUE[32:],
            "Ed25519 a byte short": _ED_TRUE[:-1],
            "Ed25519 a byte long": _ED_TRUE + b"\0",
            "Ed25519 padded to Ed448's length": _ED_TRUE.ljust(114, b"\0"),
        }.items()
    },
)


def _tag(data: bytes, secret: bytes) -> bytes:
    made = hmac.HMAC(secret, hashes.SHA256())
    made.update(data)
    return made.finalize()


_MAC = _tag(_input("HS256"), private_key("HS256"))
MAC_FORMS = rows(
    HS,
    {
        name: _token("HS256", tag)
        for name, tag in {
            "a tag's first half": _MAC[:16],
            "a tag's first byte": _MAC[:1],
            "a tag and more": _MAC + b"\0",
            "a tag in hexadecimal": _MAC.hex().encode(),
            "a tag in capitals": _MAC.hex().upper().encode(),
            "a tag of zeros": bytes(32),
            "a tag of the payload alone": _tag(_input("HS256").partition(b".")[2], private_key("HS256")),
            "the secret and the text exchanged": _tag(private_key("HS256"), _input("HS256")),
            "a bare hash, no tag": bytes.fromhex("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
        }.items()
    },
)
PSYCHIC = {name: attack for algorithm in ORDERS for name, attack in _psychic(algorithm).items()}
ATTACKS: TokenAttacks = PSYCHIC | ECDSA_FORMS | RSA_FORMS | ED_FORMS | MAC_FORMS
