"""Hostile values in the admin API: each is refused in words, over SQLite and over PostgreSQL alike."""

import base64
import json

import httpx
import pytest

from control.errors import Denied
from control.mesh import Mesh
from sidecar.contract.messages import Join
from tests.control.api.conftest import OPERATOR, POLICY, http, mesh, open_http
from tests.control.either_store import either_store

__all__ = ["either_store", "http", "mesh", "open_http"]


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/v1/sidecars/a%00", None),
        ("DELETE", "/v1/sidecars/a%00", None),
        ("DELETE", "/v1/join-tokens/a%00", None),
        ("DELETE", "/v1/apps/a%00", None),
        ("POST", "/v1/keys/a%00/revoke", None),
        ("GET", "/v1/audit?actor=%00", None),
        ("GET", "/v1/audit?action=%00", None),
        ("PUT", "/v1/freeze", {"reason": "a\0"}),
        ("POST", "/v1/policy", {"source": POLICY, "note": "a\0"}),
        ("POST", "/v1/explain", {"service": "a\0", "method": "GET", "path": "/"}),
        ("POST", "/v1/revocations", {"by": "jti", "value": "a\0"}),
    ],
)
async def test_a_nul_is_no_fault(
    http: httpx.AsyncClient, mesh: Mesh, method: str, path: str, body: dict[str, str] | None
) -> None:
    """PostgreSQL's text cannot hold U+0000: whoever sends one is told, and is no line of a bug in the log."""
    mesh.push(POLICY, {}, {}, "test")
    answer = await http.request(method, path, json=body)
    assert answer.status_code < 500
    assert (await http.get("/v1/whoami")).status_code == 200


FORGED = ([True], [False], [1.5], [None], [[1]], ["a\0"], [2**53], [], [1, "a"], {}, 7)


async def test_a_forged_cursor(http: httpx.AsyncClient, mesh: Mesh) -> None:
    """Is refused, or leads to a place in the list that the caller may see anyway."""
    mesh.push(POLICY, {}, {}, "test")
    for path in ("/v1/audit", "/v1/versions", "/v1/sidecars", "/v1/apps", "/v1/join-tokens"):
        for forged in FORGED:
            cursor = base64.urlsafe_b64encode(json.dumps(forged).encode()).decode()
            assert (await http.get(path, params={"cursor": cursor})).status_code in (200, 422)


@pytest.mark.parametrize("token_id", ["a\0", "\0", "' OR 1=1 --", "é" * 200, ""])
def test_a_strange_join_token_is_an_unknown_one(mesh: Mesh, token_id: str) -> None:
    """Said to the peer, and no fault in the log for each that a stranger sends."""
    with pytest.raises(Denied, match="not known here"):
        mesh.enrol(Join(token_id, b"x" * 32), "orders", "one", b"", "192.0.2.1:1")


async def test_who_is_behind_a_proxy_is_not_believed(open_http: httpx.AsyncClient) -> None:
    """X-Forwarded-For, Forwarded and the like do not make a new address of one that guesses."""
    said = set()
    for n in range(60):
        headers = {
            "Authorization": f"Bearer {OPERATOR}{n}",
            "X-Forwarded-For": f"192.0.2.{n}",
            "X-Real-Ip": f"192.0.2.{n}",
            "Forwarded": f"for=192.0.2.{n}",
        }
        said.add((await open_http.get("/v1/whoami", headers=headers)).status_code)
    assert said == {401, 429}


def test_strangers_do_not_take_the_turn_to_write(mesh: Mesh) -> None:
    """While somebody writes, a wrong join token is refused at once: guessing holds up no push."""
    with mesh._database.write(), pytest.raises(Denied, match="not known here"):
        mesh.enrol(Join("0123456789abcdef", b"x" * 32), "orders", "one", b"", "192.0.2.1:1")
