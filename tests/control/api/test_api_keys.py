"""API keys and issuers through HTTP."""

from typing import Any

import httpx
import pytest

from control.testing.provider import KEYS, Provider

from .conftest import POLICY

TAKES_KEYS = POLICY.replace(
    "require: {scopes: [orders:read]}", "credentials: [api_key], require: {scopes: [orders:read]}"
)


async def _push(http: httpx.AsyncClient, source: str) -> dict[str, Any]:
    pushed = await http.post("/v1/policy", json={"source": source})
    assert pushed.status_code == 201, pushed.text
    answer: dict[str, Any] = pushed.json()
    return answer


async def test_a_key_from_its_making_to_its_end(http: httpx.AsyncClient) -> None:
    """Shown once; opens what its scopes say; refused when it is gone."""
    await _push(http, TAKES_KEYS)
    made = (await http.post("/v1/api-keys", json={"subject": "ci", "name": "build", "lifetime_s": 60})).json()
    assert made["key"].startswith(f"sgk_{made['id']}_")
    assert (made["subject"], made["client_id"], made["counts"], made["version"]) == ("ci", "", True, 2)

    async def decided() -> tuple[int, str]:
        request = {"service": "orders", "method": "GET", "path": "/orders/7", "token": made["key"]}
        answer = (await http.post("/v1/explain", json=request)).json()
        return answer["status"], answer["reason"]

    assert await decided() == (403, "insufficient_scope")
    changed = await http.patch("/v1/api-keys/build", json={"scopes": ["orders:read"], "lifetime_s": None})
    assert (changed.json()["expires_at"], changed.json()["version"]) == (0, 3)
    assert (await decided())[0] == 200
    for path in ("/v1/api-keys", "/v1/api-keys/build", "/v1/versions", "/v1/issuers"):
        shown = await http.get(path)
        assert shown.status_code == 200
        assert made["key"].rsplit("_", 1)[1] not in shown.text
        assert "secret" not in shown.text
    assert (await http.delete("/v1/api-keys/build")).json()["version"] == 4
    assert (await decided())[0] == 401
    assert (await http.get("/v1/api-keys/build")).status_code == 404


async def test_a_key_of_an_application(http: httpx.AsyncClient) -> None:
    """It stands for the application unless somebody else is named; nobody at all is refused."""
    await _push(http, POLICY)
    app = (await http.post("/v1/apps", json={"name": "robot"})).json()
    made = (await http.post("/v1/api-keys", json={"app": "robot"})).json()
    assert made["subject"] == made["client_id"] == app["client_id"]
    assert made["counts"] is False
    assert (await http.post("/v1/api-keys", json={})).status_code == 422
    assert (await http.post("/v1/api-keys", json={"app": "nobody"})).status_code == 404
    assert (await http.post("/v1/api-keys", json={"subject": "a", "name": made["name"]})).status_code == 409


@pytest.mark.parametrize("announced", [True, False])
async def test_an_issuers_keys(http: httpx.AsyncClient, announced: bool) -> None:
    """A push has them if their provider answers; a refresh says why it has not, and gets them later."""
    with Provider() as provider:
        if not announced:
            provider.answers[KEYS] = (500, {}, b"")
        named = f"partner: {{issuer: {provider.issuer}, audience: [x], algorithms: [ES256], allow_http: true}}"
        pushed = await _push(http, POLICY.replace("own: {builtin: true}", f"own: {{builtin: true}}\n  {named}"))
        own, partner = (await http.get("/v1/issuers")).json()["issuers"]
        assert (own["fetched"], own["keys_known"]) == (False, True)
        assert partner["keys_known"] is announced
        assert [key["kid"] for key in partner["keys"]] == (["first"] if announced else [])
        refreshed = (await http.post("/v1/issuers/partner/refresh")).json()
        assert ("answered 500" in refreshed["issuer"]["error"]) is not announced
        provider.answers.clear()
        provider.add("second")
        refreshed = (await http.post("/v1/issuers/partner/refresh")).json()
        assert refreshed["issuer"]["error"] == ""
        assert [key["kid"] for key in refreshed["issuer"]["keys"]] == ["first", "second"]
        assert refreshed["version"] == pushed["version"] + 1
        revoked = await http.post("/v1/issuers/partner/revoke-key", json={"kid": "first"})
        assert (revoked.status_code, revoked.json()["kind"]) == (201, "keys")
        assert (await http.post("/v1/issuers/partner/revoke-key", json={"kid": "first"})).status_code == 404
        assert (await http.post("/v1/issuers/own/refresh")).status_code == 422
        assert (await http.post("/v1/issuers/nobody/refresh")).status_code == 404


async def test_explain_takes_host_and_address(http: httpx.AsyncClient) -> None:
    """What a rule may ask of a request can be said."""
    hosts = POLICY.replace("{path: /public/**, access", "{path: /public/**, hosts: [shop.test], access")
    await _push(http, hosts)
    request = {"service": "orders", "method": "GET", "path": "/public/x", "address": "192.0.2.1"}
    for said, status in (({}, 404), ({"host": "shop.test"}, 200), ({"headers": {"Host": "shop.test"}}, 200)):
        assert (await http.post("/v1/explain", json={**request, **said})).json()["status"] == status
