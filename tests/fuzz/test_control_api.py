"""Whatever is sent to control's HTTP side, it answers in its own words and never with a fault."""

import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest
import trio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from control.api.app import ROOMS
from control.app import site
from control.dashboard import dashboard
from control.distribution import PushServer
from control.mesh import Mesh, open_mesh
from control.settings import SETTINGS, SettingsError, load

OPERATOR = "operator-credential-of-the-tests-0001"
POLICY = "trust_domain: shop.test\nissuers: {own: {builtin: true}}\nservices: {orders: {routes: [{path: /**}]}}\n"
ROUTES = sorted(
    (method, route.path)
    for room in (*ROOMS, dashboard)
    for route in room.router.routes
    for method in route.methods
    if route.path != "/v1/events"  # its answer has no end
)
SOUND: dict[str, dict[str, Any]] = {
    "/v1/policy": {"source": POLICY, "files": {}, "env": {}, "note": ""},
    "/v1/policy/check": {"source": POLICY, "files": {}, "env": {}},
    "/v1/policy/diff": {"source": POLICY, "files": {}, "env": {}},
    "/v1/explain": {
        "service": "orders",
        "method": "GET",
        "path": "/",
        "token": "x",
        "headers": {"a": "b"},
        "host": "a",
    },
    "/v1/join-tokens": {"service": "orders", "uses": 1, "lifetime_s": 60},
    "/v1/apps": {"name": "shop", "scopes": ["a"], "services": ["orders"]},
    "/v1/apps/{key}": {"name": "shop", "scopes": ["a"], "services": None, "active": True},
    "/v1/tokens": {"app": "shop", "scopes": None, "services": None, "lifetime_s": 60},
    "/v1/api-keys": {"subject": "ci", "app": None, "name": "build", "scopes": ["a"], "lifetime_s": 60},
    "/v1/api-keys/{key}": {"name": "build", "scopes": ["a"], "lifetime_s": 60},
    "/v1/operators": {"name": "ann", "role": "viewer", "scopes": ["policy:read"], "lifetime_s": 60},
    "/v1/operators/{key}/credential": {"lifetime_s": 60},
    "/v1/issuers/{key}/revoke-key": {"kid": "a"},
    "/v1/keys/rotate": {"algorithm": "ES256"},
    "/v1/revocations": {"by": "jti", "value": "x", "issuer": "own", "before": 1, "until": 2},
}
"""A body that each path takes."""
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.sampled_from(["orders", "jti"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
ODD = VALUES | st.text(min_size=1, max_size=40) | st.dictionaries(st.text(min_size=1, max_size=9), st.text(max_size=9))
SEGMENTS = st.text(min_size=1, max_size=12) | st.integers().map(str) | st.just("1")


@pytest.fixture(scope="module")
def mesh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mesh]:
    """A mesh that whole runs of examples share."""
    opened = open_mesh(tmp_path_factory.mktemp("fuzz") / "data", "http://control.test")
    opened.operators.ensure(OPERATOR)
    opened.push(POLICY, {}, {}, "test")
    yield opened
    opened.close()


async def _ask(mesh: Mesh, method: str, path: str, **more: Any) -> httpx.Response:
    transport = httpx.ASGITransport(site(mesh, PushServer(mesh)))
    async with httpx.AsyncClient(transport=transport, base_url="http://control.test") as client:
        return await client.request(method, path, headers={"Authorization": f"Bearer {OPERATOR}"}, **more)


def _answered(answer: httpx.Response) -> None:
    assert answer.status_code < 500
    if answer.status_code >= 400 and not answer.url.path.startswith(("/oauth2", "/login")):
        assert answer.headers["content-type"] == "application/problem+json"


@settings(max_examples=100, deadline=None)
@given(route=st.sampled_from(ROUTES), segment=SEGMENTS, data=st.data())
def test_a_sound_body_with_one_odd_value(mesh: Mesh, route: tuple[str, str], segment: str, data: st.DataObject) -> None:
    """What each path takes, but for one value, which is any JSON."""
    method, path = route
    body = dict(SOUND.get(path, {"key": 1}))
    body[data.draw(st.sampled_from(sorted(body)))] = data.draw(ODD)
    url = path.replace("{version}", "{key}").replace("{key}", quote(segment, safe=""))
    _answered(trio.run(partial(_ask, mesh, method, url, content=json.dumps(body).encode())))


@settings(max_examples=40, deadline=None)
@given(route=st.sampled_from(ROUTES), body=st.binary(max_size=200), query=st.text(max_size=20))
def test_any_bytes(mesh: Mesh, route: tuple[str, str], body: bytes, query: str) -> None:
    """Any bytes as a body, any text as a query."""
    method, path = route
    path = path.replace("{version}", "1").replace("{key}", "x")
    params = {"limit": query, "before": query, "wait_s": "0", "version": query}
    _answered(trio.run(partial(_ask, mesh, method, path, content=body, params=params)))


@given(
    flags=st.dictionaries(st.sampled_from([s.name for s in SETTINGS if not s.secret]), st.text(max_size=20)),
    file=st.text(max_size=60),
)
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_settings(tmp_path: Path, flags: dict[str, str], file: str) -> None:
    """Any flags and any file: settings, or one sentence."""
    config = tmp_path / "c.toml"
    config.write_bytes(file.encode("utf-8", "surrogatepass"))
    try:
        load({**flags, "config": str(config)}, {})
    except SettingsError as error:
        assert str(error)
