"""The token asks for another algorithm than the issuer's (RFC 8725 sections 2.1 and 3.1): every direction, every way in
which a public key has been taken for a secret, and everything that has been read as ``none``."""

import base64
import json

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from ..authn.minting import claims, header, issuer, jwk, mint, private_key, sign
from .token_attack import ALGORITHMS, ED, ES, HS, ISSUERS, RS, TokenAttack, TokenAttacks, hmac_token, raw_token, rows


def _public(kind: str, encoding: Encoding, form: PublicFormat) -> bytes:
    return bytes(private_key(kind).public_key().public_bytes(encoding, form))


def _forms(kind: str) -> dict[str, bytes]:
    """A public key in every form in which an attacker may have found it and a server may hold it."""
    pem = _public(kind, Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    key = dict(jwk(kind))
    thumbprint = {name: key[name] for name in ("crv", "e", "kty", "n", "x", "y") if name in key}
    return {
        "its PEM": pem,
        "its PEM without the last newline": pem.strip(),
        "its PEM with CRLF": pem.replace(b"\n", b"\r\n"),
        "its PEM in one line": pem.replace(b"\n", b""),
        "its PEM without armour": b"".join(pem.splitlines()[1:-1]),
        "its DER": _public(kind, Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
        "its OpenSSH form": _public(kind, Encoding.OpenSSH, PublicFormat.OpenSSH),
        "its JWK": json.dumps(key).encode(),
        "its JWK without spaces": json.dumps(key, separators=(",", ":")).encode(),
        "its thumbprint's input": json.dumps(thumbprint, separators=(",", ":"), sort_keys=True).encode(),
        "its JWKS": json.dumps({"keys": [key]}).encode(),
        "its kid": key["kid"].encode(),
    }


def _number(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "==")


_RSA, _EC, _OKP = jwk("RS256"), jwk("ES256"), jwk("EdDSA")
_POINT = (Encoding.X962, PublicFormat.UncompressedPoint)
_EXTRA = {
    "RS256": {
        "its PKCS#1 PEM (CVE-2017-11424, CVE-2023-48223)": _public("RS256", Encoding.PEM, PublicFormat.PKCS1),
        "its PKCS#1 DER": _public("RS256", Encoding.DER, PublicFormat.PKCS1),
        "n alone": _RSA["n"].encode(),
        "n as bytes": _number(_RSA["n"]),
        "n in hexadecimal": _number(_RSA["n"]).hex().encode(),
        "n and e": f"{_RSA['n']}.{_RSA['e']}".encode(),
    },
    "ES256": {
        "its point": _public("ES256", *_POINT),
        "its compressed point": _public("ES256", Encoding.X962, PublicFormat.CompressedPoint),
        "x alone": _EC["x"].encode(),
        "x as bytes": _number(_EC["x"]),
        "x and y as bytes": _number(_EC["x"]) + _number(_EC["y"]),
    },
    "EdDSA": {
        "its 32 bytes": _public("EdDSA", Encoding.Raw, PublicFormat.Raw),
        "x alone": _OKP["x"].encode(),
        "its 32 bytes in hexadecimal": _number(_OKP["x"]).hex().encode(),
    },
}

_KNOWN = {"RS256": "CVE-2015-9235", "ES256": "CVE-2024-33663", "EdDSA": "CVE-2022-29217"}
PUBLIC_KEY_AS_SECRET: TokenAttacks = {
    f"{_KNOWN[kind]}: {hs} where {kind} counts, the secret is {form}": TokenAttack(
        hmac_token(hs, secret), issuers=(ISSUERS[kind],)
    )
    for kind in ("RS256", "ES256", "EdDSA")
    for form, secret in {**_forms(kind), **_EXTRA[kind]}.items()
    for hs in ("HS256", *(("HS384", "HS512") if form == "its PEM" else ()))
}

EVERY_DIRECTION: TokenAttacks = {
    f"truly {signed} where only {wanted} counts": TokenAttack(mint(algorithm=signed), issuers=(ISSUERS[wanted],))
    for wanted in ("RS256", "PS256", "ES256", "ES384", "ES512", "EdDSA", "HS256")
    for signed in ALGORITHMS
    if signed != wanted
}


def _relabelled(label: object, algorithm: str = "ES256") -> str:
    """Truly signed by ``algorithm``, labelled as something else."""
    text = raw_token(header(alg=label), claims()).rpartition(".")[0]
    return text + raw_token(b"", b"", sign(algorithm, text.encode())).removeprefix(".")


_NONES: tuple[str, ...] = (
    "none",
    "None",
    "NONE",
    "nOnE",
    "noNe",
    "",
    " ",
    "none ",
    " none",
    "none\n",
    "none\0",
    "\uff4eone",
    "n\u043ene",
)
_NO = (*_NONES, "null", "undefined", "false", "HS0", "*", "any", "unsecured")

NONE: TokenAttacks = {
    f"{'CVE-2022-23540: ' * (alg == 'none')}alg {alg!a}, {what}": TokenAttack(
        raw_token(header(alg=alg), claims(), signature)
    )
    for alg in _NO
    for what, signature in (("no signature", b""), ("some signature", b"x"))
}
NONE |= rows(
    ES,
    {
        "CVE-2018-1000531: alg none, the dot left out": raw_token(header(alg="none"), claims(), b"")[:-1],
        "CVE-2020-28042: alg ES256, the signature empty": raw_token(header(), claims(), b""),
        "CVE-2021-22160: alg none over our kid": raw_token(header(alg="none", kid="k1"), claims(), b""),
        "alg none, truly signed": _relabelled("none"),
        "alg left out": mint(head=header(alg=...)),
        "alg null": mint(head=header(alg=None)),
        "alg a list with none": mint(head=header(alg=["ES256", "none"])),
        "alg an object": mint(head=header(alg={"ES256": 1})),
        "alg a number": mint(head=header(alg=256)),
        "alg a boolean": mint(head=header(alg=True)),
        "alg in another member's case": mint(head=header(alg=..., Alg="ES256")),
    },
)

_LABELS: tuple[str, ...] = (
    "es256",
    "Es256",
    "ES-256",
    "ES256 ",
    "\tES256",
    "ES256K",
    "ES2566",
    "SHA256withECDSA",
    "ES256\0",
    "\uff25S256",
)
_LABELS += ("E\u0405256", "ES\u0662\u0665\u0666", "ES256\u200b", "SHA256withECDSAinP1363Format", "1.2.840.10045.4.3.2")
LABELS: TokenAttacks = rows(ES, {f"ES256 under the label {label!a}": _relabelled(label) for label in _LABELS}) | rows(
    RS,
    {
        "a PSS signature under RS256": _relabelled("RS256", "PS256"),
        "an RS512 signature under RS256": _relabelled("RS256", "RS512"),
        "an ES256 signature under RS256": _relabelled("RS256", "ES256"),
    },
)
LABELS |= rows(ISSUERS["PS256"], {"a PKCS#1 signature under PS256": _relabelled("PS256", "RS256")})
LABELS |= rows(
    ED,
    {
        "an Ed448 signature under EdDSA": mint(algorithm="Ed448"),
        "ES256 under EdDSA": _relabelled("EdDSA"),
        "alg Ed25519 (RFC 9864) where the policy says EdDSA": _relabelled("Ed25519", "EdDSA"),
    },
)

_BOTH = issuer("RS256", algorithms=("RS256", "ES256"), keys=(jwk("RS256", kid="rsa"), jwk("ES256", kid="k1")))
_BOUND = issuer("RS256", algorithms=("RS256", "PS256"), keys=(jwk("RS256", alg="RS256"),))
_MAC = private_key("HS256")
KEYS: TokenAttacks = {
    "an issuer of two algorithms: ES256 with the kid of the RSA key": TokenAttack(
        mint(algorithm="ES256", head=header("ES256", kid="rsa")), issuers=(issuer("ES256", keys=_BOTH.keys),)
    ),
    "a key bound to RS256, used for PS256": TokenAttack(mint(algorithm="PS256"), issuers=(_BOUND,)),
    "CVE-2019-20933: HS256 with an empty secret": TokenAttack(hmac_token("HS256", b""), issuers=(HS,)),
    "HS256 with an empty secret and no kid": TokenAttack(
        hmac_token("HS256", b"", header("HS256", kid=...)), issuers=(HS,)
    ),
    "HS256 with a NUL as secret": TokenAttack(hmac_token("HS256", b"\0"), issuers=(HS,)),
    "HS256 with the secret 'secret'": TokenAttack(hmac_token("HS256", b"secret"), issuers=(HS,)),
    "HS256 with the secret cut off": TokenAttack(hmac_token("HS256", _MAC[:-1]), issuers=(HS,)),
    "HS256 with the secret's base64": TokenAttack(hmac_token("HS256", jwk("HS256")["k"].encode()), issuers=(HS,)),
    "HS256 with the kid as secret": TokenAttack(hmac_token("HS256", b"k1"), issuers=(HS,)),
    "HS256 with the audience as secret": TokenAttack(hmac_token("HS256", b"https://orders.shop.test"), issuers=(HS,)),
    "HS384 with the HS256 secret": TokenAttack(hmac_token("HS384", _MAC), issuers=(HS,)),
    "HS512 with the HS256 secret": TokenAttack(hmac_token("HS512", _MAC), issuers=(HS,)),
}
ATTACKS: TokenAttacks = PUBLIC_KEY_AS_SECRET | EVERY_DIRECTION | NONE | LABELS | KEYS
