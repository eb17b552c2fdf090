"""The admin API in HTTP's own words: tags, preconditions, media types, methods, and refusals (RFC 9110, RFC 9457)."""

import inspect
import sqlite3
import uuid
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import httpx
import pytest
from fastapi.routing import APIRoute

from control.api import issuer
from control.api.described import _accepts
from control.mesh import Mesh
from control.store.sqlite import FILE_NAME

from .conftest import OPERATOR, POLICY

PROBLEM = "application/problem+json"


@pytest.fixture
def shop(mesh: Mesh) -> Iterator[str]:
    """An application called shop, an API key, a join token and a policy."""
    mesh.push(POLICY, {}, {}, "test")
    mesh.applications.create("shop", "test")
    mesh.api_keys.create("ann", "test", name="build")
    yield mesh.create_join_token("orders", "test")[0].id


@pytest.mark.parametrize(
    "path", ["/v1/apps", "/v1/apps/shop", "/v1/policy", "/v1/versions", "/v1/sidecars", "/v1/keys"]
)
async def test_what_the_caller_has_is_304(http: httpx.AsyncClient, shop: str, path: str) -> None:
    """By a strong tag, a weak one or *, and with no body."""
    first = await http.get(path)
    tag = first.headers["etag"]
    for held in (tag, "W/" + tag, f'"other", {tag}', "*"):
        again = await http.get(path, headers={"If-None-Match": held})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    assert (await http.get(path, headers={"If-None-Match": '"other"'})).content == first.content


@pytest.mark.parametrize("value", ["x", '"x', '"a" "b"', "*, *", '"a",*', "W/x", "\"a'", ", ,", '""x'])
async def test_tags_that_are_none_are_400(http: httpx.AsyncClient, shop: str, value: str) -> None:
    """A condition that cannot be read is not guessed at: not for reading, and not for changing."""
    assert (await http.get("/v1/apps", headers={"If-None-Match": value})).status_code == 400
    assert (await http.delete("/v1/apps/shop", headers={"If-Match": value})).status_code == 400
    assert (await http.get("/v1/apps/shop")).status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("PATCH", "/v1/apps/shop", {"active": False}),
        ("DELETE", "/v1/apps/shop", None),
        ("POST", "/v1/apps/shop/secret", None),
        ("PATCH", "/v1/api-keys/build", {"scopes": ["a"]}),
        ("DELETE", "/v1/api-keys/build", None),
    ],
)
async def test_a_change_insists_on_what_was_seen(
    http: httpx.AsyncClient, mesh: Mesh, shop: str, method: str, path: str, body: object
) -> None:
    """412 and nothing changed if it is otherwise by now; else it is done, and the answer has the new tag."""
    place = path.removesuffix("/secret")
    seen = (await http.get(place)).headers["etag"]
    versions = len(mesh.history())
    for stale in ('"other"', "W/" + seen):
        late = await http.request(method, path, json=body, headers={"If-Match": stale})
        assert (late.status_code, late.json()["code"]) == (412, "precondition_failed")
    assert (await http.get(place)).headers["etag"] == seen and len(mesh.history()) == versions
    done = await http.request(method, path, json=body, headers={"If-Match": seen})
    assert done.status_code in (200, 204)
    if method == "PATCH":
        assert done.headers["etag"] == (await http.get(place)).headers["etag"] != seen


async def test_a_join_token_is_revoked_as_it_was_seen(http: httpx.AsyncClient, shop: str) -> None:
    """As the others are."""
    path = f"/v1/join-tokens/{shop}"
    assert (await http.delete(path, headers={"If-Match": '"other"'})).status_code == 412
    assert (await http.delete(path, headers={"If-Match": "*"})).status_code == 204


async def test_nobody_has_to_say_what_they_have_seen(http: httpx.AsyncClient, shop: str) -> None:
    """428 is never an answer."""
    assert (await http.delete("/v1/apps/shop")).status_code == 204


async def test_a_push_is_made_against_a_version(http: httpx.AsyncClient) -> None:
    """The tag of the policy is the newest version; 0 stands for none, and * for any but none."""
    body = {"source": POLICY}
    assert (await http.post("/v1/policy", json=body, headers={"If-Match": "*"})).status_code == 412
    assert (await http.post("/v1/policy", json=body, headers={"If-Match": '"0"'})).status_code == 201
    seen = (await http.get("/v1/policy")).headers["etag"]
    assert (await http.post("/v1/policy", json=body, headers={"If-Match": f'"900", {seen}'})).status_code == 201
    assert (await http.post("/v1/policy", json=body, headers={"If-Match": seen})).status_code == 412
    assert (await http.post("/v1/policy", json=body, headers={"If-Match": "*"})).status_code == 201


@pytest.mark.parametrize(
    ("path", "allow"),
    [
        ("/v1/apps", "GET, HEAD, POST"),
        ("/v1/apps/x", "DELETE, GET, HEAD, PATCH"),
        ("/v1/tokens", "POST"),
        ("/oauth2/token", "POST"),
    ],
)
async def test_405_says_what_there_is(http: httpx.AsyncClient, path: str, allow: str) -> None:
    """Every method of the path, not one route's."""
    answer = await http.put(path)
    assert (answer.status_code, answer.headers["allow"]) == (405, allow)
    assert answer.headers["content-type"] == PROBLEM


@pytest.mark.parametrize("path", ["/v1/apps", "/live", "/.well-known/jwks.json"])
async def test_head_is_get_without_a_body(http: httpx.AsyncClient, path: str) -> None:
    """With the same fields."""
    got, head = await http.get(path), await http.head(path)
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == got.headers["content-length"]


@pytest.mark.parametrize(
    ("accept", "status"),
    [
        ("application/json", 200),
        ("*/*", 200),
        ("text/html, application/*;q=0.1", 200),
        ("text/html", 406),
        ("*/*, application/json;q=0", 406),
        ("application/json;q=0.000, text/html", 406),
        ("nonsense", 406),
    ],
)
async def test_accept_is_honoured(http: httpx.AsyncClient, accept: str, status: int) -> None:
    """The answer is JSON, and a caller that excludes it is told so."""
    assert (await http.get("/v1/apps", headers={"Accept": accept})).status_code == status


def test_the_most_specific_range_says() -> None:
    """RFC 9110 section 12.5.1."""
    assert not _accepts("application/json;q=0, */*;q=1", "application/json")
    assert _accepts("application/json ; charset=utf-8 ; q=0.5, */*;q=0", "application/json")


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Content-Type": "application/json"}, 201),
        ({"Content-Type": "Application/JSON; charset=utf-8"}, 201),
        ({"Content-Type": "text/plain"}, 415),
        ({"Content-Type": "application/x-www-form-urlencoded"}, 415),
        ({}, 415),
        ({"Content-Type": "application/json", "Content-Encoding": "gzip"}, 415),
    ],
)
async def test_a_body_says_that_it_is_json(http: httpx.AsyncClient, headers: dict[str, str], status: int) -> None:
    """A form that a browser would send to anyone is none."""
    assert (await http.post("/v1/apps", content=b'{"name": "a"}', headers=headers)).status_code == status


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("limit=1", 200),
        ("limit=1&limit=2", 422),
        ("limi=1", 422),
        ("before=1&x", 422),
        ("&".join(f"a{n}=1" for n in range(60)), 400),
        ("limit=%ff", 400),
    ],
)
async def test_the_query_is_known(http: httpx.AsyncClient, query: str, status: int) -> None:
    """A slip is an error and no other question."""
    assert (await http.get(f"/v1/versions?{query}")).status_code == status


async def test_every_answer_has_an_id(http: httpx.AsyncClient) -> None:
    """And a refusal is an instance of it, with a type of its own."""
    one, other = await http.get("/v1/apps/none"), await http.get("/v1/apps")
    said = one.json()
    assert said["instance"] == f"urn:uuid:{uuid.UUID(one.headers['x-request-id'])}"
    assert said["type"] == "urn:sidegate:problem:not_found"
    assert one.headers["x-request-id"] != other.headers["x-request-id"]


@pytest.mark.parametrize("path", ["/v1/apps", "/.well-known/jwks.json"])
async def test_a_database_that_is_away_is_503(http: httpx.AsyncClient, mesh: Mesh, tmp_path: Path, path: str) -> None:
    """Before the credential is known and after: come back, and not a fault of ours; nothing of it is told."""
    with closing(sqlite3.connect(tmp_path / "data" / FILE_NAME)) as damaged:
        for table in ("operator", "signing_key"):
            damaged.execute(f"ALTER TABLE {table} RENAME TO {table}_s3cret")
    answer = await http.get(path)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")
    assert answer.headers["content-type"] == PROBLEM
    assert "table" not in answer.text and OPERATOR not in answer.text


async def test_a_rollback_is_made_against_a_version(http: httpx.AsyncClient, shop: str) -> None:
    """Who goes back does not undo what they have not seen; the new version's address is in the answer."""
    seen = (await http.get("/v1/policy")).headers["etag"]
    assert (await http.post("/v1/versions/1/rollback", headers={"If-Match": '"900"'})).status_code == 412
    made = await http.post("/v1/versions/1/rollback", headers={"If-Match": seen})
    assert made.status_code == 201
    assert (await http.get(made.headers["location"])).json() == made.json()
    assert (await http.post("/v1/versions/1/rollback", headers={"If-Match": seen})).status_code == 412


def test_a_token_takes_one_thread() -> None:
    """What the route is handed is looked up on the event loop: FastAPI would take a thread for a plain function."""
    (route,) = [one for one in issuer.router.routes if isinstance(one, APIRoute) and one.path == "/oauth2/token"]
    assert route.dependant.dependencies
    assert all(inspect.iscoroutinefunction(one.call) for one in route.dependant.dependencies)
