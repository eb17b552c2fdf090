"""Cases 1-17, 19, 20 and 36: what a token may be."""

import base64
import json

import httpx
import pytest
from cryptography.hazmat.primitives import hashes, hmac

from control.policy import PolicyErrors, load
from control.testing.mesh import Mesh

from .conftest import POLICY, Gateway, seen

INVALID = 'Bearer error="invalid_token"'


def _refused(answer: httpx.Response) -> None:
    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, INVALID)


def _b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def test_01_no_authorization(gateway: Gateway) -> None:
    """401 and a bare challenge."""
    answer = gateway.ask("/jwt")
    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")


def test_02_valid_signature_issuer_and_audience(gateway: Gateway) -> None:
    """200."""
    assert gateway.status("/jwt", gateway.token()) == 200


def test_03_wrong_issuer(gateway: Gateway) -> None:
    """401."""
    _refused(gateway.ask("/jwt", gateway.token(iss="https://elsewhere.test/")))


def test_04_wrong_audience(gateway: Gateway) -> None:
    """401."""
    _refused(gateway.ask("/jwt", gateway.token(aud="billing")))


def test_05_audience_list_with_ours(gateway: Gateway) -> None:
    """200."""
    assert gateway.status("/jwt", gateway.token(aud=["billing", "orders"])) == 200


def test_06_expired_an_hour_ago(gateway: Gateway) -> None:
    """401."""
    _refused(gateway.ask("/jwt", gateway.token(exp=-3600)))


def test_07_expired_a_second_ago(gateway: Gateway) -> None:
    """200 within the leeway that the policy gives, and 401 where it gives none."""
    assert gateway.status("/jwt", gateway.token(exp=-1)) == 200
    _refused(gateway.ask("/jwt", gateway.token(exp=-1, iss="https://punctual.test/")))


def test_08_not_valid_for_100_s(gateway: Gateway) -> None:
    """401."""
    _refused(gateway.ask("/jwt", gateway.token(nbf=100)))


def test_09_no_exp(gateway: Gateway) -> None:
    """401: EG lets it in for ever."""
    _refused(gateway.ask("/jwt", gateway.token(exp=None)))


def test_10_signed_by_another_key(gateway: Gateway) -> None:
    """401."""
    _refused(gateway.ask("/jwt", gateway.token(gateway.stranger)))


def test_11_alg_none_and_no_signature(gateway: Gateway) -> None:
    """401."""
    body = gateway.token().split(".")[1]
    _refused(gateway.ask("/jwt", f"{_b64(json.dumps({'alg': 'none', 'kid': 'k1'}).encode())}.{body}."))


def test_12_hs256_with_our_public_key_as_secret(gateway: Gateway) -> None:
    """401."""
    text = f"{_b64(json.dumps({'alg': 'HS256', 'kid': 'k1'}).encode())}.{gateway.token().split('.')[1]}"
    tag = hmac.HMAC(gateway.public_pem, hashes.SHA256())
    tag.update(text.encode())
    _refused(gateway.ask("/jwt", f"{text}.{_b64(tag.finalize())}"))


def test_13_a_policy_that_lists_hs_and_rs(gateway: Gateway) -> None:
    """Refused before it could be enforced: EG lets the token of case 12 in."""
    both = gateway.stack.policy(POLICY.replace("[RS256]", "[RS256, HS256]", 1), "both.yaml")
    before = gateway.stack.control("get")
    assert "HS256" in gateway.stack.control("push", str(both), expect=1)
    assert gateway.stack.control("get") == before
    with pytest.raises(PolicyErrors):
        load(both.read_text(), {"partner.jwks.json": (both.parent / "partner.jwks.json").read_text()}, {}, "both.yaml")


@pytest.mark.parametrize("token", ["x", "a.b", "a.b.c", "....", "eyJ9.e30.x", "%", "null", "[object Object]"])
def test_14_malformed_token(gateway: Gateway, token: str) -> None:
    """401."""
    _refused(gateway.ask("/jwt", token))


def test_15_managed_mode_sub_of_a_live_credential(gateway: Gateway) -> None:
    """200, and the service is told who it is."""
    client_id, _ = gateway.app("case-15")
    token = gateway.stack.control("token", "issue", "--app", "case-15").strip()
    headers = seen(gateway.ask("/managed", token))
    assert headers["x-auth-subject"] == headers["x-auth-client"] == client_id


MANAGED = """\
trust_domain: shop.test
issuers: {own: {builtin: true}}
services: {orders: {routes: [{path: /**}]}}
"""


async def test_16_managed_mode_no_sub(mesh: Mesh) -> None:
    """401."""
    await mesh.push(MANAGED)
    orders = await mesh.service("orders")
    answer = await orders.get("/managed", token=mesh.token(sub=None))
    assert (answer.status, answer.headers["www-authenticate"]) == (401, INVALID)
    assert not orders.seen


def test_16_managed_mode_unknown_sub(gateway: Gateway) -> None:
    """401: an application that was removed and revoked."""
    gateway.app("case-16")
    token = gateway.stack.control("token", "issue", "--app", "case-16").strip()
    assert gateway.status("/managed", token) == 200
    gateway.stack.control("app", "remove", "case-16")
    gateway.stack.control("revoke", "--app", "case-16", "--wait")
    _refused(gateway.ask("/managed", token))


async def test_17_managed_mode_sub_is_the_number_5(mesh: Mesh) -> None:
    """401: EG answers 500."""
    await mesh.push(MANAGED)
    orders = await mesh.service("orders")
    answer = await orders.get("/managed", token=mesh.token(sub=5))
    assert (answer.status, answer.reason) == (401, "invalid_token")


def test_19_jwt_without_the_scope_of_its_endpoint(gateway: Gateway) -> None:
    """403 with the scope named: EG lets it in."""
    answer = gateway.ask("/jwt-admin", gateway.token())
    assert answer.status_code == 403
    assert answer.headers["www-authenticate"] == 'Bearer error="insufficient_scope", scope="admin"'
    assert gateway.status("/jwt-admin", gateway.token(scope="admin")) == 200


def test_20_token_in_the_query(gateway: Gateway) -> None:
    """200 only on the route that asks for it there; the service does not see it."""
    token = gateway.token()
    answer = gateway.ask(f"/jwt-query?a=1&token={token}")
    assert (answer.status_code, answer.json()["path"]) == (200, "/jwt-query?a=1")
    assert gateway.status(f"/jwt?token={token}") == 401


def test_36_the_same_token_on_a_route_of_another_issuer(gateway: Gateway) -> None:
    """401, also right after it was let in elsewhere: EG's cache lets it in."""
    token = gateway.token()
    assert gateway.status("/jwt", token) == 200
    _refused(gateway.ask("/managed", token))
