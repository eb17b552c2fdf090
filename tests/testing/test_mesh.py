"""The test mesh, used as a user would use it."""

import json
import urllib.request
from pathlib import Path

import pytest
import trio

from control.policy import PolicyErrors
from control.testing.mesh import Mesh, MeshError
from control.testing.messages import Request, Response

POLICY = """\
trust_domain: shop.test
issuers:
  own: {builtin: true}
  partner:
    issuer: https://issuer.test/
    audience: [orders]
    jwks: {secret: {env: PARTNER_SECRET}}
    algorithms: [HS256]
services:
  orders:
    routes:
      - {path: /public/**, access: public}
      - {path: "/orders/{id}", methods: [GET], require: {scopes: [orders:read]}}
      - {path: /tenants/**, require: {claims: {tenant: acme, realm.roles: {any: [clerk, boss]}}}}
      - {path: /**}
    forward: {headers: {X-Tenant: claims.tenant}}
  web:
    issuers: [own]
    routes:
      - {path: /**}
"""


async def test_a_decision_from_token_to_service(mesh: Mesh) -> None:
    """No token 401, the wrong scope 403, the right one 200, and the service sees who called."""
    await mesh.push(POLICY)
    orders = await mesh.service("orders", {"id": 7})
    assert (await orders.get("/orders/7")).reason == "missing_token"
    refused = await orders.get("/orders/7", token=mesh.token(scope="orders:write"))
    assert (refused.status, refused.reason) == (403, "insufficient_scope")
    answer = await orders.get("/orders/7?x=1", token=mesh.token(scope="orders:read", sub="ada", tenant="acme"))
    assert (answer.status, answer.json()) == (200, {"id": 7})
    [seen] = orders.seen
    assert seen.target == "/orders/7?x=1"
    assert seen.headers["x-auth-subject"] == "ada"
    assert seen.headers["x-tenant"] == "acme"
    assert "authorization" not in seen.headers


async def test_any_issuer_of_the_policy_can_be_spoken_for(mesh: Mesh) -> None:
    """A token of an outside issuer passes where the policy takes it, and nowhere else."""
    await mesh.push(POLICY)
    orders = await mesh.service("orders")
    web = await mesh.service("web")
    token = mesh.token("partner", scope="orders:read")
    assert (await orders.get("/orders/7", token=token)).status == 200
    assert (await web.get("/", token=token)).reason == "invalid_token"
    assert (await web.get("/", token=mesh.token(service="orders"))).reason == "invalid_token"
    with pytest.raises(MeshError, match="nobody"):
        mesh.token("nobody")


async def test_claims_decide(mesh: Mesh) -> None:
    """Nested claims and lists, as the policy asks for them."""
    await mesh.push(POLICY)
    orders = await mesh.service("orders")
    boss = mesh.token(tenant="acme", realm={"roles": ["boss"]})
    guest = mesh.token(tenant="acme", realm={"roles": ["guest"]})
    assert (await orders.get("/tenants/x", token=boss)).status == 200
    assert (await orders.get("/tenants/x", token=guest)).reason == "claims_refused"


async def test_a_push_is_in_force_when_it_returns(mesh: Mesh) -> None:
    """Pushed again, the next request is decided by the new policy; a wrong policy changes nothing."""
    await mesh.push(POLICY)
    orders = await mesh.service("orders")
    token = mesh.token(scope="orders:read")
    assert (await orders.get("/orders/7", token=token)).status == 200
    await mesh.push(POLICY.replace("orders:read", "orders:audit"))
    assert (await orders.get("/orders/7", token=token)).status == 403
    with pytest.raises(PolicyErrors, match=r"scopes"):
        await mesh.push(POLICY.replace("scopes:", "scope:"))
    assert (await orders.get("/orders/7", token=token)).status == 403


async def test_revocation_and_time(mesh: Mesh) -> None:
    """A revoked token and an expired one are refused; nobody has to wait for either."""
    await mesh.push(POLICY)
    orders = await mesh.service("orders")
    token, other = mesh.token(jti="one"), mesh.token(jti="two")
    await mesh.revoke("jti", "one")
    assert (await orders.get("/", token=token)).reason == "token_revoked"
    assert (await orders.get("/", token=other)).status == 200
    mesh.advance(400)
    assert (await orders.get("/", token=other)).reason == "token_expired"


async def test_before_the_first_policy_everything_is_503(mesh: Mesh) -> None:
    """Fail closed on what was never known."""
    orders = await mesh.service("orders")
    assert (await orders.get("/public/x")).reason == "no_snapshot"
    await mesh.push(POLICY)
    assert (await orders.get("/public/x")).status == 200


async def test_slips_are_told(mesh: Mesh) -> None:
    """A path given as text, an issuer that is none; and a failing assert shows the reason first."""
    with pytest.raises(MeshError, match=r"push\(Path\('policy.yaml'\)\)"):
        await mesh.push("policy.yaml")
    await mesh.push(POLICY)
    with pytest.raises(MeshError, match="accepted: own, partner"):
        mesh.token("partnr")
    orders = await mesh.service("orders")
    assert repr(await orders.get("/orders/7")).startswith("<Response 401 missing_token, body=")


async def test_a_service_can_be_a_function_of_the_request(mesh: Mesh) -> None:
    """Plain or async; bodies arrive and go back."""

    async def reply(request: Request) -> Response:
        await trio.lowlevel.checkpoint()
        return Response(201, {"got": request.json(), "by": request.headers["x-auth-subject"]})

    await mesh.push(POLICY)
    orders = await mesh.service("orders", reply)
    answer = await orders.post("/things", json={"a": 1}, token=mesh.token(sub="ada"))
    assert (answer.status, answer.json()) == (201, {"got": {"a": 1}, "by": "ada"})


async def test_a_service_can_be_an_asgi_app(mesh: Mesh) -> None:
    """A FastAPI application stands behind its sidecar without a port."""
    from fastapi import FastAPI, Header

    app = FastAPI()

    @app.get("/orders/{number}")
    async def read(number: int, x_auth_subject: str = Header()) -> dict[str, object]:
        return {"number": number, "subject": x_auth_subject}

    await mesh.push(POLICY)
    orders = await mesh.service("orders", asgi=app)
    answer = await orders.get("/orders/7", token=mesh.token(scope="orders:read"))
    assert answer.json() == {"number": 7, "subject": "tester"}


async def test_a_sidecar_can_listen_for_other_clients(mesh: Mesh) -> None:
    """Where a test needs a port there is one."""
    await mesh.push(POLICY)
    orders = await mesh.service("orders", {"id": 7}, listen=True)

    def fetch() -> object:
        with urllib.request.urlopen(orders.url + "/public/x", timeout=5) as answer:  # noqa: S310  # our own URL
            return json.load(answer)

    assert await trio.to_thread.run_sync(fetch) == {"id": 7}


async def test_services_call_each_other_through_their_sidecars(mesh: Mesh) -> None:
    """One simulated service calls another, as they would in the mesh."""
    await mesh.push(POLICY)
    orders = await mesh.service("orders", {"id": 7})

    async def shop(_request: Request) -> Response:
        found = await orders.get("/orders/7", token=mesh.token(scope="orders:read", sub="web"))
        return Response(found.status, found.content)

    web = await mesh.service("web", shop)
    assert (await web.get("/shop", token=mesh.token())).json() == {"id": 7}
    assert orders.seen[0].headers["x-auth-subject"] == "web"


async def test_a_policy_file_with_what_it_refers_to(mesh: Mesh, tmp_path: Path) -> None:
    """``push`` takes a path, as ``control push`` does."""
    path = tmp_path / "policy.yaml"
    path.write_text(POLICY)
    await mesh.push(path)
    orders = await mesh.service("orders")
    assert (await orders.get("/public/x")).status == 200
