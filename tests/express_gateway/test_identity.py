"""Cases 18, 22-27, 33 and 34: applications, keys, the token endpoint, revocation."""

import pytest

from .conftest import Gateway, payload


def test_18_credential_deactivated_then_its_holder(gateway: Gateway) -> None:
    """401 as soon as the verb returns, for the one credential; then for all of the subject's."""
    first, second = gateway.api_key("case-18-a", "robot-18"), gateway.api_key("case-18-b", "robot-18")
    statuses = [gateway.status("/key", Authorization=f"ApiKey {key}") for key in (first, second)]
    assert statuses == [200, 200]
    gateway.stack.control("key", "remove", "case-18-a", "--wait")
    statuses = [gateway.status("/key", Authorization=f"ApiKey {key}") for key in (first, second)]
    assert statuses == [401, 200]
    gateway.stack.control("revoke", "--subject", "robot-18", "--wait")
    assert gateway.status("/key", Authorization=f"ApiKey {second}") == 401


def test_22_key_auth(gateway: Gateway) -> None:
    """None 401, wrong secret 401, wrong scheme 401, the scheme in other case 200."""
    key = gateway.api_key("case-22", "robot-22")
    assert gateway.status("/key") == 401
    assert gateway.status("/key", Authorization=f"ApiKey {key[:-4]}AAAA") == 401
    assert gateway.status("/key", Authorization=f"Bearer {key}") == 401
    assert gateway.status("/key", Authorization=f"Basic {key}") == 401
    assert gateway.status("/key", Authorization=f"apikey {key}") == 200
    assert gateway.status("/key", Authorization=f"ApiKey {key}") == 200


def test_23_key_without_the_scope_with_it_and_without(gateway: Gateway) -> None:
    """403, 200 after it was added, 403 after it was removed."""
    key = gateway.api_key("case-23", "robot-23")
    sent = {"Authorization": f"ApiKey {key}"}
    assert gateway.status("/key-read", **sent) == 403
    gateway.stack.control("key", "update", "case-23", "--scope", "orders:read")
    gateway.settled()
    assert gateway.status("/key-read", **sent) == 200
    gateway.stack.control("key", "update", "case-23", "--no-scopes")
    gateway.settled()
    assert gateway.status("/key-read", **sent) == 403


def test_24_key_in_the_query(gateway: Gateway) -> None:
    """200 where a route asks for it there; 401 elsewhere, which is the default."""
    key = gateway.api_key("case-24", "robot-24")
    assert gateway.status(f"/key-query?apiKey={key}") == 200
    assert gateway.status(f"/key?apiKey={key}") == 401


def test_25_basic(gateway: Gateway) -> None:
    """Good 200, bad 401, lacking the scope 403: EG answers 401 to all that is not good."""
    good = gateway.app("case-25-good", "orders:read")
    poor = gateway.app("case-25-poor")
    token = gateway.trade(*good, grant_type="client_credentials").json()["access_token"]
    assert gateway.status("/managed-read", token) == 200
    assert gateway.trade(good[0], "wrong", grant_type="client_credentials").status_code == 401
    assert gateway.status("/managed-read", Authorization="Basic eDp4") == 401
    token = gateway.trade(*poor, grant_type="client_credentials").json()["access_token"]
    assert gateway.status("/managed-read", token) == 403


def test_26_client_credentials(gateway: Gateway) -> None:
    """Good 200, bad secret 401 invalid_client, a scope that it may not have 400 invalid_scope."""
    client_id, secret = gateway.app("case-26", "orders:read")
    good = gateway.trade(client_id, secret, grant_type="client_credentials", scope="orders:read")
    assert (good.status_code, good.json()["scope"]) == (200, "orders:read")
    bad = gateway.trade(client_id, "wrong", grant_type="client_credentials")
    assert (bad.status_code, bad.json()["error"]) == (401, "invalid_client")
    beyond = gateway.trade(client_id, secret, grant_type="client_credentials", scope="admin")
    assert (beyond.status_code, beyond.json()["error"]) == (400, "invalid_scope")


@pytest.mark.parametrize("grant", ["password", "implicit", "telepathy"])
def test_27_unknown_grant_type(gateway: Gateway, grant: str) -> None:
    """400 unsupported_grant_type: EG answers 501."""
    answer = gateway.trade(*gateway.app(f"case-27-{grant}"), grant_type=grant, username="x", password="x")
    assert (answer.status_code, answer.json()["error"]) == (400, "unsupported_grant_type")


def test_33_lifetime_of_a_jwt(gateway: Gateway) -> None:
    """``exp - iat`` is ``expires_in``: EG's tokens live a thousand times as long as they say."""
    answer = gateway.trade(*gateway.app("case-33"), grant_type="client_credentials").json()
    claims = payload(answer["access_token"])
    assert claims["exp"] - claims["iat"] == answer["expires_in"]


def test_34_revoke_an_issued_jwt_and_call_again(gateway: Gateway) -> None:
    """200, then 401 as soon as the verb returns, though it was verified before: EG answers 500, then 200."""
    gateway.app("case-34")
    token = gateway.stack.control("token", "issue", "--app", "case-34").strip()
    assert gateway.status("/managed", token) == 200
    assert "in force on" in gateway.stack.control("revoke", "--jti", payload(token)["jti"], "--wait")
    refused = gateway.ask("/managed", token)
    assert (refused.status_code, refused.json()["reason"]) == (401, "token_revoked")
