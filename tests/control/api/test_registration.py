"""RFC 7591 over HTTP: off until it is turned on, and then for operators who may."""

from typing import Any

import httpx

from control.mesh import Mesh

from .conftest import POLICY

CLIENT = {"client_name": "notes", "redirect_uris": ["https://notes.test/"]}


async def _registered(http: httpx.AsyncClient, mesh: Mesh) -> dict[str, Any]:
    mesh.let_clients_register()
    made = (await http.post("/v1/operators", json={"name": "registrar", "role": "editor"})).json()
    answer = await http.post("/oauth2/register", json=CLIENT, headers=_shown(made["credential"]))
    client: dict[str, Any] = answer.json()
    return client


def _shown(credential: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {credential}"}


async def test_a_client_comes_back_to_what_it_registered(http: httpx.AsyncClient, mesh: Mesh) -> None:
    """RFC 7592: read, changed and removed, at the URL that it was told; nothing is kept by who is in between; the audit
    trail says that it was the client; sidecars refuse its tokens."""
    mesh.push(POLICY, {}, {}, "test")
    client = await _registered(http, mesh)
    at, shown = client["registration_client_uri"], _shown(client["registration_access_token"])
    read = await http.get(at, headers=shown)
    assert (read.status_code, read.headers["cache-control"]) == (200, "no-store")
    body = {"client_id": client["client_id"], "redirect_uris": ["https://notes.test/new"]}
    assert (await http.put(at, json=body, headers=shown)).json()["redirect_uris"] == ["https://notes.test/new"]
    gone = await http.delete(at, headers=shown)
    assert (gone.status_code, gone.content) == (204, b"")
    assert {entry.by for entry in mesh.revocations()} == {"client", "subject"}
    for method in ("GET", "PUT", "DELETE"):
        answer = await http.request(method, at, headers=shown)
        assert answer.status_code == 401 and 'error="invalid_token"' in answer.headers["www-authenticate"]
    mine = {entry.action for entry in mesh.audit(20, actor=client["client_id"])}
    assert mine >= {"application.update", "client.update", "application.remove"}
    assert client["registration_access_token"] not in str(mesh.audit(50))


async def test_configuration_is_off_with_registration(http: httpx.AsyncClient) -> None:
    """There is nothing to come back to."""
    for method in ("GET", "PUT", "DELETE"):
        assert (await http.request(method, "/oauth2/register/web", headers=_shown("sgm_x"))).status_code == 404


async def test_who_guesses_registration_tokens_is_slowed(http: httpx.AsyncClient, mesh: Mesh) -> None:
    """As whoever guesses a secret; and the client itself goes on from where it is."""
    client = await _registered(http, mesh)
    at = client["registration_client_uri"]
    shown = _shown(client["registration_access_token"])
    assert (await http.get(at, headers=shown)).status_code == 200
    statuses = [(await http.get(at, headers=_shown(f"sgm_{number}"))).status_code for number in range(25)]
    assert statuses[0] == 401 and statuses[-1] == 429
    assert (await http.get(at, headers=shown)).status_code == 200


async def test_it_is_off(http: httpx.AsyncClient, mesh: Mesh) -> None:
    """Even with the operator's credential; and nothing names it."""
    assert (await http.post("/oauth2/register", json=CLIENT)).status_code == 404
    assert mesh.applications.list() == []
    assert "registration_endpoint" not in mesh.metadata(lambda _: True)


async def test_who_may_register_clients(http: httpx.AsyncClient, mesh: Mesh) -> None:
    """An editor, also one that is narrowed to identity:write; nobody else; the audit trail says who."""
    mesh.let_clients_register()
    assert mesh.metadata(lambda _: True)["registration_endpoint"] == "http://control.test/oauth2/register"
    for number, (role, scopes, status) in enumerate(
        [
            ("editor", ["identity:write"], 201),
            ("editor", ["identity:read"], 401),
            ("editor", ["policy:write"], 401),
            ("viewer", None, 401),
        ]
    ):
        body = {"name": f"who-{number}", "role": role, **({"scopes": scopes} if scopes else {})}
        made = (await http.post("/v1/operators", json=body)).json()
        shown = {"Authorization": f"Bearer {made['credential']}"}
        answer = await http.post("/oauth2/register", json=CLIENT, headers=shown)
        assert answer.status_code == status, (role, scopes)
    assert {entry.actor for entry in mesh.audit(20, action="client.register")} == {"who-0"}
