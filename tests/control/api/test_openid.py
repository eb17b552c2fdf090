"""OpenID Connect over HTTP: discovery, userinfo, requests sent ahead. Nothing is named that is not served."""

from urllib.parse import urlsplit

import httpx

from control.mesh import Mesh

from .conftest import POLICY

AUTHORIZE = "/oauth2/authorize"


async def test_the_metadata_name_what_is_served(open_http: httpx.AsyncClient) -> None:
    """Each endpoint that they name is there, and what needs people is named where they are asked."""
    said = (await open_http.get("/.well-known/oauth-authorization-server")).json()
    asks_people = (await open_http.get(AUTHORIZE)).status_code != 404
    assert ("authorization_endpoint" in said) == ("authorization_code" in said["grant_types_supported"]) == asks_people
    found = await open_http.get("/.well-known/openid-configuration")
    assert (found.status_code == 200) == asks_people
    if asks_people:
        assert found.json()["id_token_signing_alg_values_supported"] == ["ES256"]
        assert said.items() <= found.json().items()
        said = found.json()
    endpoints = [url for name, url in said.items() if name.endswith(("_endpoint", "_uri"))]
    assert len(endpoints) >= 4
    for url in endpoints:
        assert (await open_http.get(urlsplit(url).path)).status_code != 404, url


async def test_userinfo_over_http(open_http: httpx.AsyncClient) -> None:
    """A challenge for whoever shows nothing; nothing is kept by anybody on the way."""
    for method in ("GET", "POST"):
        answer = await open_http.request(method, "/oauth2/userinfo")
        assert (answer.status_code, answer.headers["www-authenticate"]) == (401, 'Bearer realm="oauth2"')
        assert answer.headers["cache-control"] == "no-store"


async def test_a_request_is_sent_ahead_over_http(http: httpx.AsyncClient, mesh: Mesh) -> None:
    """RFC 9126, over a real mesh."""
    mesh.push(POLICY, {}, {}, "test")
    app = (await http.post("/v1/apps", json={"name": "web", "scopes": ["orders:read"]})).json()
    await http.post("/v1/clients", json={"app": "web", "redirect_uris": ["https://web.test/"]})
    asked = {"response_type": "code", "redirect_uri": "https://web.test/", "code_challenge_method": "S256"}
    auth = (app["client_id"], app["client_secret"])
    answer = await http.post("/oauth2/par", data={**asked, "code_challenge": "c" * 43}, auth=auth)
    assert (answer.status_code, answer.headers["cache-control"]) == (201, "no-store")
    query = f"client_id={app['client_id']}&request_uri={answer.json()['request_uri']}"
    assert mesh.authorization.look(query).name == "web"
