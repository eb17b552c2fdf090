"""A whole control without sockets: the real mesh, the real push server, and an HTTP client of the application."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest
import trio

from control.app import site
from control.distribution import PushServer
from control.mesh import Mesh, open_mesh

OPERATOR = "operator-credential-of-the-tests-0001"
POLICY = """
trust_domain: shop.test
issuers:
  own: {builtin: true}
services:
  orders:
    routes:
      - {path: /public/**, access: public}
      - {path: /orders/*, require: {scopes: [orders:read]}}
"""


@pytest.fixture
def mesh(tmp_path: Path) -> Iterator[Mesh]:
    """A mesh with one operator and nothing else."""
    opened = open_mesh(tmp_path / "data", "http://control.test")
    opened.operators.ensure(OPERATOR)
    yield opened
    opened.close()


@pytest.fixture
async def open_http(mesh: Mesh, nursery: trio.Nursery) -> AsyncIterator[httpx.AsyncClient]:
    """A client that shows no credential."""
    fleet = PushServer(mesh)
    await nursery.start(fleet.distribute)
    transport = httpx.ASGITransport(site(mesh, fleet), raise_app_exceptions=True)
    async with httpx.AsyncClient(transport=transport, base_url="http://control.test") as client:
        yield client


@pytest.fixture
async def http(open_http: httpx.AsyncClient) -> httpx.AsyncClient:
    """The operator's client."""
    open_http.headers["Authorization"] = f"Bearer {OPERATOR}"
    return open_http
