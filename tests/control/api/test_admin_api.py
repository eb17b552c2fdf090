"""What the admin API does, seen through HTTP, with the real mesh behind it."""

import base64
import json
from typing import Any

import httpx
import pytest

from .conftest import POLICY


async def _push(http: httpx.AsyncClient, source: str = POLICY, **more: object) -> httpx.Response:
    return await http.post("/v1/policy", json={"source": source, **more})


async def test_a_policy_is_pushed_and_read_back_verbatim(http: httpx.AsyncClient) -> None:
    """What was pushed is what is shown, to the byte, with its version as ETag."""
    pushed = await _push(http, note="first")
    assert pushed.status_code == 201
    assert (pushed.json()["version"], pushed.json()["kind"], pushed.json()["note"]) == (1, "push", "first")
    read = await http.get("/v1/policy")
    assert read.json()["source"] == POLICY
    assert read.headers["etag"] == '"1"'


async def test_a_bad_policy_changes_nothing(http: httpx.AsyncClient) -> None:
    """Every problem is named with its line, and no version is made."""
    answer = await _push(http, POLICY.replace("access: public", "acess: public"))
    assert answer.status_code == 422
    (problem,) = answer.json()["problems"]
    assert problem["line"] == 8
    assert "acess" in problem["message"]
    assert (await http.get("/v1/versions")).json() == {"versions": [], "next_before": None, "next": None}


async def test_a_policy_whose_tests_fail_is_not_pushed(http: httpx.AsyncClient) -> None:
    """A policy that contradicts its own tests is refused."""
    tests = "tests:\n  - {service: orders, request: {path: /orders/7}, expect: allow}\n"
    answer = await _push(http, POLICY + tests)
    assert answer.status_code == 422
    assert "expected allow" in answer.json()["problems"][0]["message"]


async def test_a_policy_that_is_no_yaml_is_refused(http: httpx.AsyncClient) -> None:
    """Any text is read, and none is a fault of ours."""
    for source in ("", "{", "\0", "- 1", "a: &a [*a]", "!!python/object:os.system {}", "a: " * 5000):
        assert (await _push(http, source)).status_code == 422


async def test_if_match_guards_a_push(http: httpx.AsyncClient) -> None:
    """412 if somebody was quicker; 400 if the header is no version."""
    await _push(http)
    assert (await http.post("/v1/policy", json={"source": POLICY}, headers={"If-Match": '"1"'})).status_code == 201
    late = await http.post("/v1/policy", json={"source": POLICY}, headers={"If-Match": '"1"'})
    assert late.status_code == 412
    odd = await http.post("/v1/policy", json={"source": POLICY}, headers={"If-Match": "W/newest"})
    assert odd.status_code == 400


async def test_check_and_diff_change_nothing(http: httpx.AsyncClient) -> None:
    """Both answer and make no version."""
    assert (await http.post("/v1/policy/check", json={"source": POLICY})).json()["ok"] is True
    await _push(http)
    changed = POLICY.replace("orders:read", "orders:audit")
    answer = (await http.post("/v1/policy/diff", json={"source": changed})).json()
    assert answer["against"] == 1
    assert any("orders:audit" in line for line in answer["lines"])
    assert (await http.post("/v1/policy/diff", json={"source": POLICY})).json()["lines"] == []
    assert len((await http.get("/v1/versions")).json()["versions"]) == 1


async def test_what_a_policy_was_given_from_an_environment_is_not_shown(http: httpx.AsyncClient) -> None:
    """``env`` holds what ${NAME} stood for: kept, used, and in no answer."""
    source = POLICY.replace("shop.test", "${DOMAIN}")
    assert (await _push(http, source, env={"DOMAIN": "hidden.test"})).status_code == 201
    assert "hidden.test" not in (await http.get("/v1/policy")).text


async def test_history_comes_in_pages(http: httpx.AsyncClient) -> None:
    """Newest first, and each page says where the next begins."""
    for _ in range(3):
        await _push(http)
    first = (await http.get("/v1/versions?limit=2")).json()
    assert [one["version"] for one in first["versions"]] == [3, 2]
    second = (await http.get(f"/v1/versions?limit=2&before={first['next_before']}")).json()
    assert [one["version"] for one in second["versions"]] == [1]
    assert second["next_before"] is None
    assert (await http.get("/v1/versions/2")).json()["version"] == 2


async def test_rollback_makes_a_new_version(http: httpx.AsyncClient) -> None:
    """Going back is going forward to an old policy."""
    await _push(http)
    await _push(http, POLICY.replace("orders:read", "orders:audit"))
    made = await http.post("/v1/versions/1/rollback")
    assert (made.status_code, made.json()["version"], made.json()["kind"]) == (201, 3, "rollback")
    assert (await http.get("/v1/policy")).json()["source"] == POLICY


async def test_a_rollout_to_nobody_is_complete(http: httpx.AsyncClient) -> None:
    """Where no sidecar is connected nobody is waited for."""
    await _push(http)
    rollout = (await http.get("/v1/versions/1/rollout?wait_s=10")).json()
    assert rollout["complete"] is True
    assert rollout["acked"] == rollout["nacked"] == rollout["pending"] == []


async def test_join_tokens_show_their_secret_once(http: httpx.AsyncClient) -> None:
    """Made with it, listed without it, and revoked by their id."""
    made = (await http.post("/v1/join-tokens", json={"service": "orders", "uses": 3, "lifetime_s": 60})).json()
    assert made["token"].startswith("sgj1_")
    listed = await http.get("/v1/join-tokens")
    assert [(one["id"], one["uses_left"]) for one in listed.json()["join_tokens"]] == [(made["id"], 3)]
    assert made["token"] not in listed.text
    assert (await http.delete(f"/v1/join-tokens/{made['id']}")).status_code == 204
    assert (await http.get("/v1/join-tokens")).json()["join_tokens"][0]["revoked"] is True


async def test_an_application_from_first_to_last(http: httpx.AsyncClient) -> None:
    """Registered, shown without its secret, changed, given a new secret, removed."""
    await _push(http)
    made = await http.post("/v1/apps", json={"name": "shop", "scopes": ["orders:read"]})
    assert made.status_code == 201
    secret = made.json()["client_secret"]
    assert (await http.post("/v1/apps", json={"name": "shop"})).status_code == 409
    assert secret not in (await http.get("/v1/apps")).text + (await http.get("/v1/apps/shop")).text
    changed = await http.patch("/v1/apps/shop", json={"services": ["orders"], "active": False})
    assert (changed.json()["services"], changed.json()["active"]) == (["orders"], False)
    assert changed.json()["scopes"] == ["orders:read"]
    assert (await http.patch("/v1/apps/shop", json={"services": None})).json()["services"] is None
    renewed = (await http.post("/v1/apps/shop/secret")).json()["client_secret"]
    assert renewed != secret
    assert (await http.delete("/v1/apps/shop")).status_code == 204
    assert (await http.get("/v1/apps/shop")).status_code == 404


async def test_the_token_endpoint_and_revocation(http: httpx.AsyncClient) -> None:
    """An application gets a token by its secret; explain allows it until it is revoked."""
    await _push(http)
    app = (await http.post("/v1/apps", json={"name": "shop", "scopes": ["orders:read"]})).json()
    issued = await http.post(
        "/oauth2/token",
        data={"grant_type": "client_credentials"},
        headers={"Authorization": _basic(app["client_id"], app["client_secret"])},
    )
    assert issued.status_code == 200
    assert issued.headers["cache-control"] == "no-store"
    token = issued.json()["access_token"]
    asked = {"service": "orders", "method": "GET", "path": "/orders/7", "token": token}
    before = (await http.post("/v1/explain", json=asked)).json()
    assert (before["allowed"], before["route"], before["principal"]["issuer"]) == (True, "/orders/*", "own")
    revoked = await http.post("/v1/revocations", json={"by": "jti", "value": _claims(token)["jti"]})
    assert (revoked.status_code, revoked.json()["kind"]) == (201, "revocation")
    after = (await http.post("/v1/explain", json=asked)).json()
    assert (after["allowed"], after["status"], after["reason"]) == (False, 401, "token_revoked")
    assert len((await http.get("/v1/revocations")).json()["revocations"]) == 1


async def test_a_wrong_client_secret_is_401(open_http: httpx.AsyncClient) -> None:
    """RFC 6749 section 5.2: invalid_client, with a challenge."""
    answer = await open_http.post("/oauth2/token", data={"grant_type": "client_credentials"}, auth=("a", "b"))
    assert answer.status_code == 401
    assert answer.json()["error"] == "invalid_client"
    assert answer.headers["www-authenticate"].startswith("Basic")


async def test_an_operator_issues_a_token(http: httpx.AsyncClient) -> None:
    """For an application, with fewer scopes and services than it has, and a life of one's own."""
    await _push(http)
    await http.post("/v1/apps", json={"name": "shop", "scopes": ["a", "b"]})
    issued = await http.post(
        "/v1/tokens", json={"app": "shop", "scopes": ["a"], "services": ["orders"], "lifetime_s": 60}
    )
    assert issued.status_code == 201
    claims = _claims(issued.json()["access_token"])
    assert (claims["scope"], claims["aud"]) == ("a", "https://orders.shop.test")
    assert claims["exp"] - claims["iat"] == 60
    assert (await http.post("/v1/tokens", json={"app": "shop", "scopes": ["c"]})).status_code == 422
    assert (await http.post("/v1/tokens", json={"app": "nobody"})).status_code == 404


async def test_keys_rotate_and_are_published(http: httpx.AsyncClient, open_http: httpx.AsyncClient) -> None:
    """A prepared key is published before it signs; no private half is anywhere."""
    await _push(http)
    made = await http.post("/v1/keys/rotate")
    assert (made.status_code, made.json()["kind"]) == (201, "keys")
    keys = (await http.get("/v1/keys")).json()["keys"]
    assert [key["state"] for key in keys] == ["active", "prepared"]
    published = (await open_http.get("/.well-known/jwks.json")).json()["keys"]
    assert {key["kid"] for key in published} == {key["kid"] for key in keys}
    for key in [*published, *(key["jwk"] for key in keys)]:
        assert not {"d", "p", "q", "k"} & set(key)
    assert (await http.post("/v1/keys/rotate")).status_code == 409


async def test_keys_are_replaced_at_once(http: httpx.AsyncClient, open_http: httpx.AsyncClient) -> None:
    """With ``now`` one version does it all; ``revoke_old`` alone would leave nobody to sign."""
    await _push(http)
    assert (await http.post("/v1/keys/rotate", json={"revoke_old": True})).status_code == 422
    assert (await http.post("/v1/keys/rotate", json={"now": True})).status_code == 201
    made = await http.post("/v1/keys/rotate", json={"now": True, "revoke_old": True, "algorithm": "EdDSA"})
    assert (made.status_code, made.json()["version"]) == (201, 3)
    keys = (await http.get("/v1/keys")).json()["keys"]
    assert [key["state"] for key in keys] == ["revoked", "revoked", "active"]
    published = (await open_http.get("/.well-known/jwks.json")).json()["keys"]
    assert [key["alg"] for key in published] == ["EdDSA"]


async def test_the_issuer_describes_itself(open_http: httpx.AsyncClient) -> None:
    """RFC 8414, at the public URL, for anyone."""
    answer = await open_http.get("/.well-known/oauth-authorization-server")
    assert answer.json()["issuer"] == "http://control.test"
    assert answer.json()["token_endpoint"] == "http://control.test/oauth2/token"


async def test_probes_are_open(open_http: httpx.AsyncClient) -> None:
    """An orchestrator needs no credential."""
    assert (await open_http.get("/live")).json() == {"live": True}
    assert (await open_http.get("/ready")).json() == {"ready": True, "version": None}


async def test_explain_names_a_service_that_is_not_in_the_policy(http: httpx.AsyncClient) -> None:
    """A misspelt service is told apart from a path without a route."""
    await _push(http)
    asked = {"service": "ordres", "method": "GET", "path": "/orders/7"}
    answer = (await http.post("/v1/explain", json=asked)).json()
    assert (answer["in_policy"], answer["reason"]) == (False, "no_route")


@pytest.mark.parametrize(
    "body",
    [
        {"by": "all", "value": "x"},
        {"by": "jti", "value": ""},
        {"by": "jti", "value": "x", "before": -1},
        {"by": "jti", "value": "x", "before": 2**60},
        {"by": "issuer", "value": "x"},
        {"by": "subject"},
    ],
)
async def test_a_revocation_that_cannot_be_meant_is_refused(http: httpx.AsyncClient, body: dict[str, object]) -> None:
    """Neither guessed at nor half done."""
    await _push(http)
    assert (await http.post("/v1/revocations", json=body)).status_code == 422


def _basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def _claims(token: str) -> dict[str, Any]:
    payload = token.split(".")[1]
    claims: dict[str, Any] = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return claims
