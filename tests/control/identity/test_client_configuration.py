"""RFC 7592: a client that registered itself reads, replaces and removes its registration."""

import json
from typing import Any

from control.identity.oauth.clients import CODE, DEVICE, EXCHANGE

from .test_oauth import BACK, ISSUER, Rig
from .test_registration import JWK, register, rig

__all__ = ["rig"]
ELSEWHERE = "https://notes.shop.test/elsewhere"
NOTES = {"client_name": "Notes", "redirect_uris": [BACK], "scope": "openid email"}
INFORMATION = (
    "registration_access_token",
    "registration_client_uri",
    "client_id_issued_at",
    "client_secret_expires_at",
)


def registered(rig: Rig, **changes: Any) -> dict[str, Any]:
    """What a new client was told."""
    status, said = register(rig, {**NOTES, **changes})
    assert status == 201
    return said


def configure(
    rig: Rig, method: str, client: dict[str, Any], body: Any = None, **changes: str
) -> tuple[int, dict[str, Any]]:
    """One request of that client, unless ``changes`` say otherwise."""
    assert rig.issuer.configuration is not None
    token = changes.get("token", client["registration_access_token"])
    text = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
    headers = {"Authorization": f"{changes.get('scheme', 'Bearer')} {token}"}
    client_id = changes.get("client_id", client["client_id"])
    status, _, answer = rig.issuer.configuration(client_id, method, headers, text)
    return status, json.loads(answer) if answer else {}


def again(client: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """What it was told, said back as section 2.2 wants it, with changes."""
    return {**{name: value for name, value in client.items() if name not in INFORMATION}, **changes}


def _without_secret(told: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in told.items() if name != "client_secret"}


def test_it_reads_what_it_was_told(rig: Rig) -> None:
    """All but the secret, of which nobody knows more than a hash."""
    client = registered(rig)
    assert client["registration_client_uri"] == f"{ISSUER}/oauth2/register/{client['client_id']}"
    status, said = configure(rig, "GET", client)
    unsaid = ("client_secret", "client_secret_expires_at")
    assert (status, said) == (200, {name: value for name, value in client.items() if name not in unsaid})


def test_it_says_all_of_it_anew(rig: Rig) -> None:
    """What is left out is as if it had never been said; the name, the secret and the token stay."""
    client = registered(rig)
    body = {"client_id": client["client_id"], "redirect_uris": [ELSEWHERE]}
    status, said = configure(rig, "PUT", client, {**body, "token_endpoint_auth_method": "client_secret_post"})
    assert (status, said["redirect_uris"], said["scope"]) == (200, [ELSEWHERE], "openid")
    assert (said["client_name"], said["token_endpoint_auth_method"]) == (client["client_name"], "client_secret_post")
    assert "client_secret" not in said
    assert configure(rig, "GET", client) == (200, said)
    proof = {"client_id": client["client_id"], "client_secret": client["client_secret"], "redirect_uri": ELSEWHERE}
    code = rig.code(client_id=client["client_id"], redirect_uri=ELSEWHERE, scope="openid")
    assert rig.redeem(code, **proof)[0] == 200


def test_what_it_was_told_it_may_say_again(rig: Rig) -> None:
    """Whatever it registered, and with its secret or without."""
    public = {"token_endpoint_auth_method": "none"}
    keys = {"token_endpoint_auth_method": "private_key_jwt", "jwks": {"keys": [JWK]}}
    for more in ({}, public, keys, {"redirect_uris": [], "grant_types": [DEVICE], **public}, {"client_name": "n" * 60}):
        client = registered(rig, **more)
        status, said = configure(rig, "PUT", client, again(client))
        assert status == 200, said
        assert again(said) == _without_secret(again(client))


def test_a_name_stays_nobody_elses(rig: Rig) -> None:
    """It may call itself otherwise, and what people see says that it is this one of that name."""
    client = registered(rig)
    _, said = configure(rig, "PUT", client, again(client, client_name="spa"))
    assert said["client_name"].startswith("spa-") and said["client_name"] != "spa"
    assert rig.applications.get(client["client_id"]).name == said["client_name"]


def test_who_proves_itself_otherwise_begins_anew(rig: Rig) -> None:
    """A secret for who had none, none for who has; what came of the old proof counts no more."""
    client = registered(rig)
    whose = {"client_id": client["client_id"]}
    _, got = rig.redeem(rig.code(**whose, scope="openid"), **whose, client_secret=client["client_secret"])
    _, public = configure(rig, "PUT", client, again(client, token_endpoint_auth_method="none"))
    assert public["token_endpoint_auth_method"] == "none" and "client_secret" not in public
    assert rig.refresh(got["refresh_token"], **whose)[0] == 400
    _, got = rig.redeem(rig.code(**whose, scope="openid"), **whose)
    _, back = configure(rig, "PUT", client, again(public, token_endpoint_auth_method="client_secret_basic"))
    assert back["client_secret"] != client["client_secret"] and back["client_secret_expires_at"] == 0
    for secret, status in ((client["client_secret"], 401), (back["client_secret"], 200)):
        assert rig.redeem(rig.code(**whose, scope="openid"), **whose, client_secret=secret)[0] == status
    assert rig.refresh(got["refresh_token"], **whose, client_secret=back["client_secret"])[0] == 400
    keys = {"token_endpoint_auth_method": "private_key_jwt", "jwks": {"keys": [JWK]}}
    _, keyed = configure(rig, "PUT", client, again(back, **keys))
    assert keyed["jwks"] == {"keys": [JWK]} and "client_secret" not in keyed


def test_it_removes_itself(rig: Rig) -> None:
    """Its grants end with it, and then its token opens nothing."""
    client = registered(rig, token_endpoint_auth_method="none")
    whose = {"client_id": client["client_id"]}
    _, got = rig.redeem(rig.code(**whose, scope="openid"), **whose)
    assert configure(rig, "DELETE", client) == (204, {})
    assert rig.refresh(got["refresh_token"], **whose)[0] == 401
    assert client["client_id"] not in {app.client_id for app in rig.applications.list()}
    for method in ("GET", "PUT", "DELETE"):
        assert configure(rig, method, client, again(client))[0] == 401


REFUSED: tuple[dict[str, Any], ...] = (
    {"client_id": None},
    {"client_id": "other"},
    {"client_id": 7},
    {"client_secret": "sgs_wrong"},
    {"client_secret": 7},
    {"registration_access_token": "sgm_x"},
    {"registration_client_uri": "https://a.test/"},
    {"client_id_issued_at": 1},
    {"client_secret_expires_at": 0},
    {"redirect_uris": []},
    {"redirect_uris": ["http://a.test/"]},
    {"redirect_uris": ["javascript:alert(1)"]},
    {"grant_types": ["implicit"]},
    {"grant_types": [CODE, EXCHANGE]},
    {"grant_types": ["client_credentials"]},
    {"scope": "openid orders:read"},
    {"scope": ""},
    {"token_endpoint_auth_method": "private_key_jwt"},
    {"jwks": {"keys": [JWK]}},
    {"jwks_uri": "https://a.test/jwks"},
    {"software_statement": "a.b.c"},
    {"client_name": ""},
    {"client_name": "\x1b[2J"},
    {"client_name": "n" * 61},
)


def test_what_registration_refuses_is_refused(rig: Rig) -> None:
    """And changes nothing."""
    client = registered(rig)
    for change in REFUSED:
        body = {name: value for name, value in again(client, **change).items() if value is not None}
        status, said = configure(rig, "PUT", client, body)
        assert status == 400, change
        assert said["error"] in ("invalid_request", "invalid_client_metadata", "invalid_redirect_uri")
    _, now = configure(rig, "GET", client)
    assert again(now) == _without_secret(again(client))


def test_what_is_no_object_is_refused(rig: Rig) -> None:
    """As at registration."""
    client = registered(rig)
    for body in (b"", b"[]", b"{", b'{"client_id": "a", "client_id": "b"}', b"\xff"):
        status, said = configure(rig, "PUT", client, body)
        assert (status, said["error"]) == (400, "invalid_client_metadata")


def test_only_those_methods(rig: Rig) -> None:
    """RFC 7592 has three."""
    assert configure(rig, "POST", registered(rig))[0] == 405
