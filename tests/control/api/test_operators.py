"""Roles and scopes over the API: what each credential may ask, and what it is told otherwise."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest
from fastapi import APIRouter
from fastapi.routing import APIRoute

from control.api import access
from control.api.app import ROOMS
from control.api.preconditions import tag_of
from control.identity import Role
from control.identity.roles import covers, suffices
from control.mesh import Mesh

ENDPOINTS = sorted(
    (method, route.path, *access.requirement_of(route))
    for room in ROOMS
    for route in room.router.routes
    if isinstance(route, APIRoute) and route.path.startswith("/v1")
    for method in route.methods
)
UNASKED = {("POST", "/v1/keys/rotate"), ("GET", "/v1/events")}
"""Where it is allowed the one would be done, and the answer of the other has no end."""
As = Callable[..., httpx.AsyncClient]


@pytest.fixture
def as_one(open_http: httpx.AsyncClient, mesh: Mesh) -> As:
    """A client with a credential of its own."""

    def make(role: str, scopes: list[str] | None = None) -> httpx.AsyncClient:
        _, credential = mesh.operators.create("someone", "test", role=role, scopes=scopes)
        open_http.headers["Authorization"] = f"Bearer {credential}"
        return open_http

    return make


@pytest.mark.parametrize("mine", list(Role))
async def test_each_endpoint_asks_for_its_role(as_one: As, mine: Role) -> None:
    """Below it the answer is 403 and nothing happens; from it on it is anything else."""
    client = as_one(mine)
    for method, path, role, _ in ENDPOINTS:
        if (method, path) in UNASKED and suffices(mine, Role(role)):
            continue
        answer = await client.request(method, path.replace("{version}", "1").replace("{key}", "x"))
        assert (answer.status_code == 403) is not suffices(mine, Role(role)), (method, path)


@pytest.mark.parametrize("scope", ["policy:read", "policy:write", "identity:read", "revocations:write"])
async def test_scopes_narrow_a_credential(as_one: As, scope: str) -> None:
    """Role operator, and yet what its scope names alone."""
    client = as_one("operator", [scope])
    for method, path, _, needed in ENDPOINTS:
        if (method, path) == ("GET", "/v1/events") and covers([scope], needed):
            continue
        answer = await client.request(method, path.replace("{version}", "1").replace("{key}", "x"))
        assert (answer.status_code != 403) is (needed == access.ANY or covers([scope], needed)), (method, path)


def test_an_endpoint_that_says_nothing_is_not_served() -> None:
    """Forgetting it is found when control is put together, and not by a stranger."""
    router = APIRouter()

    @router.get("/v1/forgotten")
    def forgotten() -> None:
        return None

    with pytest.raises(ValueError, match="forgotten"):
        access.check(router.routes)


async def test_an_operator_from_first_to_last(http: httpx.AsyncClient, mesh: Mesh) -> None:
    """Made, seen, used, rotated and removed; the credential is in two answers alone."""
    made = await http.post("/v1/operators", json={"name": "ci", "role": "editor", "scopes": ["policy:write"]})
    assert made.status_code == 201
    credential = made.json()["credential"]
    assert credential.startswith("sgo_")
    listed = await http.get("/v1/operators")
    assert {one["name"] for one in listed.json()["operators"]} == {"environment", "ci"}
    assert credential not in listed.text
    own = {"Authorization": f"Bearer {credential}"}
    me = (await http.get("/v1/whoami", headers=own)).json()
    assert (me["name"], me["role"], me["scopes"], me["expires_at"]) == ("ci", "editor", ["policy:write"], None)
    rotated = await http.post("/v1/operators/ci/credential", json={"lifetime_s": 3600})
    assert rotated.json()["credential"] != credential
    assert (await http.get("/v1/whoami", headers=own)).status_code == 401
    assert (await http.delete("/v1/operators/ci")).status_code == 204
    assert (await http.get("/v1/operators/ci")).status_code == 404


async def test_nobody_is_shut_out(http: httpx.AsyncClient) -> None:
    """The credential that control was started with is not taken away, and the answer says what to do."""
    answer = await http.delete("/v1/operators/environment")
    assert (answer.status_code, answer.json()["code"]) == (409, "given_at_start")
    assert "CONTROL_TOKEN" in answer.json()["detail"]


async def test_two_operators_do_not_overwrite_each_other(http: httpx.AsyncClient, mesh: Mesh) -> None:
    """Who has not seen the newest is told so; a tag that holds, and *, go through."""
    made, _ = mesh.operators.create("ann", "test")
    stale: dict[str, Any] = {"If-Match": '"something-else"'}
    assert (await http.delete("/v1/operators/ann", headers=stale)).status_code == 412
    seen = (await http.get("/v1/operators/ann")).headers["etag"]
    assert seen == tag_of(made)
    again = await http.post("/v1/operators/ann/credential", headers={"If-Match": f'"x", {seen}'})
    assert again.status_code == 200
    assert (await http.delete("/v1/operators/ann", headers={"If-Match": seen})).status_code == 412
    assert (await http.delete("/v1/operators/ann", headers={"If-Match": "*"})).status_code == 204


@pytest.mark.parametrize(
    "body",
    [
        {"name": "ann", "role": "root"},
        {"name": "ann"},
        {"name": "ann", "role": "viewer", "scopes": []},
        {"name": "ann", "role": "viewer", "scopes": ["policy:delete"]},
        {"name": "ann", "role": "viewer", "lifetime_s": 0},
        {"name": "first", "role": "viewer"},
    ],
)
async def test_what_cannot_be_meant_is_refused(http: httpx.AsyncClient, body: dict[str, Any]) -> None:
    """422 and a sentence."""
    answer = await http.post("/v1/operators", json=body)
    assert answer.status_code == 422
    assert answer.json()["detail"]
