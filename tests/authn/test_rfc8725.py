"""RFC 8725, what its sections ask beyond the attacks in ``attacks/test_tokens``. docs/tokens.md has the whole table."""

import base64
import hashlib
import json
import zlib
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, PSS
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from sidecar.authn.rejection import Rejection
from sidecar.authn.verifier import Verifier
from sidecar.contract.reasons import Reason
from sidecar.contract.snapshot import Issuer, Revocation
from tests.authn.minting import (
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
    snapshot,
)

ORDER_25519 = 2**252 + 27742317777372353535851937790883648493
ORDER_P256 = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
RS = issuer("RS256")
MODULUS = private_key("RS256").public_key().public_numbers().n


def _reason(token: str, *issuers: Issuer, **changes: Any) -> Reason:
    found = Verifier(snapshot(*issuers, **changes)).verify(bearer(token), NOW)
    return found.reason if isinstance(found, Rejection) else Reason.ALLOWED


def _split(algorithm: str) -> tuple[str, bytes]:
    text, _, signature = mint(algorithm=algorithm).rpartition(".")
    return text, base64.urlsafe_b64decode(signature + "==")


def _joined(text: str, signature: bytes) -> str:
    return f"{text}.{b64(signature)}"


def test_3_1_each_algorithm_has_its_own_key_under_one_kid() -> None:
    """Three keys of one issuer share a kid; each answers for its own algorithm and no other."""
    keys = tuple(jwk(algorithm) for algorithm in ("RS256", "ES256", "EdDSA"))
    several = issuer(algorithms=("RS256", "ES256", "EdDSA", "PS256"), keys=({**keys[0], "alg": "RS256"}, *keys[1:]))
    for algorithm in ("RS256", "ES256", "EdDSA"):
        assert _reason(mint(algorithm=algorithm), several) is Reason.ALLOWED
    for algorithm in ("PS256", "RS384", "HS256"):
        assert _reason(mint(algorithm=algorithm), several) is Reason.INVALID_TOKEN


def test_3_2_pss_has_one_length_of_salt() -> None:
    """As long as the hash (RFC 7518 section 3.5), so that a signature has one form."""
    text, _ = _split("PS256")
    key = private_key("PS256")
    for length, reason in ((32, Reason.ALLOWED), (20, Reason.INVALID_TOKEN), (222, Reason.INVALID_TOKEN)):
        signature = key.sign(text.encode(), PSS(MGF1(hashes.SHA256()), length), hashes.SHA256())
        assert _reason(_joined(text, signature), issuer("PS256")) is reason


def _cube_root(number: int) -> int:
    low, high = 0, 1 << (number.bit_length() // 3 + 1)
    while low < high:
        middle = (low + high) // 2
        low, high = (middle + 1, high) if middle**3 < number else (low, middle)
    return low


def test_3_3_a_forged_cube() -> None:
    """With an exponent of 3, who leaves the end of the padding unread believes a cube root (Bleichenbacher, 2006)."""
    weak = {**jwk("RS256"), "e": "Aw"}
    text, _ = _split("RS256")
    prefix = bytes.fromhex("3031300d060960864801650304020105000420")
    start = b"\x00\x01" + b"\xff" * 8 + b"\x00" + prefix + hashlib.sha256(text.encode()).digest()
    forged = _cube_root(int.from_bytes(start.ljust(256, b"\0"), "big"))
    assert (forged**3).to_bytes(256, "big").startswith(start)
    assert _reason(_joined(text, forged.to_bytes(256, "big")), issuer("RS256", keys=(weak,))) is Reason.INVALID_TOKEN


@pytest.mark.parametrize("number", [0, 1, MODULUS - 1, MODULUS, MODULUS + 1, 2**2048 - 1])
def test_3_3_rsa_signatures_that_need_no_key(number: int) -> None:
    """Numbers whose powers anyone knows, and numbers beyond the modulus."""
    text, _ = _split("RS256")
    assert _reason(_joined(text, number.to_bytes(256, "big")), RS) is Reason.INVALID_TOKEN


def test_3_3_a_true_signature_has_one_length() -> None:
    """Nor is one with the modulus added the same."""
    text, true = _split("RS256")
    plus = int.from_bytes(true, "big") + MODULUS
    longer = plus.to_bytes((plus.bit_length() + 7) // 8, "big")
    for signature in (b"\0" + true, true[:-1], true + b"\0", longer):
        assert _reason(_joined(text, signature), RS) is Reason.INVALID_TOKEN


def test_3_3_ed25519_with_the_order_added() -> None:
    """RFC 8032 section 5.1.7: S is below the order, or one token would have two spellings."""
    text, true = _split("EdDSA")
    s = int.from_bytes(true[32:], "little") + ORDER_25519
    assert _reason(_joined(text, true), issuer("EdDSA")) is Reason.ALLOWED
    assert _reason(_joined(text, true[:32] + s.to_bytes(32, "little")), issuer("EdDSA")) is Reason.INVALID_TOKEN


def test_3_3_an_ecdsa_signature_has_two_spellings_and_both_are_revoked() -> None:
    """(r, n - s) verifies as well as (r, s); so a token is revoked by what it says, never by its hash."""
    text, true = _split("ES256")
    r, s = (int.from_bytes(part, "big") for part in (true[:32], true[32:]))
    other = _joined(text, r.to_bytes(32, "big") + (ORDER_P256 - s).to_bytes(32, "big"))
    assert other != _joined(text, true)
    revoked = (Revocation("partner", "jti", "t1", NOW),)
    for token in (_joined(text, true), other):
        assert _reason(token) is Reason.ALLOWED
        assert _reason(token, revocations=revoked) is Reason.TOKEN_REVOKED


def test_3_4_a_signature_in_der_or_of_another_curve() -> None:
    """Numbers of the curve's own length and no other form."""
    text, true = _split("ES256")
    wide = true[:32].rjust(48, b"\0") + true[32:].rjust(48, b"\0")
    der = private_key("ES256").sign(text.encode(), ECDSA(hashes.SHA256()))
    assert decode_dss_signature(der)[0] > 0
    for signature in (wide, der):
        assert _reason(_joined(text, signature)) is Reason.INVALID_TOKEN


def test_3_6_nothing_is_inflated() -> None:
    """A megabyte in a few hundred bytes stays a few hundred bytes, whether the header says so or not."""
    bomb = zlib.compress(json.dumps(claims(x="x" * 1_000_000)).encode(), 9)
    raw = bomb[2:-4]
    assert len(bomb) < 2000
    for payload in (bomb, raw):
        for head in (header(), header(zip="DEF")):
            assert _reason(assemble(json.dumps(head).encode(), payload)) is Reason.INVALID_TOKEN


@pytest.mark.parametrize("coding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-8-sig", "latin-1", "utf-7"])
def test_3_7_only_utf_8(coding: str) -> None:
    """A header or payload in another coding is no JSON of ours; in Latin-1 once a letter is beyond ASCII."""
    text = json.dumps({"x": "é", **claims()}, ensure_ascii=False).encode(coding)
    head = json.dumps(header()).encode()
    expected = Reason.ALLOWED if coding == "utf-7" else Reason.INVALID_TOKEN  # which is ASCII, and says another x
    assert _reason(assemble(head, text)) is expected
    if coding not in ("latin-1", "utf-7"):
        assert _reason(assemble(json.dumps(header()).encode(coding), json.dumps(claims()).encode())) is expected


def test_3_8_one_kid_in_two_issuers() -> None:
    """The key is looked for among the issuer's own, whatever its name is."""
    other = issuer(name="other", issuer="https://other.test/", keys=(jwk("ES256", 1),))
    assert _reason(mint(claims(iss="https://other.test/")), issuer(), other) is Reason.INVALID_TOKEN
    assert _reason(mint(claims(iss="https://other.test/"), number=1), issuer(), other) is Reason.ALLOWED
    assert _reason(mint(claims(iss=ISS), number=1), issuer(), other) is Reason.INVALID_TOKEN


LOOK_ALIKES = ["7\u200b", "\u202e7", "\uff17", "7 ", "\u0667"]


@pytest.mark.parametrize("subject", LOOK_ALIKES, ids=ascii)
def test_3_8_a_look_alike_is_somebody_else(subject: str) -> None:
    """Nothing is normalised: who looks like a subject is not the one that was revoked, nor has his rights."""
    revoked = snapshot(revocations=(Revocation("partner", "subject", "7", NOW),))
    found = Verifier(revoked).verify(bearer(mint(claims(sub=subject))), NOW)
    assert not isinstance(found, Rejection)
    assert found.subject == subject != "7"


@pytest.mark.parametrize(
    "space", ["\u00a0", "\u2003", "\u2028", "\u3000", "\u200b", "\u202e", "\ufeff", "\x85"], ids=ascii
)
def test_3_8_a_scope_that_another_would_split(space: str) -> None:
    """Only a space divides scopes; what a service might take for one as well is in none."""
    assert _reason(mint(claims(scope=f"x{space}admin"))) is Reason.INVALID_TOKEN
    assert _reason(mint(claims(scope=["x", f"x{space}admin"]))) is Reason.INVALID_TOKEN


def test_3_10_no_key_of_the_token_is_used_even_if_it_is_ours() -> None:
    """A header that brings our very key is read for its kid and no more."""
    ours = mint(head=header(jwk=dict(jwk("ES256")), jku="https://issuer.test/jwks", x5u="https://issuer.test/cert"))
    assert _reason(ours) is Reason.ALLOWED
    assert _reason(mint(head=header(kid="k2", jwk=dict(jwk("ES256"))))) is Reason.INVALID_TOKEN


@pytest.mark.parametrize(
    "typ", ["secevent+jwt", "logout+jwt", "dpop+jwt", "oauth-authz-req+jwt", "introspection+jwt", "vc+jwt", "JOSE"]
)
def test_3_11_a_token_typed_for_another_purpose(typ: str) -> None:
    """In either spelling and any case, and for every issuer."""
    for spelled in (typ, typ.upper(), f"application/{typ}"):
        assert _reason(mint(head=header(typ=spelled))) is Reason.INVALID_TOKEN
