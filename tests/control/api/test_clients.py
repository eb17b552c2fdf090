"""Clients over the admin API: registered, listed, changed and removed."""

import httpx

from control.mesh import Mesh

from .conftest import POLICY

BACK = "https://web.shop.test/back"
DEVICE = "urn:ietf:params:oauth:grant-type:device_code"


async def test_the_life_of_a_client(http: httpx.AsyncClient) -> None:
    """Named by its application's name, id or client_id."""
    await http.post("/v1/policy", json={"source": POLICY})
    app = (await http.post("/v1/apps", json={"name": "web"})).json()
    made = await http.post("/v1/clients", json={"app": "web", "redirect_uris": [BACK], "public": True})
    assert (made.status_code, made.headers["location"]) == (201, f"/v1/clients/{app['id']}")
    assert made.json() == {
        "id": app["id"],
        "client_id": app["client_id"],
        "name": "web",
        "redirect_uris": [BACK],
        "public": True,
        "grant_types": ["authorization_code"],
        "jwks": None,
    }
    for key in ("web", app["id"], app["client_id"]):
        assert (await http.get(f"/v1/clients/{key}")).json() == made.json()
    changes = {"public": False, "grant_types": ["authorization_code", DEVICE]}
    changed = await http.patch("/v1/clients/web", json=changes)
    assert changed.json() == {**made.json(), **changes}
    assert (await http.get("/v1/clients")).json() == {"clients": [changed.json()], "next": None}
    assert (await http.delete("/v1/clients/web")).status_code == 204
    assert (await http.get("/v1/clients/web")).status_code == 404
    assert (await http.get("/v1/apps/web")).status_code == 200


async def test_what_is_refused(http: httpx.AsyncClient) -> None:
    """With a sentence, and nothing is registered."""
    await http.post("/v1/apps", json={"name": "web"})
    for body, status in (
        ({"app": "nobody", "redirect_uris": [BACK]}, 404),
        ({"app": "web", "redirect_uris": ["http://web.shop.test/"]}, 422),
        ({"app": "web", "redirect_uris": [BACK], "grant_types": ["password"]}, 422),
        ({"app": "web", "redirect_uris": []}, 422),
        ({"app": "web", "redirect_uris": [BACK], "jwks": {"keys": [{"kty": "EC"}]}}, 422),
    ):
        assert (await http.post("/v1/clients", json=body)).status_code == status, body
    assert (await http.get("/v1/clients")).json()["clients"] == []
    assert (await http.post("/v1/clients", json={"app": "web", "redirect_uris": [BACK]})).status_code == 201
    assert (await http.post("/v1/clients", json={"app": "web", "redirect_uris": [BACK]})).status_code == 409


async def test_a_client_goes_with_its_application(http: httpx.AsyncClient, mesh: Mesh) -> None:
    """And a page of many is a page."""
    for number in range(3):
        await http.post("/v1/apps", json={"name": f"web-{number}"})
        await http.post("/v1/clients", json={"app": f"web-{number}", "redirect_uris": [BACK]})
    page = await http.get("/v1/clients", params={"limit": 2})
    assert [one["name"] for one in page.json()["clients"]] == ["web-0", "web-1"] and page.json()["next"]
    await http.delete("/v1/apps/web-0")
    assert len(mesh.clients.all()) == 2
