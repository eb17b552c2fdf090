"""RFC 7009 over HTTP: what a client gives back counts in no sidecar."""

import httpx

from control.mesh import Mesh

from .conftest import POLICY

CREDENTIALS = {"grant_type": "client_credentials"}
GIVES_BACK = "/oauth2/revoke"


async def _token(http: httpx.AsyncClient, name: str) -> tuple[tuple[str, str], str]:
    app = (await http.post("/v1/apps", json={"name": name, "scopes": ["orders:read"]})).json()
    whose = (app["client_id"], app["client_secret"])
    return whose, (await http.post("/oauth2/token", data=CREDENTIALS, auth=whose)).json()["access_token"]


async def _decided(http: httpx.AsyncClient, token: str) -> str:
    asked = {"service": "orders", "method": "GET", "path": "/orders/7", "token": token}
    return str((await http.post("/v1/explain", json=asked)).json()["reason"])


async def test_a_token_given_back_is_revoked(http: httpx.AsyncClient, mesh: Mesh) -> None:
    """In force with the answer; once more changes nothing, and leaves no second version."""
    await http.post("/v1/policy", json={"source": POLICY})
    whose, token = await _token(http, "shop")
    assert await _decided(http, token) != "token_revoked"
    for _ in range(2):
        answer = await http.post(GIVES_BACK, data={"token": token}, auth=whose)
        assert (answer.status_code, answer.json(), answer.headers["cache-control"]) == (200, {}, "no-store")
    assert await _decided(http, token) == "token_revoked"
    assert [version.kind for version in mesh.history()].count("revocation") == 1
    assert mesh.audit(1)[0].action == "revocation"


async def test_nobody_gives_back_anothers(http: httpx.AsyncClient) -> None:
    """Nor without its secret; a lie is refused and the token counts on."""
    await http.post("/v1/policy", json={"source": POLICY})
    whose, token = await _token(http, "shop")
    other, _ = await _token(http, "other")
    assert (await http.post(GIVES_BACK, data={"token": token}, auth=other)).json()["error"] == "invalid_grant"
    assert (await http.post(GIVES_BACK, data={"token": token}, auth=(whose[0], "wrong"))).status_code == 401
    http.headers.pop("Authorization")
    assert (await http.post(GIVES_BACK, data={"token": token, "client_id": whose[0]})).status_code == 401
    assert (await http.post(GIVES_BACK, data={}, auth=whose)).status_code == 400


async def test_where_it_is_stands_in_the_metadata(open_http: httpx.AsyncClient) -> None:
    """RFC 8414."""
    said = (await open_http.get("/.well-known/oauth-authorization-server")).json()
    assert said["revocation_endpoint"] == "http://control.test/oauth2/revoke"
    assert "none" in said["revocation_endpoint_auth_methods_supported"]
