"""Keys as the policy gives them: what is taken, what is refused, and in which words."""

import json
from datetime import UTC, datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from cryptography.x509.oid import NameOID
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

from control.issuers.keys import (
    MAX_KEYS,
    KeysError,
    algorithms_of,
    key_from_secret,
    keys_from_jwks,
    keys_from_pem,
    keys_from_text,
)

RSA = rsa.generate_private_key(65537, 2048)
EC = ec.generate_private_key(ec.SECP256R1())
ED = ed25519.Ed25519PrivateKey.generate()

RSA_JWK = RSAAlgorithm.to_jwk(RSA.public_key(), as_dict=True)
EC_JWK = ECAlgorithm.to_jwk(EC.public_key(), as_dict=True)
ED_JWK = OKPAlgorithm.to_jwk(ED.public_key(), as_dict=True)


def pem(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | dsa.DSAPrivateKey) -> str:
    """The public half as PEM."""
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def test_a_jwks_is_reduced_to_public_text() -> None:
    """Certificates, operations and unknown members stay behind; order and kid are kept."""
    keys = [{**RSA_JWK, "kid": "a", "x5c": ["..."], "more": {}}, {**EC_JWK, "kid": "b", "use": "sig"}]
    one, two = keys_from_text(json.dumps({"keys": keys}))
    assert one == {"kty": "RSA", "kid": "a", "n": RSA_JWK["n"], "e": "AQAB"}
    assert two == {"kty": "EC", "kid": "b", "use": "sig", "crv": "P-256", "x": EC_JWK["x"], "y": EC_JWK["y"]}


def test_keys_for_something_else_are_passed_over() -> None:
    """RFC 7517 section 5: encryption keys and unknown kinds beside a good one."""
    others = [
        {**RSA_JWK, "use": "enc"},
        {**RSA_JWK, "alg": "RSA-OAEP"},
        {**RSA_JWK, "key_ops": ["encrypt"]},
        {"kty": "OKP", "crv": "X25519", "x": "AA"},
        {"kty": "EC", "crv": "secp256k1", "x": "AA", "y": "AA"},
        {"kty": "new"},
    ]
    assert [key["kty"] for key in keys_from_jwks({"keys": [*others, ED_JWK]})] == ["OKP"]
    with pytest.raises(KeysError, match="no key in it can verify"):
        keys_from_jwks({"keys": others})


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "neither JSON nor PEM"),
        ("[" * 100_000, "neither JSON nor PEM"),
        ("[]", "not a JWKS"),
        ('{"keys": {}}', "not a JWKS"),
        ('{"keys": [], "keys": []}', "names a member twice"),
        ('{"keys": [7]}', "no JSON Web Key"),
        ('{"keys": [{"kty": "oct", "k": "AAAA"}]}', "secret: {env: NAME}"),
        ('{"keys": [{"kty": "RSA", "n": "AA", "e": "AQAB", "d": "AA"}]}', "a private key"),
        ('{"keys": [{"kty": "RSA", "e": "AQAB"}]}', "lacks the member 'n'"),
        ('{"keys": [{"kty": "RSA", "n": 7, "e": "AQAB"}]}', "lacks the member 'n'"),
        ('{"keys": [{"kty": "RSA", "n": "AA", "e": "AQAB", "kid": 7}]}', "kid is not text"),
        (json.dumps({"keys": [{}] * (MAX_KEYS + 1)}), "more than"),
        ("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----", "damaged"),
        ("-----BEGIN PUBLIC KEY-----\nAAAA\n", "no PEM block"),
        ("-----BEGIN NONSENSE-----\nAAAA\n-----END NONSENSE-----", "damaged"),
    ],
)
def test_what_is_no_key_is_refused_with_a_sentence(text: str, told: str) -> None:
    """Damaged, private, shared or too many."""
    with pytest.raises(KeysError) as caught:
        keys_from_text(text)
    assert told in str(caught.value)


def test_pem_holds_keys_and_certificates() -> None:
    """Several blocks, text between them; a PEM key has no kid."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "idp")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(EC.public_key())
        .serial_number(1)
        .not_valid_before(datetime(2020, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(2021, 1, 1, tzinfo=UTC))
        .sign(EC, SHA256())
        .public_bytes(Encoding.PEM)
        .decode()
    )
    keys = keys_from_text("# keys\n" + pem(RSA) + "and\n" + certificate + pem(ED))
    assert [key["kty"] for key in keys] == ["RSA", "EC", "OKP"]
    assert not any("kid" in key or "key_ops" in key for key in keys)


@pytest.mark.parametrize(
    "text",
    [
        RSA.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode(),
        EC.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()).decode(),
    ],
)
def test_a_private_key_is_refused_and_never_quoted(text: str) -> None:
    """Somebody pasted the wrong half."""
    with pytest.raises(KeysError, match="only the public half") as caught:
        keys_from_text(text)
    assert text.splitlines()[1] not in str(caught.value)


def test_kinds_of_key_that_sign_no_jwt_are_refused() -> None:
    """DSA, and a curve without an algorithm."""
    with pytest.raises(KeysError, match="neither RSA"):
        keys_from_pem(pem(dsa.generate_private_key(1024)))  # noqa: S505  # the point
    with pytest.raises(KeysError, match="of a kind that cannot be used"):
        keys_from_pem(pem(ec.generate_private_key(ec.BrainpoolP256R1())))


def test_algorithms_follow_from_the_keys() -> None:
    """A key's own alg, else the usual one of its kind."""
    assert algorithms_of([RSA_JWK, EC_JWK, ED_JWK]) == ("ES256", "EdDSA", "RS256")
    assert algorithms_of([{**RSA_JWK, "alg": "PS512"}]) == ("PS512",)


def test_a_secret_is_its_utf8_bytes() -> None:
    """RFC 7517 section 6.4.1: base64url without padding."""
    assert key_from_secret("aé") == {"kty": "oct", "k": "YcOp"}
