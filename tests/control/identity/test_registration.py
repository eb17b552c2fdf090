"""RFC 7591: a client registers itself, with a credential, and may let people sign in and no more."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from control.authority import signing_keys
from control.identity.oauth.authorization import Refused
from control.identity.oauth.clients import CODE, DEVICE, EXCHANGE

from .test_oauth import BACK, CHALLENGE, ISSUER, Rig

JWK = signing_keys.public_jwk(signing_keys.generate("ES256"), "ES256")


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    """A fresh one, where who says ``right`` may register clients."""
    made = Rig(tmp_path / "data")
    made.issuer.let_register({"right": "registrar"}.get)
    yield made
    made.database.close()


def register(rig: Rig, body: Any, credential: str = "Bearer right") -> tuple[int, dict[str, Any]]:
    """One request."""
    assert rig.issuer.registration is not None
    text = body if isinstance(body, bytes) else json.dumps(body).encode()
    status, _, answer = rig.issuer.registration("POST", {"authorization": credential}, text)
    return status, json.loads(answer)


def test_a_client_that_registers_itself_lets_people_sign_in(rig: Rig) -> None:
    """And may call no service until an operator says so."""
    status, said = register(
        rig, {"client_name": "Notes", "redirect_uris": [BACK], "token_endpoint_auth_method": "none"}
    )
    assert status == 201 and "client_secret" not in said
    assert (said["grant_types"], said["response_types"], said["scope"]) == ([CODE, "refresh_token"], ["code"], "openid")
    assert said["client_name"].startswith("Notes-")
    code = rig.code(client_id=said["client_id"], scope="openid")
    _, got = rig.redeem(code, client_id=said["client_id"])
    assert rig.claims(got["access_token"])["aud"] == ISSUER and rig.claims(got["id_token"])["sub"] == "ann"
    for more in ({"scope": "orders:read"}, {"scope": "openid", "resource": "https://orders.shop.test"}):
        with pytest.raises(Refused):
            rig.authorization.look(rig.query(client_id=said["client_id"], code_challenge=CHALLENGE, **more))


def test_each_gets_the_proof_that_it_asked_for(rig: Rig) -> None:
    """A secret, shown once; or its own keys; two of one name are two."""
    _, one = register(rig, {"redirect_uris": [BACK]})
    _, two = register(rig, {"redirect_uris": [BACK]})
    assert one["client_id"] != two["client_id"] and one["client_secret"] != two["client_secret"]
    proof = {"client_id": one["client_id"], "client_secret": one["client_secret"]}
    assert rig.redeem(rig.code(client_id=one["client_id"], scope="openid"), **proof)[0] == 200
    keys = {"redirect_uris": [BACK], "token_endpoint_auth_method": "private_key_jwt", "jwks": {"keys": [JWK]}}
    status, said = register(rig, keys)
    assert status == 201 and "client_secret" not in said and said["jwks"] == {"keys": [JWK]}
    device = {"grant_types": [DEVICE, "refresh_token"], "token_endpoint_auth_method": "none"}
    status, said = register(rig, {**device, "logo_uri": "https://evil.test/"})
    assert (status, said["grant_types"], "logo_uri" in said) == (201, [DEVICE, "refresh_token"], False)


@pytest.mark.parametrize("credential", ["", "Bearer ", "Bearer wrong", "Basic right", "right"])
def test_nobody_registers_without_a_credential(rig: Rig, credential: str) -> None:
    """And what it says is not even read."""
    before = rig.applications.list()
    assert register(rig, b"{", credential)[0] == 401
    assert rig.applications.list() == before


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b'{"redirect_uris": ["https://a.test/"], "redirect_uris": []}',
        {},
        {"redirect_uris": ["http://a.test/"]},
        {"redirect_uris": ["javascript:alert(1)"]},
        {"redirect_uris": BACK},
        {"redirect_uris": [7]},
        {"redirect_uris": [BACK], "grant_types": ["implicit"]},
        {"redirect_uris": [BACK], "grant_types": [CODE, EXCHANGE]},
        {"redirect_uris": [BACK], "grant_types": ["client_credentials"]},
        {"redirect_uris": [BACK], "response_types": ["token"]},
        {"redirect_uris": [BACK], "scope": "admin"},
        {"redirect_uris": [BACK], "scope": ""},
        {"redirect_uris": [BACK], "token_endpoint_auth_method": "client_secret_jwt"},
        {"redirect_uris": [BACK], "token_endpoint_auth_method": "private_key_jwt"},
        {"redirect_uris": [BACK], "token_endpoint_auth_method": "private_key_jwt", "jwks": {"keys": []}},
        {"redirect_uris": [BACK], "jwks": {"keys": [JWK]}},
        {"redirect_uris": [BACK], "jwks_uri": "https://a.test/jwks"},
        {"redirect_uris": [BACK], "software_statement": "a.b.c"},
        {"redirect_uris": [BACK], "client_name": "\x1b[2J"},
        {"redirect_uris": [BACK], "client_name": ""},
        {"redirect_uris": [BACK], "client_name": "n" * 61},
    ],
)
def test_what_is_not_supported_is_refused(rig: Rig, body: Any) -> None:
    """And leaves no application behind."""
    before = rig.applications.list()
    status, said = register(rig, body)
    assert (status, said["error"] in ("invalid_client_metadata", "invalid_redirect_uri")) == (400, True)
    assert rig.applications.list() == before


def test_only_post(rig: Rig) -> None:
    """It is no form and no page."""
    assert rig.issuer.registration is not None
    assert rig.issuer.registration("GET", {}, b"")[0] == 405
