"""Cases 45, 46 and 48: broken configuration, the admin API, TLS."""

import socket
import ssl
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from control.testing.memory import MemoryControl
from control.testing.mesh import Mesh, MeshError
from control.testing.processes import Processes
from sidecar.contract.snapshot import Snapshot

from ..sidecar.pairs import write_pair
from ..stories.fleet_of_one import Lone
from .conftest import POLICY, Gateway

OPEN = """\
trust_domain: shop.test
issuers: {own: {builtin: true}}
services: {orders: {routes: [{path: /**, access: public}]}}
"""


def test_45_a_broken_policy_while_serving(gateway: Gateway) -> None:
    """The old one serves on, and the fault is named with its line."""
    broken = gateway.stack.policy(POLICY.replace("path: /jwt,", "paths: /jwt,"), "broken.yaml")
    before = gateway.stack.control("get")
    line = broken.read_text().partition("paths:")[0].count("\n") + 1
    assert f"broken.yaml:{line}:" in gateway.stack.control("push", str(broken), "--wait", expect=1)
    assert gateway.stack.control("get") == before
    assert gateway.status("/jwt", gateway.token()) == 200


async def test_45_a_snapshot_that_a_sidecar_cannot_enforce(mesh: Mesh, monkeypatch: pytest.MonkeyPatch) -> None:
    """A control newer than its sidecar: NACK with its reason, visible where the push was made; the old one serves."""
    await mesh.push(OPEN)
    orders = await mesh.service("orders")
    compiled = MemoryControl._compile

    def newer(*arguments: Any, **options: Any) -> Snapshot:
        snapshot = compiled(*arguments, **options)
        return replace(snapshot, requires=tuple(sorted((*snapshot.requires, "telepathy"))))

    monkeypatch.setattr(MemoryControl, "_compile", newer)
    with pytest.raises(MeshError, match=r"was not taken.*telepathy"):
        await mesh.push(OPEN.replace("access: public", "access: token"))
    assert (await orders.get("/")).status == 200


def test_46_an_admin_writes_a_route_with_an_unknown_policy(gateway: Gateway) -> None:
    """422 with the place, and nothing is stored: EG stores it, and does not start again."""
    url, credential = gateway.stack.operator["CONTROL_URL"], gateway.stack.operator["CONTROL_TOKEN"]
    before = gateway.stack.control("get")
    answer = gateway.stack.http.post(
        url + "/v1/policy",
        json={"source": OPEN.replace("access: public", "telepathy: true"), "files": {}, "env": {}},
        headers={"Authorization": f"Bearer {credential}"},
    )
    assert answer.status_code == 422
    assert "telepathy" in answer.text
    assert gateway.stack.control("get") == before


def test_48_an_unknown_name_in_tls(tmp_path: Path) -> None:
    """The handshake fails: a sidecar has one certificate, and a client that asked for another name refuses it."""
    with Processes(tmp_path) as processes:
        lone = Lone(tmp_path, processes)
        certificate, key = write_pair(tmp_path, "orders.shop.test")
        lone.start("--tls-cert", str(certificate), "--tls-key", str(key))
        context = ssl.create_default_context(cafile=str(certificate))
        with socket.create_connection(lone.address, timeout=10) as raw, pytest.raises(ssl.SSLCertVerificationError):
            context.wrap_socket(raw, server_hostname="unknown.shop.test")
        with (
            socket.create_connection(lone.address, timeout=10) as raw,
            context.wrap_socket(raw, server_hostname="orders.shop.test") as known,
        ):
            assert known.version() == "TLSv1.3"
