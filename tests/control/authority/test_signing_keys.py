"""Token signing keys: every algorithm signs what its public JWK verifies, and the store moves them one way."""

from pathlib import Path

import jwt
import pytest

from control.authority import keyring, signing_keys
from control.authority.signing_keys import Algorithm
from control.authority.vault import Vault
from control.errors import Conflict, Invalid, NotFound
from control.store import open_database

PLAIN = Vault()


@pytest.mark.parametrize("algorithm", ["ES256", "RS256", "EdDSA"])
def test_what_a_key_signs_its_jwk_verifies(algorithm: Algorithm) -> None:
    """Through PEM and back, with the header that RFC 9068 wants, and no private member in the JWK."""
    key = signing_keys.generate(algorithm)
    jwk = signing_keys.public_jwk(key, algorithm)
    token = signing_keys.sign(
        signing_keys.from_pem(signing_keys.to_pem(key)), algorithm, jwk["kid"], {"sub": "a", "exp": 2**40}
    )
    assert jwt.get_unverified_header(token) == {"typ": "at+jwt", "alg": algorithm, "kid": jwk["kid"]}
    assert jwt.decode(token, jwt.PyJWK(jwk).key, algorithms=[algorithm])["sub"] == "a"
    assert set(jwk) <= {"kty", "crv", "x", "y", "n", "e", "kid", "alg", "use"}


def test_kid_is_the_thumbprint_of_rfc_7638() -> None:
    """The key is its own name: RFC 7638 section 3.1's example, through the public way in."""
    key = signing_keys.generate("ES256")
    first = signing_keys.public_jwk(key, "ES256")["kid"]
    assert first == signing_keys.public_jwk(signing_keys.from_pem(signing_keys.to_pem(key)), "ES256")["kid"]
    assert len(first) == 43


@pytest.mark.parametrize("name", ["HS256", "none", "", "es256"])
def test_other_algorithms_are_refused(name: str) -> None:
    """Symmetric ones above all: sidecars must not be able to issue."""
    with pytest.raises(Invalid):
        signing_keys.algorithm_named(name)


def test_a_rotation_in_the_store(tmp_path: Path) -> None:
    """Prepared, active, retiring, gone; published until gone."""
    database = open_database(tmp_path)
    with database.write() as session:
        first = keyring.prepare(session, PLAIN, "ES256", 0, 10)
        keyring.activate(session, first.kid, 10)
        second = keyring.prepare(session, PLAIN, "EdDSA", 1, 20)
        assert keyring.active_key(session, PLAIN)[0] == first.kid
        assert [jwk["kid"] for jwk in keyring.published(session)] == [first.kid, second.kid]
        with pytest.raises(Conflict):
            keyring.prepare(session, PLAIN, "ES256", 2, 21)
        keyring.activate(session, second.kid, 30)
        assert [(k.state, k.retired_at) for k in keyring.all_keys(session)] == [("retiring", 30), ("active", None)]
        assert keyring.active_key(session, PLAIN)[0] == second.kid
        keyring.remove(session, first.kid)
        assert [jwk["kid"] for jwk in keyring.published(session)] == [second.kid]
    database.close()


def test_a_revoked_key_loses_its_private_half(tmp_path: Path) -> None:
    """It is kept as a record, is not published, and nothing can sign with it again."""
    database = open_database(tmp_path)
    with database.write() as session:
        key = keyring.prepare(session, PLAIN, "ES256", 0, 10)
        assert keyring.revoke(session, key.kid, 20) == "prepared"
        assert keyring.published(session) == ()
        assert [k.state for k in keyring.all_keys(session)] == ["revoked"]
        with pytest.raises(Conflict):
            keyring.revoke(session, key.kid, 21)
        with pytest.raises(NotFound):
            keyring.revoke(session, "another", 21)
    database.close()


def test_the_signer_hears_of_a_change_that_another_made(tmp_path: Path) -> None:
    """Each token is signed with the key that is active then, whoever made it so."""
    database = open_database(tmp_path)
    signer = keyring.Signer(database, PLAIN)
    with database.write() as session:
        first = keyring.prepare(session, PLAIN, "ES256", 0, 10).kid
        keyring.activate(session, first, 10)
    assert jwt.get_unverified_header(signer.sign({}))["kid"] == first
    with database.write() as session:
        second = keyring.prepare(session, PLAIN, "ES256", 0, 20).kid
        keyring.activate(session, second, 20)
    assert jwt.get_unverified_header(signer.sign({}))["kid"] == second
    database.close()
