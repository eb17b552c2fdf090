"""Users, scopes and credentials over the admin API."""

import base64

import httpx
import pytest

from control.identity.people import SignedIn
from control.identity.people.second_factors import STEP_S, totp
from control.mesh import Mesh

from .conftest import POLICY

PASSWORD = "violet otters juggle"


def signed_in(mesh: Mesh) -> str:
    """A cookie of ann's."""
    outcome = mesh.people.sign_in.password("ann", PASSWORD, "192.0.2.1")
    assert isinstance(outcome, SignedIn)
    return mesh.people.sessions.begin(outcome, "192.0.2.1", "Browser/1")


async def test_the_life_of_a_user(http: httpx.AsyncClient, mesh: Mesh) -> None:
    """Named by username or id; the id is ours; what is changed shows in its tag."""
    made = await http.post("/v1/users", json={"username": "Ann", "name": "Ann", "email": "ann@shop.test"})
    ann = made.json()
    assert (made.status_code, made.headers["location"]) == (201, f"/v1/users/{ann['id']}")
    assert (ann["active"], ann["has_password"], ann["expires_at"]) == (True, False, None)
    for key in ("ann", "ANN", ann["id"]):
        assert (await http.get(f"/v1/users/{key}")).json() == ann
    tag = made.headers["etag"]
    changed = await http.patch("/v1/users/ann", json={"lifetime_s": 60}, headers={"If-Match": tag})
    assert changed.json()["expires_at"] - ann["created_at"] in (60, 61)
    assert (await http.patch("/v1/users/ann", json={"name": ""}, headers={"If-Match": tag})).status_code == 412
    assert (await http.patch("/v1/users/ann", json={"lifetime_s": None})).json()["expires_at"] is None
    assert (await http.delete("/v1/users/ann")).status_code == 204
    assert (await http.get(f"/v1/users/{ann['id']}")).status_code == 404
    assert mesh.audit(1)[0].action == "user.remove"


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"username": "ann"}, 409),
        ({"username": "\uff41NN"}, 409),
        ({"username": "a b"}, 422),
        ({"username": "bob", "email": "bob"}, 422),
        ({"username": "bob", "id": "mine"}, 422),
        ({"username": "bob", "active": False}, 422),
        ({"username": "bob", "password": PASSWORD}, 422),
        ({"username": "bob", "lifetime_s": 0}, 422),
        ({}, 422),
    ],
)
async def test_what_is_refused(http: httpx.AsyncClient, body: dict[str, object], status: int) -> None:
    """Nobody chooses an id, a state or a password for somebody; and no name twice."""
    await http.post("/v1/users", json={"username": "ann"})
    answer = await http.post("/v1/users", json=body)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    assert len((await http.get("/v1/users")).json()["users"]) == 1


async def test_users_in_pages(http: httpx.AsyncClient) -> None:
    """By username, each once, also while others come."""
    for name in ("cid", "Ann", "bob"):
        await http.post("/v1/users", json={"username": name})
    first = (await http.get("/v1/users", params={"limit": 2})).json()
    await http.post("/v1/users", json={"username": "aaron"})
    second = (await http.get("/v1/users", params={"limit": 2, "cursor": first["next"]})).json()
    assert [one["username"] for one in first["users"] + second["users"]] == ["Ann", "bob", "cid"]
    assert second["next"] is None
    assert (await http.get("/v1/users", params={"cursor": "WzFd"})).status_code == 422


async def test_a_link_sets_the_password_once(http: httpx.AsyncClient, mesh: Mesh) -> None:
    """It leads to our page; who is turned off gets none."""
    await http.post("/v1/users", json={"username": "ann"})
    made = await http.post("/v1/users/ann/reset-link", json={"lifetime_s": 60})
    page, _, secret = made.json()["link"].partition("?token=")
    assert (made.status_code, page) == (201, "http://control.test/account/reset")
    assert mesh.people.passwords.reset(secret, PASSWORD).has_password
    assert (await http.get("/v1/users/ann")).json()["has_password"]
    await http.patch("/v1/users/ann", json={"active": False})
    assert (await http.post("/v1/users/ann/reset-link")).status_code == 409


async def test_sessions_and_second_factors(http: httpx.AsyncClient, mesh: Mesh) -> None:
    """Listed without their cookies, ended one by one or all; each is an entry of the audit trail."""
    ann = mesh.people.users.create("ann", "op")
    mesh.people.passwords.reset(mesh.people.passwords.link("ann", "op")[1], PASSWORD)
    cookies = [signed_in(mesh) for _ in range(3)]
    told = await http.get("/v1/users/ann/sessions")
    sessions = told.json()["sessions"]
    assert {one["agent"] for one in sessions} == {"Browser/1"} and sessions[0]["amr"] == ["pwd"]
    assert not any(cookie in told.text for cookie in cookies)
    assert (await http.delete(f"/v1/users/ann/sessions/{sessions[0]['id']}")).status_code == 204
    assert (await http.delete(f"/v1/users/ann/sessions/{sessions[0]['id']}")).status_code == 404
    assert (await http.delete("/v1/users/ann/sessions")).json() == {"ended": 2}
    assert mesh.audit(1)[0].action == "session.end" and mesh.audit(1)[0].actor == "environment"
    assert not any(mesh.people.sessions.find(cookie) for cookie in cookies)
    assert (await http.delete("/v1/users/ann/second-factor")).status_code == 404
    secret = base64.b32decode(mesh.people.second_factors.begin(ann.id).secret_base32)
    mesh.people.second_factors.confirm(ann.id, totp(secret, int(mesh.now()) // STEP_S).decode())
    answer = await http.delete("/v1/users/ann/second-factor")
    assert (answer.status_code, answer.json()["has_second_factor"]) == (200, False)
    assert mesh.audit(1)[0].action == "second_factor.remove"


async def test_scopes_are_described(http: httpx.AsyncClient, mesh: Mesh) -> None:
    """Under any name that a scope may have; not removed while an application may ask for it."""
    made = await http.post("/v1/scopes", json={"name": "https://shop.test/read", "description": "See your orders"})
    assert made.status_code == 201
    assert (await http.get(made.headers["location"])).json() == made.json()
    told = mesh.people.scopes.describe(["email", "https://shop.test/read", "none"])
    assert told == {"email": "See your e-mail address", "https://shop.test/read": "See your orders", "none": "none"}
    await http.post("/v1/apps", json={"name": "web", "scopes": ["https://shop.test/read"]})
    assert (await http.delete(made.headers["location"])).status_code == 409
    await http.patch("/v1/apps/web", json={"scopes": []})
    assert (await http.delete(made.headers["location"])).status_code == 204
    assert (await http.post("/v1/scopes", json={"name": "a b", "description": "x"})).status_code == 422


async def test_an_application_has_several_secrets(http: httpx.AsyncClient) -> None:
    """One takes another's place while both count; none is shown again."""
    await http.post("/v1/policy", json={"source": POLICY})
    app = (await http.post("/v1/apps", json={"name": "web"})).json()
    made = await http.post("/v1/credentials", json={"app": "web", "name": "spring"})
    told = await http.get("/v1/credentials", params={"app": "web"})
    ids = [one["id"] for one in told.json()["credentials"]]
    assert len(ids) == 2 and made.json()["client_secret"] not in told.text and app["client_secret"] not in told.text
    (old,) = set(ids) - {made.json()["id"]}
    operator = http.headers.pop("Authorization")

    async def asks(secret: str) -> int:
        form = {"grant_type": "client_credentials"}
        return (await http.post("/oauth2/token", data=form, auth=(app["client_id"], secret))).status_code

    assert [await asks(app["client_secret"]), await asks(made.json()["client_secret"])] == [200, 200]
    http.headers["Authorization"] = operator
    off = await http.patch(f"/v1/credentials/{old}", json={"active": False})
    assert off.json()["active"] is False
    http.headers.pop("Authorization")
    assert [await asks(app["client_secret"]), await asks(made.json()["client_secret"])] == [401, 200]
    http.headers["Authorization"] = operator
    assert (await http.delete(f"/v1/credentials/{old}")).status_code == 204
    assert (await http.get(f"/v1/credentials/{old}")).status_code == 404
    assert (await http.post("/v1/credentials", json={"app": "nobody"})).status_code == 404
