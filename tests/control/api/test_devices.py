"""RFC 8628 over HTTP: a device that waits is no guesser, and its tokens count in the sidecars."""

import httpx

from control.mesh import Mesh

from .conftest import POLICY

DEVICE = "urn:ietf:params:oauth:grant-type:device_code"


async def test_waiting_is_not_held_against_a_device(http: httpx.AsyncClient, mesh: Mesh) -> None:
    """Many polls from one address are 400 as OAuth says it, and never 429; then come tokens."""
    mesh.push(POLICY, {}, {}, "test")
    ann = mesh.people.users.create("ann", "test").id
    app = (await http.post("/v1/apps", json={"name": "tv", "scopes": ["orders:read"]})).json()
    body = {"app": "tv", "public": True, "grant_types": [DEVICE]}
    assert (await http.post("/v1/clients", json=body)).status_code == 201
    operator = http.headers.pop("Authorization")
    told = (await http.post("/oauth2/device_authorization", data={"client_id": app["client_id"]})).json()
    form = {"grant_type": DEVICE, "device_code": told["device_code"], "client_id": app["client_id"]}
    for _ in range(40):
        answer = await http.post("/oauth2/token", data=form)
        assert (answer.status_code, answer.json()["error"] in ("authorization_pending", "slow_down")) == (400, True)
    assert mesh.issuer.device_authorization.allow(told["user_code"], ann)
    token = (await http.post("/oauth2/token", data=form)).json()["access_token"]
    http.headers["Authorization"] = operator
    asked = {"service": "orders", "method": "GET", "path": "/orders/7", "token": token}
    decided = (await http.post("/v1/explain", json=asked)).json()
    assert (decided["allowed"], decided["principal"]["subject"]) == (True, ann)
