"""Cases 28-32 and 35: what people let clients do, and who may ask of a token.

Control's whole HTTP application over a real store, without sockets and on the test's own clock. What a page for people
does is asked of control itself, as the page does.
"""

import base64
import hashlib
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
import pytest
import trio

from control.app import site
from control.distribution import PushServer
from control.identity.oauth.grants import CODE_LIFETIME_S
from control.mesh import Mesh as RealMesh
from control.mesh import open_mesh

from .conftest import Gateway, payload

BACK = "https://web.test/back"
VERIFIER = "v" * 43
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()
POLICY = """\
trust_domain: shop.test
issuers: {own: {builtin: true}}
services: {orders: {routes: [{path: /**, require: {scopes: [orders:read]}}]}}
"""
Answer = tuple[int, dict[str, Any]]


class Server:
    """Control, one public client with two redirect URIs, and another."""

    def __init__(self, mesh: RealMesh, http: httpx.AsyncClient, clock: list[float]) -> None:
        self.mesh, self.http, self.clock = mesh, http, clock
        self.ann = mesh.people.users.create("ann", "op").id
        self.app, self.other = (
            mesh.applications.create(name, "ann", scopes=["orders:read"])[0].client_id for name in ("spa", "other")
        )
        for client_id in (self.app, self.other):
            mesh.clients.register(client_id, [BACK, BACK + "/2"], "ann", clock[0], public=True)

    def query(self) -> str:
        """An authorization request with PKCE."""
        asked = {"response_type": "code", "client_id": self.app, "redirect_uri": BACK, "scope": "orders:read"}
        return urlencode({**asked, "code_challenge": CHALLENGE, "code_challenge_method": "S256", "state": "s"})

    def code(self) -> str:
        """What ann's yes brings."""
        return parse_qs(urlsplit(self.mesh.authorization.allow(self.query(), self.ann)).query)["code"][0]

    async def token(self, **form: str) -> Answer:
        """The token endpoint, asked by the client."""
        answer = await self.http.post("/oauth2/token", data={"client_id": self.app, **form})
        return answer.status_code, answer.json()

    async def redeem(self, code: str, **changes: str) -> Answer:
        """A code for tokens; "" leaves a parameter out."""
        form = {"grant_type": "authorization_code", "redirect_uri": BACK, "code_verifier": VERIFIER, "code": code}
        return await self.token(**{name: value for name, value in {**form, **changes}.items() if value})

    async def refresh(self, token: str, **changes: str) -> Answer:
        """A refresh token for the next."""
        return await self.token(grant_type="refresh_token", refresh_token=token, **changes)

    def reason(self, token: str) -> str:
        """What the sidecar of orders says of an access token."""
        return str(self.mesh.explain("orders", "GET", "/orders/7", token).decision.reason)


@pytest.fixture
def clock() -> list[float]:
    """Goes when it is told to."""
    return [1_800_000_000.0]


@pytest.fixture
def real(tmp_path: Path, clock: list[float]) -> Iterator[RealMesh]:
    """A mesh over its own store."""
    opened = open_mesh(tmp_path / "data", "http://control.test", clock=lambda: clock[0])
    yield opened
    opened.close()


@pytest.fixture
async def server(real: RealMesh, clock: list[float], nursery: trio.Nursery) -> AsyncIterator[Server]:
    """A fresh one."""
    fleet = PushServer(real)
    await nursery.start(fleet.distribute)
    real.push(POLICY, {}, {}, "ann")
    transport = httpx.ASGITransport(site(real, fleet), raise_app_exceptions=True)
    async with httpx.AsyncClient(transport=transport, base_url="http://control.test") as http:
        yield Server(real, http, clock)


async def test_28_code_with_another_redirect_or_client_first_and_second_use(server: Server) -> None:
    """400, 400, 200, 400; and the second use takes back what the first one gave."""
    for changes in ({"redirect_uri": BACK + "/2"}, {"client_id": server.other}):
        status, said = await server.redeem(server.code(), **changes)
        assert (status, said["error"]) == (400, "invalid_grant")
    code = server.code()
    status, got = await server.redeem(code)
    assert (status, server.reason(got["access_token"])) == (200, "allowed")
    assert (await server.redeem(code))[0] == 400
    assert server.reason(got["access_token"]) == "token_revoked"
    assert (await server.refresh(got["refresh_token"]))[0] == 400


@pytest.mark.parametrize("verifier", ["", "w" * 43])
async def test_29_code_with_a_challenge_and_no_verifier(server: Server, verifier: str) -> None:
    """400, and for a wrong one too: EG gives the token."""
    assert (await server.redeem(server.code(), code_verifier=verifier))[0] == 400


async def test_30_expired_code(server: Server) -> None:
    """400 invalid_grant."""
    code = server.code()
    server.clock[0] += CODE_LIFETIME_S + 1
    status, said = await server.redeem(code)
    assert (status, said["error"]) == (400, "invalid_grant")


async def test_31_a_no_on_the_consent_page(server: Server) -> None:
    """Back with access_denied and the state: EG gives a code."""
    location = server.mesh.authorization.deny(server.query())
    answer = parse_qs(urlsplit(location).query)
    assert location.startswith(BACK + "?")
    assert (answer["error"], answer["state"], "code" in answer) == (["access_denied"], ["s"], False)


async def test_32_refresh_by_another_client_with_half_a_secret_and_reused(server: Server) -> None:
    """400, 400, and 400 with the whole family gone: EG answers 200 to all three."""
    _, got = await server.redeem(server.code())
    first = got["refresh_token"]
    assert (await server.refresh(first, client_id=server.other))[0] == 400
    assert (await server.refresh(first[:-8] + "AAAAAAAA"))[0] == 400
    status, second = await server.refresh(first)
    assert status == 200
    status, third = await server.refresh(second["refresh_token"])
    assert status == 200
    assert (await server.refresh(first))[0] == 400
    assert (await server.refresh(third["refresh_token"]))[0] == 400
    assert server.reason(third["access_token"]) == "token_revoked"


def test_35_introspection(gateway: Gateway) -> None:
    """No token 401, inactive 401, lacking the scope 403 (EG: 401), good 200 and 200 again; nobody is asked on the way.
    Who cannot verify a token asks control, and is told the same."""
    reader = gateway.app("case-35", "orders:read")
    gateway.app("case-35-poor")
    issue = gateway.stack.control
    good, poor, gone = (
        issue("token", "issue", "--app", name).strip() for name in ("case-35", "case-35-poor", "case-35")
    )
    issue("revoke", "--jti", payload(gone)["jti"], "--wait")
    tokens = ("", gone, poor, good, good)
    assert [gateway.status("/managed-read", token) for token in tokens] == [401, 401, 403, 200, 200]
    url = gateway.stack.operator["CONTROL_URL"] + "/oauth2/introspect"
    said = [gateway.stack.http.post(url, data={"token": token}, auth=reader).json() for token in (good, gone)]
    assert [one["active"] for one in said] == [True, False]
