"""The audit trail is whole: every endpoint that changes something leaves one entry, and no entry holds a secret."""

import json
import re
from collections.abc import Mapping
from typing import Any

import httpx
import pytest

from control.api.app import rooms
from control.mesh import Mesh

from .conftest import OPERATOR, POLICY

Body = Mapping[str, Any]
CHANGES: tuple[tuple[str, str, Body | None, str], ...] = (
    ("POST /v1/policy", "/v1/policy", {"source": POLICY, "env": {"A": "env-secret-0001"}}, "push"),
    ("POST /v1/policy", "/v1/policy", {"source": POLICY, "note": "again"}, "push"),
    ("POST /v1/versions/{version}/rollback", "/v1/versions/1/rollback", None, "rollback"),
    ("POST /v1/apps", "/v1/apps", {"name": "web", "scopes": ["a"]}, "application.create"),
    ("PATCH /v1/apps/{key}", "/v1/apps/web", {"scopes": ["b"]}, "application.update"),
    ("POST /v1/apps/{key}/secret", "/v1/apps/web/secret", None, "application.rotate_secret"),
    ("POST /v1/tokens", "/v1/tokens", {"app": "web"}, "token.issue"),
    ("POST /v1/api-keys", "/v1/api-keys", {"subject": "s", "name": "k", "app": "web"}, "api_key.create"),
    ("PATCH /v1/api-keys/{key}", "/v1/api-keys/k", {"scopes": ["c"]}, "api_key.update"),
    ("DELETE /v1/api-keys/{key}", "/v1/api-keys/k", None, "api_key.remove"),
    ("POST /v1/clients", "/v1/clients", {"app": "web", "redirect_uris": ["https://web.test/"]}, "client.register"),
    ("PATCH /v1/clients/{key}", "/v1/clients/web", {"public": True}, "client.update"),
    ("DELETE /v1/clients/{key}", "/v1/clients/web", None, "client.remove"),
    ("POST /v1/credentials", "/v1/credentials", {"app": "web"}, "credential.create"),
    ("PATCH /v1/credentials/{key}", "/v1/credentials/{id}", {"active": False}, "credential.update"),
    ("DELETE /v1/credentials/{key}", "/v1/credentials/{id}", None, "credential.remove"),
    ("POST /v1/scopes", "/v1/scopes", {"name": "see", "description": "See it"}, "scope.create"),
    ("PATCH /v1/scopes/{key}", "/v1/scopes/see", {"description": "See all"}, "scope.update"),
    ("DELETE /v1/scopes/{key}", "/v1/scopes/see", None, "scope.remove"),
    ("POST /v1/users", "/v1/users", {"username": "ann"}, "user.create"),
    ("POST /v1/users/{key}/reset-link", "/v1/users/ann/reset-link", None, "user.reset_link"),
    ("PATCH /v1/users/{key}", "/v1/users/ann", {"active": False}, "user.update"),
    ("DELETE /v1/users/{key}", "/v1/users/ann", None, "user.remove"),
    ("DELETE /v1/apps/{key}", "/v1/apps/web", None, "application.remove"),
    ("POST /v1/join-tokens", "/v1/join-tokens", {"service": "orders"}, "join_token.create"),
    ("DELETE /v1/join-tokens/{key}", "/v1/join-tokens/{id}", None, "join_token.revoke"),
    ("POST /v1/operators", "/v1/operators", {"name": "ci", "role": "editor"}, "operator.create"),
    ("POST /v1/operators/{key}/credential", "/v1/operators/ci/credential", None, "operator.rotate"),
    ("DELETE /v1/operators/{key}", "/v1/operators/ci", None, "operator.remove"),
    ("POST /v1/keys/rotate", "/v1/keys/rotate", None, "key.prepare"),
    ("POST /v1/keys/rotate", "/v1/keys/rotate", {"now": True, "revoke_old": True}, "key.replace"),
    ("POST /v1/keys/{key}/revoke", "/v1/keys/{kid}/revoke", None, "key.revoke"),
    ("POST /v1/revocations", "/v1/revocations", {"by": "subject", "value": "ann"}, "revocation"),
)
ELSEWHERE = {
    "DELETE /v1/sidecars/{key}": "needs a sidecar: test_enrolment",
    "POST /v1/issuers/{key}/revoke-key": "needs a provider's key: test_providers",
    "POST /v1/canary/promote": "needs a canary: test_canaries",
    "POST /v1/canary/abort": "needs a canary: test_canaries",
    "POST /v1/canary": "needs a sidecar: test_canaries",
    "PUT /v1/freeze": "test_canaries",
    "DELETE /v1/freeze": "test_canaries",
    "DELETE /v1/users/{key}/sessions": "needs a session: test_users",
    "DELETE /v1/users/{key}/sessions/{session}": "needs a session: test_users",
    "DELETE /v1/users/{key}/second-factor": "needs a second factor: test_users",
    "POST /oauth2/register": "off unless it is turned on: test_registration",
    "PUT /oauth2/register/{client_id}": "the same: test_client_configuration",
    "DELETE /oauth2/register/{client_id}": "the same: test_client_configuration",
    "POST /oauth2/revoke": "needs a token: test_revocation_by_clients",
}
CHANGES_NOTHING = {
    "POST /oauth2/token",
    "POST /oauth2/introspect",
    "POST /oauth2/par",
    "POST /oauth2/device_authorization",
    "POST /oauth2/userinfo",
    "POST /v1/explain",
    "POST /v1/policy/check",
    "POST /v1/policy/diff",
}
SHOWN_ONCE = ("client_secret", "link", "credential", "key", "token", "access_token")
LOOKS = {"POST /v1/issuers/{key}/refresh"}
"""What it finds is a change that the system makes, with an entry of its own."""


def test_every_endpoint_that_changes_something_is_tried() -> None:
    """Whoever adds one adds it here, or says where its entry is tested."""
    offered = {
        f"{method.upper()} {path}"
        for path, methods in rooms().openapi()["paths"].items()
        for method in methods
        if method not in ("get", "head", "parameters")
    }
    assert offered == {change[0] for change in CHANGES} | ELSEWHERE.keys() | CHANGES_NOTHING | LOOKS


async def test_each_change_leaves_one_entry_without_a_secret(http: httpx.AsyncClient, mesh: Mesh) -> None:
    """Who, what, when, and the id that the answer had; what was shown once in an answer is in no entry."""
    secrets, last, entries = {OPERATOR, "env-secret-0001"}, dict[str, Any](), mesh.audit(1)
    for operation, path, body, action in CHANGES:
        before = entries[0].id if entries else 0
        method, keys = operation.partition(" ")[0], mesh.keys()
        kid = next(key.kid for key in keys if key.state == "active")
        answer = await http.request(method, path.format(id=last.get("id"), kid=kid), json=body)
        assert answer.is_success, answer.text
        last = answer.json() if answer.content else last
        secrets |= {last[name] for name in SHOWN_ONCE if name in last}
        entries = mesh.audit(10)
        new = [entry for entry in entries if entry.id > before]
        assert [(entry.actor, entry.action) for entry in new] == [("environment", action)], path
        assert new[0].request_id == answer.headers["x-request-id"]
        assert new[0].at > 0
        if "version" in last and body is not None and not path.startswith("/v1/keys"):
            assert new[0].subject == f"version {last['version']}" or new[0].detail.get("version")
    told = (await http.get("/v1/audit", params={"limit": 500})).text
    assert len(secrets) >= 8
    for secret in secrets:
        for part in {secret, *re.split(r"[._]", secret)}:
            assert len(part) < 16 or part not in told


async def test_refused_is_not_changed(http: httpx.AsyncClient, mesh: Mesh) -> None:
    """What was not done has no entry."""
    before = mesh.audit(1)
    for path, body in (("/v1/policy", {"source": "no"}), ("/v1/apps", {"name": " "}), ("/v1/tokens", {"app": "x"})):
        assert (await http.post(path, json=body)).status_code >= 400
    assert (await http.delete("/v1/apps/nobody")).status_code == 404
    assert mesh.audit(1) == before


async def test_it_is_read_in_pages_and_by_what_was_done(http: httpx.AsyncClient) -> None:
    """Newest first, each entry once, by cursor and by id; narrowed by who and by what."""
    for number in range(7):
        await http.post("/v1/apps", json={"name": f"app-{number}"})
    await http.post("/v1/join-tokens", json={"service": "orders"})
    whole = (await http.get("/v1/audit", params={"limit": 500})).json()
    assert whole["next"] is None
    ids = [entry["id"] for entry in whole["entries"]]
    assert ids == sorted(ids, reverse=True)
    paged, cursor = list[int](), None
    while True:
        page = (await http.get("/v1/audit", params={"limit": 3, **({"cursor": cursor} if cursor else {})})).json()
        paged += [entry["id"] for entry in page["entries"]]
        if (cursor := page["next"]) is None:
            break
    assert paged == ids

    async def asked(**query: Any) -> list[str]:
        answer = await http.get("/v1/audit", params=query)
        return [entry["action"] for entry in answer.json()["entries"]]

    assert await asked(action="application") == ["application.create"] * 7
    assert await asked(action="application.create", before=ids[1], limit=2) == ["application.create"] * 2
    assert await asked(action="app") == []
    assert await asked(action="%") == []
    assert await asked(actor="environment", action="join_token") == ["join_token.create"]
    assert await asked(actor="nobody") == []
    assert "join_token.create" not in await asked(actor="system")


@pytest.mark.parametrize(
    "query", [{"limit": 0}, {"limit": 501}, {"before": 0}, {"before": "x"}, {"cursor": "x"}, {"after": 1}]
)
async def test_what_cannot_be_asked(http: httpx.AsyncClient, query: dict[str, Any]) -> None:
    """A sentence."""
    assert (await http.get("/v1/audit", params=query)).status_code == 422


async def test_who_may_read_it(http: httpx.AsyncClient) -> None:
    """Any role; of narrowed credentials those with audit:read alone, and there is no audit:write."""
    for scopes, status in ((None, 200), (["audit:read"], 200), (["policy:write", "operators:write"], 403)):
        given = {"name": f"n{status}{bool(scopes)}", "role": "viewer", "scopes": scopes}
        made = (await http.post("/v1/operators", json=given)).json()
        answer = await http.get("/v1/audit", headers={"Authorization": f"Bearer {made['credential']}"})
        assert answer.status_code == status
    assert (await http.post("/v1/operators", json={**given, "name": "x", "scopes": ["audit:write"]})).status_code == 422
    assert "credential" not in json.dumps((await http.get("/v1/audit")).json())
