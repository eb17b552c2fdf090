"""RFC 7591 over HTTP: off until it is turned on, and then for operators who may."""

import httpx

from control.mesh import Mesh

CLIENT = {"client_name": "notes", "redirect_uris": ["https://notes.test/"]}


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
