"""RFC 7009 over HTTP: what a client gives back counts in no sidecar."""

import base64
import hashlib
from urllib.parse import parse_qs, urlencode, urlsplit

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


async def test_a_code_used_twice_ends_in_the_sidecars(http: httpx.AsyncClient, mesh: Mesh) -> None:
    """RFC 6749 section 4.1.2, over HTTP and a real mesh: the person's token was good, and is revoked by the replay."""
    await http.post("/v1/policy", json={"source": POLICY})
    app = (await http.post("/v1/apps", json={"name": "spa", "scopes": ["orders:read"]})).json()
    ann = mesh.people.users.create("ann", "test").id
    verifier, back = "v" * 43, "https://spa.shop.test/back"
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    mesh.clients.register(app["client_id"], [back], "ann", 0.0, public=True)
    asked = {"response_type": "code", "client_id": app["client_id"], "redirect_uri": back, "scope": "orders:read"}
    query = urlencode({**asked, "code_challenge": challenge, "code_challenge_method": "S256"})
    code = parse_qs(urlsplit(mesh.authorization.allow(query, ann)).query)["code"][0]
    form = {"grant_type": "authorization_code", "client_id": app["client_id"], "redirect_uri": back, "code": code}
    operator = http.headers.pop("Authorization")
    got = await http.post("/oauth2/token", data={**form, "code_verifier": verifier})
    http.headers["Authorization"] = operator
    token = got.json()["access_token"]
    asking = {"service": "orders", "method": "GET", "path": "/orders/7", "token": token}
    before = (await http.post("/v1/explain", json=asking)).json()
    assert (before["allowed"], before["principal"]["subject"]) == (True, ann)
    http.headers.pop("Authorization")
    assert (await http.post("/oauth2/token", data={**form, "code_verifier": verifier})).status_code == 400
    http.headers["Authorization"] = operator
    assert await _decided(http, token) == "token_revoked"
