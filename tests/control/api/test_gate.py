"""Who may come in, and how large, slow and odd a request may be."""

from pathlib import Path

import httpx
import pytest
import trio
from starlette.types import Message
from trio.testing import MockClock

from control.api.app import ROOMS
from control.api.gate import BODY_TIMEOUT_S, MAX_BODY_BYTES, MAX_OPEN_BODY_BYTES
from control.api.issuer import OPEN
from control.app import site
from control.dashboard import dashboard
from control.distribution import PushServer
from control.mesh import Mesh

from .conftest import OPERATOR

EVERYWHERE = (*ROOMS, dashboard)
PROBLEM = "application/problem+json"


def _routes() -> list[tuple[str, str]]:
    return sorted(
        (method, route.path) for room in EVERYWHERE for route in room.router.routes for method in route.methods
    )


@pytest.mark.parametrize(("method", "path"), _routes())
async def test_nothing_is_open_by_accident(open_http: httpx.AsyncClient, method: str, path: str) -> None:
    """Every route that is not on the list of open ones, nor the status page, asks for the credential."""
    if path in OPEN or path in ("/", "/login", "/logout"):
        return
    answer = await open_http.request(method, path.replace("{version}", "1").replace("{key}", "x"))
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == 'Bearer realm="control"'
    assert answer.headers["content-type"] == PROBLEM


@pytest.mark.parametrize("path", ["/v1", "/v1/", "/v1/nothing", "/v1/openapi.json", "/v1/../v1/apps"])
async def test_what_does_not_exist_is_not_told_to_strangers(open_http: httpx.AsyncClient, path: str) -> None:
    """Under /v1 a stranger learns nothing, not even what there is."""
    assert (await open_http.get(path)).status_code == 401


@pytest.mark.parametrize(
    "value",
    ["Bearer", "Bearer ", "Bearer wrong", f"Basic {OPERATOR}", OPERATOR, f"Bearer {OPERATOR} x", f"Bearer x{OPERATOR}"],
)
async def test_other_credentials_are_401(open_http: httpx.AsyncClient, value: str) -> None:
    """Neither a wrong credential nor one in another form comes in."""
    answer = await open_http.get("/v1/apps", headers={"Authorization": value})
    assert answer.status_code == 401
    assert OPERATOR not in answer.text


async def test_two_credentials_are_401(open_http: httpx.AsyncClient) -> None:
    """One Authorization header or none, never a choice between two."""
    several = [("Authorization", f"Bearer {OPERATOR}"), ("Authorization", "Bearer other")]
    assert (await open_http.get("/v1/apps", headers=several)).status_code == 401


async def test_the_scheme_is_case_insensitive(open_http: httpx.AsyncClient) -> None:
    """RFC 9110 section 11.1."""
    answer = await open_http.get("/v1/apps", headers={"Authorization": f"bEARER {OPERATOR}"})
    assert answer.status_code == 200


async def test_bytes_that_are_no_text_are_401(open_http: httpx.AsyncClient) -> None:
    """A credential of any bytes is only a wrong one."""
    headers = {b"Authorization": b"Bearer \xff\xfe\x80"}
    assert (await open_http.get("/v1/apps", headers=headers)).status_code == 401


async def test_guessing_is_429(mock_clock: MockClock, open_http: httpx.AsyncClient) -> None:
    """After twenty wrong tries an address is told to wait, whatever it shows."""
    for _ in range(20):
        await open_http.get("/v1/apps", headers={"Authorization": "Bearer wrong"})
    answer = await open_http.get("/v1/apps", headers={"Authorization": f"Bearer {OPERATOR}"})
    assert answer.status_code == 429
    assert answer.headers["retry-after"] == "1"
    assert answer.headers["content-type"] == PROBLEM


async def test_guessing_at_the_token_endpoint_is_429(mock_clock: MockClock, open_http: httpx.AsyncClient) -> None:
    """Client secrets are guarded as the operator's is."""
    statuses = [
        (await open_http.post("/oauth2/token", data={"grant_type": "client_credentials"}, auth=("a", "b"))).status_code
        for _ in range(21)
    ]
    assert statuses[0] == 401
    assert statuses[-1] == 429


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v1/nothing", 404),
        ("GET", "/nothing", 404),
        ("PUT", "/v1/apps", 405),
        ("GET", "/oauth2/token", 405),
        ("GET", "/docs", 404),
        ("GET", "/openapi.json", 404),
        ("POST", "/v1/apps/", 404),
        ("GET", "/v1/versions/0", 422),
        ("GET", "/v1/versions/x", 422),
        ("GET", "/v1/versions/99999999999999999999999999", 422),
        ("GET", "/v1/versions/9007199254740991", 404),
        ("GET", "/v1/versions?limit=0", 422),
        ("GET", "/v1/versions?before=x", 422),
        ("GET", "/v1/versions/1/rollout?wait_s=nan", 422),
        ("GET", "/v1/versions/1/rollout?wait_s=1e9", 422),
        ("GET", "/v1/versions/1/rollout", 404),
        ("GET", "/v1/policy", 404),
        ("GET", "/v1/policy?version=-1", 422),
        ("DELETE", "/v1/apps/x", 404),
        ("DELETE", "/v1/sidecars/x", 404),
        ("DELETE", "/v1/join-tokens/x", 404),
        ("POST", "/v1/versions/1/rollback", 404),
        ("POST", "/v1/keys/x/revoke", 404),
    ],
)
async def test_refusals_are_problem_documents(http: httpx.AsyncClient, method: str, path: str, status: int) -> None:
    """RFC 9457, with a stable word and a sentence, whatever refused."""
    answer = await http.request(method, path)
    assert answer.status_code == status
    assert answer.headers["content-type"] == PROBLEM
    said = answer.json()
    assert said["status"] == status
    assert said["code"] and said["detail"] and said["title"]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"{", 400),
        (b"\xff\xfe", 400),
        (b"[" * 100_000, 400),
        (b'{"name": ' + b"9" * 5000 + b"}", 400),
        (b"null", 422),
        (b"[]", 422),
        (b"{}", 422),
        (b'{"name": 1}', 422),
        (b'{"name": "x", "scope": []}', 422),
        (b'{"name": "\\ud800"}', 422),
        (b'{"name": NaN}', 400),
        (b'{"name": "a", "name": "b"}', 422),
        (b'{"name": "a", "\\u006eame": "b"}', 422),
        (b'{"name": "a", "scopes": [{"b": 1, "b": 1}]}', 422),
        ('{"name": "a"}'.encode("utf-16"), 400),
        (b'{"name": ""}', 422),
    ],
)
async def test_bad_bodies_are_refused(http: httpx.AsyncClient, body: bytes, status: int) -> None:
    """Not JSON is 400, JSON of another shape, or with a name said twice, is 422; neither is a fault of ours."""
    answer = await http.post("/v1/apps", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == status
    assert answer.headers["content-type"] == PROBLEM


async def test_what_was_sent_is_not_quoted(http: httpx.AsyncClient) -> None:
    """A refusal repeats no value: it could be a secret."""
    answer = await http.post("/v1/explain", json={"service": "orders", "token": ["s3cret"], "s3cret2": "s3cret3"})
    assert answer.status_code == 422
    assert "s3cret" not in answer.text.replace("s3cret2", "")


async def test_a_large_body_is_413(http: httpx.AsyncClient) -> None:
    """Announced or found out, a body over the limit is refused."""
    assert (await http.post("/v1/policy", content=b" " * (MAX_BODY_BYTES + 1))).status_code == 413

    async def unannounced() -> object:
        for _ in range(MAX_BODY_BYTES // 65536 + 1):
            yield b" " * 65536

    assert (await http.post("/v1/policy", content=unannounced())).status_code == 413  # type: ignore[arg-type]


async def test_strangers_have_less_room(open_http: httpx.AsyncClient) -> None:
    """The open endpoints take small bodies only."""
    assert (await open_http.post("/oauth2/token", content=b"a" * (MAX_OPEN_BODY_BYTES + 1))).status_code == 413


async def test_a_slow_body_is_408(mesh: Mesh, autojump_clock: MockClock) -> None:
    """A body that does not come is not waited for."""
    sent: list[Message] = []

    async def never() -> Message:
        await trio.sleep_forever()
        raise AssertionError

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": "POST",
        "path": "/oauth2/token",
        "raw_path": b"/oauth2/token",
        "query_string": b"",
        "headers": [],
        "client": ("192.0.2.1", 1),
        "server": ("control.test", 80),
        "scheme": "http",
        "http_version": "1.1",
    }
    began = trio.current_time()
    await site(mesh, PushServer(mesh))(scope, never, send)
    assert sent[0]["status"] == 408
    assert trio.current_time() - began == pytest.approx(BODY_TIMEOUT_S)


async def test_answers_are_not_kept_and_not_framed(http: httpx.AsyncClient) -> None:
    """No cache keeps an answer, no page frames it, no origin reads it."""
    answer = await http.get("/v1/apps", headers={"Origin": "https://evil.test"})
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
    assert "access-control-allow-origin" not in answer.headers


async def test_a_revoked_operator_is_out(http: httpx.AsyncClient, mesh: Mesh) -> None:
    """A credential that was taken back counts no more, at once."""
    ann, credential = mesh.operators.create("ann", "test")
    http.headers["Authorization"] = f"Bearer {credential}"
    assert (await http.get("/v1/apps")).status_code == 200
    mesh.operators.revoke(ann.id, "test")
    assert (await http.get("/v1/apps")).status_code == 401


async def test_the_description_is_whole(http: httpx.AsyncClient, tmp_path: Path) -> None:
    """The OpenAPI document names every path of the admin API."""
    described = (await http.get("/v1/openapi.json")).json()["paths"]
    assert {path for _, path in _routes() if path.startswith("/v1")} <= set(described)
