"""RFC 7662 over HTTP and a real mesh: what the sidecars would refuse does not count."""

from typing import Any

import httpx
import pytest

from control.mesh import Mesh

from .conftest import POLICY

CREDENTIALS = {"grant_type": "client_credentials"}


async def asked(http: httpx.AsyncClient, token: str, whose: tuple[str, str]) -> dict[str, Any]:
    """What ``whose`` is told."""
    answer = await http.post("/oauth2/introspect", data={"token": token}, auth=whose)
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store")
    said: dict[str, Any] = answer.json()
    return said


@pytest.mark.parametrize(
    "revocation",
    [
        {"by": "jti", "value": "jti"},
        {"by": "subject", "value": "sub"},
        {"by": "client", "value": "client_id"},
        {"by": "issuer"},
    ],
)
async def test_a_revoked_token_does_not_count(http: httpx.AsyncClient, mesh: Mesh, revocation: dict[str, str]) -> None:
    """However it was revoked; one that was issued to somebody else goes on."""
    mesh.push(POLICY, {}, {}, "test")
    app = (await http.post("/v1/apps", json={"name": "shop", "scopes": ["orders:read"]})).json()
    whose = (app["client_id"], app["client_secret"])
    token = (await http.post("/oauth2/token", data=CREDENTIALS, auth=whose)).json()["access_token"]
    said = await asked(http, token, whose)
    assert said["active"] and said["client_id"] == app["client_id"]
    by = {**revocation, "value": str(said[revocation["value"]])} if "value" in revocation else revocation
    await http.post("/v1/revocations", json={"by": "subject", "value": "somebody else"})
    assert (await asked(http, token, whose))["active"]
    assert (await http.post("/v1/revocations", json=by)).is_success
    assert await asked(http, token, whose) == {"active": False}


async def test_an_application_that_is_turned_off_has_no_token_that_counts(http: httpx.AsyncClient, mesh: Mesh) -> None:
    """Nor does one whose key was revoked."""
    mesh.push(POLICY, {}, {}, "test")
    await http.post("/v1/apps", json={"name": "shop"})
    orders = (await http.post("/v1/apps", json={"name": "orders"})).json()
    token = (await http.post("/v1/tokens", json={"app": "shop"})).json()["access_token"]
    service = (orders["client_id"], orders["client_secret"])
    assert (await asked(http, token, service))["active"]
    await http.patch("/v1/apps/shop", json={"active": False})
    assert await asked(http, token, service) == {"active": False}
    await http.patch("/v1/apps/shop", json={"active": True})
    await http.post("/v1/keys/rotate", json={"now": True, "revoke_old": True})
    assert await asked(http, token, service) == {"active": False}
