"""The status page: who sees it, what is on it, and what is not."""

import httpx
import pytest
from trio.testing import MockClock

from control.dashboard.pages import STYLE, table
from control.dashboard.sessions import LIFETIME_S, MAX_SESSIONS, Sessions
from control.mesh import Mesh

from .conftest import OPERATOR, POLICY


async def _sign_in(client: httpx.AsyncClient, credential: str = OPERATOR) -> httpx.Response:
    return await client.post("/login", data={"credential": credential})


async def test_a_stranger_sees_the_form_alone(open_http: httpx.AsyncClient, mesh: Mesh) -> None:
    """Before signing in the page says nothing about the mesh."""
    mesh.push(POLICY, {}, {}, "test", note="a-note")
    answer = await open_http.get("/")
    assert 'action="/login"' in answer.text
    assert "a-note" not in answer.text


async def test_signing_in_and_out(open_http: httpx.AsyncClient, mesh: Mesh) -> None:
    """The credential opens the page; signing out closes it, for the old cookie too."""
    mesh.push(POLICY, {}, {}, "test", note="a-note")
    _, secret = mesh.applications.create("shop", "test", scopes=["orders:read"])
    answer = await _sign_in(open_http)
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    page = await open_http.get("/")
    for shown in ("Version 1", "a-note", "shop", "orders:read", "No sidecar has joined."):
        assert shown in page.text
    assert secret not in page.text
    assert OPERATOR not in page.text
    cookie = dict(open_http.cookies)
    await open_http.post("/logout")
    open_http.cookies.update(cookie)
    assert 'action="/login"' in (await open_http.get("/")).text


async def test_the_cookie_is_for_this_site_and_no_script(open_http: httpx.AsyncClient) -> None:
    """HttpOnly and SameSite=Strict, and not the credential itself."""
    cookie = (await _sign_in(open_http)).headers["set-cookie"]
    assert "httponly" in cookie.lower()
    assert "samesite=strict" in cookie.lower()
    assert OPERATOR not in cookie


async def test_the_session_opens_the_page_and_not_the_api(open_http: httpx.AsyncClient) -> None:
    """A cookie is no bearer credential, so no other site can use it to change anything."""
    await _sign_in(open_http)
    assert (await open_http.get("/v1/apps")).status_code == 401


@pytest.mark.parametrize("content", [b"", b"credential=", b"credential=wrong", b"\xff", b"&".join([b"a=b"] * 50)])
async def test_a_wrong_credential_is_401(open_http: httpx.AsyncClient, content: bytes) -> None:
    """Whatever is sent, it is the credential or it is not."""
    answer = await open_http.post("/login", content=content)
    assert answer.status_code == 401
    assert "set-cookie" not in answer.headers


async def test_guessing_is_429(mock_clock: MockClock, open_http: httpx.AsyncClient) -> None:
    """The form is guarded as the API is."""
    statuses = [(await _sign_in(open_http, "wrong")).status_code for _ in range(21)]
    assert (statuses[0], statuses[-1]) == (401, 429)


async def test_a_session_ends_with_the_operator(open_http: httpx.AsyncClient, mesh: Mesh) -> None:
    """Taking the credential back closes the pages that it opened."""
    ann, credential = mesh.operators.create("ann", "test")
    await _sign_in(open_http, credential)
    assert "Sign out" in (await open_http.get("/")).text
    mesh.operators.revoke(ann.id, "test")
    assert 'action="/login"' in (await open_http.get("/")).text


async def test_no_script_can_run(open_http: httpx.AsyncClient) -> None:
    """The page allows its own style and nothing else, and holds no script."""
    await _sign_in(open_http)
    page = await open_http.get("/")
    policy = page.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert "unsafe" not in policy
    assert "<script" not in page.text
    assert " style=" not in page.text.replace(STYLE, "")


def test_values_are_escaped() -> None:
    """What a stranger named himself is text and never markup."""
    shown = table(("<b>",), [("<script>alert('1')</script>",)], "")
    assert "<script" not in shown
    assert "<b>" not in shown


def test_sessions_end_and_are_bounded() -> None:
    """Eight hours, and no more of them than a bound."""
    sessions = Sessions()
    first = sessions.begin("a", 0.0)
    assert sessions.find(first, LIFETIME_S - 1.0) is not None
    assert sessions.find(first, float(LIFETIME_S)) is None
    oldest = sessions.begin("a", 0.0)
    for _ in range(MAX_SESSIONS):
        sessions.begin("b", 0.0)
    assert sessions.find(oldest, 0.0) is None
    assert sessions.find("\udcff", 0.0) is None
