"""A sidecar that runs from a file: compiled offline, explained offline, served without any control."""

import json
from contextlib import closing
from pathlib import Path

import httpx
import jwt

from control.testing.processes import BIN, command

from .conftest import Stack

SECRET = "a-shared-secret-of-at-least-thirty-two-bytes"
POLICY = """\
trust_domain: shop.test
issuers:
  partner: {issuer: https://issuer.test/, audience: [orders], algorithms: [HS256], jwks: {secret: {env: PARTNER}}}
services:
  orders:
    routes:
      - {path: /public/**, access: public}
      - {path: "/orders/{id}", methods: [GET], require: {scopes: [orders:read]}}
"""


def test_from_policy_file_to_running_sidecar(tmp_path: Path) -> None:
    """control compile, sidecar check, sidecar explain, sidecar run."""
    stack = Stack(tmp_path)
    policy, snapshot = stack.policy(POLICY), tmp_path / "orders.snapshot"
    compiled = command(
        str(BIN / "control"), "compile", str(policy), "orders", "--out", str(snapshot), env={"PARTNER": SECRET}
    )
    assert "2 routes" in compiled.stdout
    assert snapshot.stat().st_mode & 0o777 == 0o600
    settings = ["--service", "orders", "--snapshot", str(snapshot)]
    assert "2 routes" in command(str(BIN / "sidecar"), "check", *settings).stdout
    claims = {"iss": "https://issuer.test/", "aud": "orders", "sub": "7", "exp": 4_000_000_000, "scope": "orders:read"}
    token = jwt.encode(claims, SECRET, "HS256")
    explained = command(str(BIN / "sidecar"), "explain", "GET", "/orders/7", "--token", token, *settings)
    assert "=> allowed" in explained.stdout
    refused = command(str(BIN / "sidecar"), "explain", "GET", "/orders/7", *settings, expect=1)
    assert "=> 401 missing_token" in refused.stdout
    with closing(stack.http), stack.processes:
        stack.commands["orders"] = [str(BIN / "sidecar"), "run", *settings, "--upstream", stack.start_echo()]
        stack.start_sidecar("orders")
        assert stack.get("orders", "/orders/7").status_code == 401
        assert stack.get("orders", "/orders/7", token).status_code == 200
        assert stack.get("orders", "/elsewhere", token).json()["reason"] == "no_route"
        shown = httpx.get(stack.admins["orders"] + "/snapshot", trust_env=False)
        assert SECRET not in shown.text
        assert json.loads(shown.text)["service"] == "orders"
    assert SECRET not in stack.processes.log("orders")
    assert token not in stack.processes.log("orders")
