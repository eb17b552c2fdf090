"""Known attacks on JWT verifiers, a row each: every token here must be refused, and for the right reason.

Sources: RFC 8725 (JWT best current practices), RFC 7515 section 10, the PyJWT, node-jsonwebtoken, jose and Java
advisories (algorithm confusion, ``none``, psychic signatures, ``crit``, embedded keys, nested and encrypted tokens).
"""

import base64
import json
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes, hmac
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from sidecar.authn.jose import MAX_TOKEN_CHARS
from sidecar.authn.rejection import Rejection
from sidecar.authn.verifier import Verifier
from sidecar.contract.reasons import Reason
from sidecar.contract.snapshot import Issuer
from tests.authn.minting import (
    AUD,
    ISS,
    NOW,
    assemble,
    b64,
    bearer,
    claims,
    header,
    issuer,
    jwk,
    mint,
    private_key,
    sign,
    snapshot,
)

ES, RS, ED, HS = issuer("ES256"), issuer("RS256"), issuer("EdDSA"), issuer("HS256")


def _reason(token: str, source: Issuer = ES) -> Reason:
    found = Verifier(snapshot(source)).verify(bearer(token), NOW)
    return found.reason if isinstance(found, Rejection) else Reason.ALLOWED


def _raw(head: dict[str, Any] | bytes, body: dict[str, Any] | bytes | None = None, signature: bytes = b"x") -> str:
    """A token with any signature at all."""
    body = claims() if body is None else body
    parts = [part if isinstance(part, bytes) else json.dumps(part).encode() for part in (head, body)]
    return ".".join(b64(part) for part in (*parts, signature))


def _hmac(algorithm: str, secret: bytes, head: dict[str, Any] | None = None) -> str:
    """A token that anyone can make who knows ``secret``, such as a public key."""
    signing_input = f"{b64(json.dumps(head or header(algorithm)).encode())}.{b64(json.dumps(claims()).encode())}"
    mac = hmac.HMAC(secret, {"HS256": hashes.SHA256, "HS384": hashes.SHA384, "HS512": hashes.SHA512}[algorithm]())
    mac.update(signing_input.encode())
    return f"{signing_input}.{b64(mac.finalize())}"


def _public(kind: str, encoding: Encoding, form: PublicFormat) -> bytes:
    return bytes(private_key(kind).public_key().public_bytes(encoding, form))


def _changed(**members: Any) -> str:
    """Truly signed, with a header that asks for something."""
    return mint(head=header(**members))


def _relabelled(algorithm: str) -> str:
    """Truly signed with ES256, labelled as something else."""
    signing_input = f"{b64(json.dumps(header(alg=algorithm)).encode())}.{b64(json.dumps(claims()).encode())}"
    return f"{signing_input}.{b64(sign('ES256', signing_input.encode()))}"


ORDER_P256 = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
PEM = (Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
DER = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
GOOD = mint()
HEAD, BODY, SIGNATURE = GOOD.split(".")
DER_SIGNATURE = private_key("ES256").sign(f"{HEAD}.{BODY}".encode(), ECDSA(hashes.SHA256()))
ATTACKER = jwk("ES256", 9)

CONFUSION: dict[str, tuple[str, Issuer]] = {
    "HS256 with our RSA PEM as secret": (_hmac("HS256", _public("RS256", *PEM)), RS),
    "HS256 with our RSA PEM, stripped": (_hmac("HS256", _public("RS256", *PEM).strip()), RS),
    "HS256 with our RSA DER as secret": (_hmac("HS256", _public("RS256", *DER)), RS),
    "HS256 with our PKCS#1 PEM as secret": (_hmac("HS256", _public("RS256", Encoding.PEM, PublicFormat.PKCS1)), RS),
    "HS384 with our RSA PEM as secret": (_hmac("HS384", _public("RS256", *PEM)), RS),
    "HS512 with our RSA PEM as secret": (_hmac("HS512", _public("RS256", *PEM)), RS),
    "HS256 with our JWK's modulus": (_hmac("HS256", jwk("RS256")["n"].encode()), RS),
    "HS256 with our JWK as JSON": (_hmac("HS256", json.dumps(jwk("RS256")).encode()), RS),
    "HS256 with our EC PEM as secret": (_hmac("HS256", _public("ES256", *PEM)), ES),
    "HS256 with our EC point as secret": (
        _hmac("HS256", _public("ES256", Encoding.X962, PublicFormat.UncompressedPoint)),
        ES,
    ),
    "HS256 with our Ed25519 key as secret": (_hmac("HS256", _public("EdDSA", Encoding.Raw, PublicFormat.Raw)), ED),
    "HS256 with an empty secret": (_hmac("HS256", b""), HS),
    "HS256 with an empty secret, no kid": (_hmac("HS256", b"", header("HS256", kid=...)), HS),
    "HS512 where HS256 is allowed": (_hmac("HS512", private_key("HS256")), HS),
    "HS384 where HS256 is allowed": (_hmac("HS384", private_key("HS256")), HS),
    "RS256 where HS256 is allowed": (mint(algorithm="RS256"), HS),
    "RS256 where ES256 is allowed": (mint(algorithm="RS256"), ES),
    "PS256 where RS256 is allowed, same key": (mint(algorithm="PS256"), RS),
    "RS512 where RS256 is allowed, same key": (mint(algorithm="RS512"), RS),
    "RS256 where PS256 is allowed, same key": (mint(algorithm="RS256"), issuer("PS256")),
    "ES384 where ES256 is allowed": (mint(algorithm="ES384"), ES),
    "ES256 where EdDSA is allowed": (mint(algorithm="ES256"), ED),
    "EdDSA where ES256 is allowed": (mint(algorithm="EdDSA"), ES),
    "ES256 signature labelled RS256": (_relabelled("RS256"), ES),
    "ES256 signature labelled ES384": (_relabelled("ES384"), ES),
    "ES256 signature labelled es256": (_relabelled("es256"), ES),
    "ES256 signature labelled ES256K": (_relabelled("ES256K"), ES),
    "ES256 signature labelled 'ES256 '": (_relabelled("ES256 "), ES),
    "RS256 PSS-signed": (
        (lambda text: f"{text}.{b64(sign('PS256', text.encode()))}")(mint(algorithm="RS256").rpartition(".")[0]),
        RS,
    ),
    "signed by another key of the kind": (mint(number=1), ES),
    "signed by another RSA key": (mint(algorithm="RS256", number=1), issuer("RS256", keys=(jwk("RSA2048", 7),))),
}

NONE = {
    f"alg {alg}, {what}": _raw(header(alg=alg), signature=signature)
    for alg in ("none", "None", "NONE", "nOnE", "", "null", "none\u0000")
    for what, signature in (("empty signature", b""), ("any signature", b"x"))
}
NONE |= {
    "alg none, true signature": _relabelled("none"),
    "alg none, our signature bytes": f"{b64(json.dumps(header(alg='none')).encode())}.{BODY}.{SIGNATURE}",
    "alg ES256, empty signature": f"{HEAD}.{BODY}.",
    "alg ES256, no signature": f"{HEAD}.{BODY}",
    "alg missing": _changed(alg=...),
    "alg null": _changed(alg=None),
    "alg a list": _changed(alg=["ES256"]),
    "alg an object": _changed(alg={"name": "ES256"}),
    "alg a number": _changed(alg=256),
    "alg true": _changed(alg=True),
}

SIGNATURES = {
    "psychic: r and s are zero": _raw(header(), signature=bytes(64)),
    "psychic: r is zero": _raw(header(), signature=bytes(32) + b"\1" * 32),
    "psychic: s is zero": _raw(header(), signature=b"\1" * 32 + bytes(32)),
    "psychic: r and s are the order": _raw(header(), signature=ORDER_P256.to_bytes(32, "big") * 2),
    "psychic: r and s are one": _raw(header(), signature=(b"\0" * 31 + b"\1") * 2),
    "psychic: all ones": _raw(header(), signature=b"\xff" * 64),
    "psychic: DER of zeros": _raw(header(), signature=bytes.fromhex("3006020100020100")),
    "true, but in DER": f"{HEAD}.{BODY}.{b64(DER_SIGNATURE)}",
    "a byte short": f"{HEAD}.{BODY}.{SIGNATURE[:-2]}",
    "a byte long": f"{HEAD}.{BODY}.{b64(base64.urlsafe_b64decode(SIGNATURE + '==') + b'x')}",
    "of another payload": f"{HEAD}.{b64(json.dumps(claims(sub='8')).encode())}.{SIGNATURE}",
    "of another header": f"{b64(json.dumps(header(typ='at+jwt')).encode())}.{BODY}.{SIGNATURE}",
    "halves exchanged": f"{BODY}.{HEAD}.{SIGNATURE}",
}

HEADERS = {
    "kid unknown": _changed(kid="k2"),
    "kid in another case": _changed(kid="K1"),
    "kid a path": _changed(kid="../../../../dev/null"),
    "kid an SQL injection": _changed(kid="x' UNION SELECT 'secret"),
    "kid with a NUL": _changed(kid="k1\u0000"),
    "kid empty": _changed(kid=""),
    "kid null": _changed(kid=None),
    "kid a list": _changed(kid=["k1"]),
    "kid a number": _changed(kid=1),
    "kid an object": _changed(kid={"k1": 1}),
    "embedded jwk of the attacker": mint(number=9, head=header(jwk=ATTACKER)),
    "embedded jwk, no kid": mint(number=9, head=header(kid=..., jwk=ATTACKER)),
    "jku of the attacker": mint(number=9, head=header(jku="https://attacker.test/jwks.json")),
    "x5u of the attacker": mint(number=9, head=header(x5u="https://attacker.test/cert.pem")),
    "x5c of the attacker": mint(number=9, head=header(x5c=["MIIB"])),
    "x5t alone": mint(number=9, head=header(kid=..., x5t="AAAA")),
    "crit unknown": _changed(crit=["x-must-understand"]),
    "crit empty": _changed(crit=[]),
    "crit of exp": _changed(crit=["exp"], exp=NOW + 9),
    "crit null": _changed(crit=None),
    "b64 false, critical": _changed(b64=False, crit=["b64"]),
    "b64 false alone": _changed(b64=False),
    "b64 true": _changed(b64=True),
    "cty JWT: nested": _changed(cty="JWT"),
    "typ JWE": _changed(typ="JWE"),
    "enc: says it is encrypted": _changed(enc="A256GCM"),
    "zip: says it is deflated": _changed(zip="DEF"),
    "typ of a logout token": _changed(typ="logout+jwt"),
    "typ of a DPoP proof": _changed(typ="dpop+jwt"),
    "typ a number": _changed(typ=1),
    "typ null": _changed(typ=None),
    "alg twice: none first": assemble(b'{"alg":"none","alg":"ES256","kid":"k1"}', json.dumps(claims()).encode()),
    "alg twice: none last": assemble(b'{"alg":"ES256","kid":"k1","alg":"none"}', json.dumps(claims()).encode()),
    "alg twice: once escaped": assemble(
        b'{"alg":"ES256","kid":"k1","\\u0061lg":"none"}', json.dumps(claims()).encode()
    ),
    "a list as header": assemble(b'["ES256"]', json.dumps(claims()).encode()),
    "no JSON as header": assemble(b"ES256", json.dumps(claims()).encode()),
    "a header that is not UTF-8": assemble(b'{"alg":"ES256","kid":"k1","x":"\xff"}', json.dumps(claims()).encode()),
    "a header with a byte order mark": assemble(
        b'\xef\xbb\xbf{"alg":"ES256","kid":"k1"}', json.dumps(claims()).encode()
    ),
    "a deep header": assemble(
        b'{"alg":"ES256","kid":"k1","x":' + b"[" * 99 + b"]" * 99 + b"}", json.dumps(claims()).encode()
    ),
}


def _payload(text: str) -> str:
    """Truly signed, the payload as written."""
    rest = json.dumps(claims())[1:]
    return assemble(json.dumps(header()).encode(), text.replace("REST", rest).encode("utf-8", "surrogatepass"))


ENCODING = {
    "empty": "",
    "dots": "..",
    "many dots": "." * 3000,
    "four parts": f"{GOOD}.x",
    "five parts (JWE)": f"{HEAD}.{BODY}.{SIGNATURE}.x.x",
    "an empty header": f".{BODY}.{SIGNATURE}",
    "an empty payload": f"{HEAD}..{SIGNATURE}",
    "padded signature": f"{GOOD}==",
    "padded header": f"{HEAD}=.{BODY}.{SIGNATURE}",
    "padded payload": f"{HEAD}.{BODY}=.{SIGNATURE}",
    "standard alphabet": f"{HEAD}.{BODY}.{SIGNATURE[:-4]}+/+/",
    "trailing bits in the signature": f"{HEAD}.{BODY}.{SIGNATURE[:-1]}{chr(ord(SIGNATURE[-1]) + 1)}",
    "a space inside": f"{HEAD}.{BODY}.{SIGNATURE[:9]} {SIGNATURE[9:]}",
    "a newline at the end": f"{GOOD}\n",
    "a newline inside": f"{HEAD}.\n{BODY}.{SIGNATURE}",
    "a NUL at the end": f"{GOOD}\0",
    "a full-width letter": f"{HEAD}.{BODY}.\uff21{SIGNATURE[1:]}",
    "a full-width dot": f"{HEAD}\uff0e{BODY}.{SIGNATURE}",
    "length 1 modulo 4": f"{HEAD}.{BODY}.AAAAA",
    "a JSON serialisation": json.dumps({"protected": HEAD, "payload": BODY, "signature": SIGNATURE}),
    "percent-encoded": GOOD.replace(".", "%2E"),
    "too long": mint(claims(x="x" * MAX_TOKEN_CHARS)),
    "far too long": "a" * 1_000_000,
    "payload a list": _payload("[1]"),
    "payload a string": _payload('"x"'),
    "payload empty": _raw(header(), b"", sign("ES256", f"{HEAD}.".encode())),
    "payload with leftovers": _payload('{REST {"sub":"8"}'),
    "payload with NaN": _payload('{"x":NaN,REST'),
    "payload with Infinity": _payload('{"x":-Infinity,REST'),
    "payload with an overflowing number": _payload('{"x":1e999,REST'),
    "payload with a huge number": _payload('{"x":' + "9" * 5000 + ",REST"),
    "payload with a lone surrogate": _payload('{"x":"\\ud800",REST'),
    "payload with CESU-8": _payload('{"x":"\ud800",REST'),
    "payload in UTF-16": assemble(json.dumps(header()).encode(), json.dumps(claims()).encode("utf-16")),
    "payload too deep": _payload('{"x":' + "[" * 2000 + "]" * 2000 + ",REST"),
    "payload of deep objects": _payload('{"x":' * 900 + "1" + "}" * 900),
    "payload of many lists": _payload('{"x":[' + "[]," * 3000 + "[]],REST"),
    "sub twice": _payload('{"sub":"admin",REST'),
    "exp twice": _payload('{"exp":99999999999,REST'),
    "iss twice": _payload(f'{{"iss":"{ISS}",REST'),
    "aud twice": _payload(f'{{"aud":"{AUD}",REST'),
    "sub twice, once escaped": _payload('{"\\u0073ub":"admin",REST'),
    "a nested name twice": _payload('{"x":{"a":1,"a":2},REST'),
}

WRONG: dict[str, Any] = {
    "iss": [
        ...,
        None,
        "",
        "https://issuer.test",
        "https://ISSUER.test/",
        ISS + " ",
        [ISS],
        {"x": ISS},
        5,
        True,
        ISS + "\0",
    ],
    "aud": [
        ...,
        None,
        "",
        [],
        [[AUD]],
        {AUD: 1},
        5,
        True,
        "other",
        ["other"],
        [AUD, 5],
        [AUD, None],
        AUD + "/",
        AUD.upper(),
        f"{AUD} x",
    ],
    "exp": [..., None, "", str(NOW + 300), f"{NOW + 300}.0", True, [NOW + 300], {"x": 1}, 2**60, 1e300, -(2**60)],
    "nbf": [None, "", str(NOW), True, [NOW], {}, NOW + 100, 2**60, -1e300],
    "iat": [None, "", str(NOW), False, [NOW], {}, NOW + 100, 2**60],
    "sub": [
        ...,
        None,
        "",
        5,
        5.5,
        True,
        ["7"],
        {"x": "7"},
        "7\0",
        "7\r\nX-Auth-Scope: admin",
        "7\x7f",
        "\x1b[2J",
        "7\x85",
    ],
    "jti": [None, "", 5, True, ["t1"], {}, "t\n1"],
    "scope": [None, 5, True, {"admin": True}, [5], [None], [["admin"]], ["a b"], [""], "a\tb", "a\nadmin", "a\0b"],
    "client_id": [None, "", 5, True, ["web"], {}, "web\r\n"],
    "azp": [None, "", 5, ["web"]],
}
CLAIMS = {f"{name}: {value!r}"[:60]: {name: value} for name, values in WRONG.items() for value in values}


def test_the_honest_token_passes() -> None:
    """Without which every refusal below would prove nothing."""
    for algorithm in ("ES256", "RS256", "PS256", "EdDSA", "HS256"):
        assert _reason(mint(algorithm=algorithm), issuer(algorithm)) is Reason.ALLOWED
    assert _reason(_payload("{REST")) is Reason.ALLOWED
    assert _reason(_changed(typ=..., x5t="AAAA")) is Reason.ALLOWED
    assert _reason(_hmac("HS256", private_key("HS256")), HS) is Reason.ALLOWED


@pytest.mark.parametrize(("token", "source"), CONFUSION.values(), ids=CONFUSION.keys())
def test_algorithm_confusion(token: str, source: Issuer) -> None:
    """The policy and the key choose the algorithm, never the token (RFC 8725 section 3.1)."""
    assert _reason(token, source) is Reason.INVALID_TOKEN


@pytest.mark.parametrize("token", NONE.values(), ids=[ascii(name) for name in NONE])
def test_none(token: str) -> None:
    """No unsigned token, however it is spelled."""
    assert _reason(token) is Reason.INVALID_TOKEN


@pytest.mark.parametrize("token", SIGNATURES.values(), ids=SIGNATURES.keys())
def test_signatures(token: str) -> None:
    """No signature but the true one over the very bytes."""
    assert _reason(token) is Reason.INVALID_TOKEN


@pytest.mark.parametrize("token", HEADERS.values(), ids=HEADERS.keys())
def test_headers(token: str) -> None:
    """A header names a key of ours and asks for nothing else."""
    assert _reason(token) is Reason.INVALID_TOKEN


@pytest.mark.parametrize("token", ENCODING.values(), ids=ENCODING.keys())
def test_encodings(token: str) -> None:
    """A token has one spelling and one reading."""
    assert _reason(token) is Reason.INVALID_TOKEN


@pytest.mark.parametrize("changes", CLAIMS.values(), ids=CLAIMS.keys())
def test_claims_of_a_wrong_type_or_value(changes: dict[str, Any]) -> None:
    """Each registered claim has its type; a truly signed token that bends one is refused."""
    assert _reason(mint(claims(**changes))) is Reason.INVALID_TOKEN


@pytest.mark.parametrize("cnf", [None, {}, {"jkt": "x"}, {"x5t#S256": "x"}, "x", False])
def test_a_bound_token_without_its_proof(cnf: Any) -> None:
    """A stolen DPoP or mTLS token is no bearer token (RFC 7800, RFC 8705, RFC 9449)."""
    assert _reason(mint(claims(cnf=cnf))) is Reason.UNPROVEN_TOKEN


def test_every_single_character_counts() -> None:
    """A token with any one character replaced is refused, at every position."""
    verifier = Verifier(snapshot(ES))
    for position, character in enumerate(GOOD):
        other = "A" if character != "A" else "B"
        found = verifier.verify(bearer(GOOD[:position] + other + GOOD[position + 1 :]), NOW)
        assert isinstance(found, Rejection), position


def test_a_subject_from_another_issuer_is_another_subject() -> None:
    """Two issuers may both have a ``7``: the principal says whose it is, and revoking one leaves the other."""
    other = issuer("EdDSA", name="other", issuer="https://other.test/")
    verifier = Verifier(snapshot(ES, other))
    ours, theirs = (
        verifier.verify(bearer(token), NOW) for token in (GOOD, mint(claims(iss="https://other.test/"), "EdDSA"))
    )
    assert not isinstance(ours, Rejection)
    assert not isinstance(theirs, Rejection)
    assert (ours.issuer_name, theirs.issuer_name) == ("partner", "other")


def test_no_refusal_quotes_the_token() -> None:
    """Details go to logs: none holds a token's part."""
    verifier = Verifier(snapshot(ES))
    for token in [*NONE.values(), *SIGNATURES.values(), *HEADERS.values(), *ENCODING.values(), mint(claims(exp=1))]:
        found = verifier.verify(bearer(token), NOW)
        assert isinstance(found, Rejection)
        assert not any(len(part) > 20 and part in found.detail for part in token.split("."))
        assert len(found.detail) < 400
        assert found.detail.isprintable()
