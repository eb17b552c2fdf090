"""An operator edits policy.yaml, checks it, sees the difference, pushes it, and takes it back."""

import base64
import json

from .conftest import POLICY, Stack


def test_a_pushed_policy_is_in_force_when_push_returns(mesh_stack: Stack) -> None:
    """The next request after ``push --wait`` is decided by the new policy; ``rollback`` undoes it."""
    stack = mesh_stack
    token = stack.token("orders:read")
    assert stack.get("orders", "/orders/7", token).status_code == 200
    tighter = stack.policy(POLICY.replace("orders:read", "orders:audit"), "tighter.yaml")
    assert "orders:audit" in stack.control("diff", str(tighter))
    stack.control("push", str(tighter), "--wait")
    refused = stack.get("orders", "/orders/7", token)
    assert (refused.status_code, refused.json()["reason"]) == (403, "insufficient_scope")
    assert 'scope="orders:audit"' in refused.headers["www-authenticate"]
    first = min(row["version"] for row in stack.control_json("history")["versions"] if row["kind"] == "push")
    stack.control("rollback", str(first), "--wait")
    assert stack.get("orders", "/orders/7", token).status_code == 200
    assert stack.control("get") == POLICY


def test_a_wrong_policy_is_refused_with_its_line_and_nothing_changes(mesh_stack: Stack) -> None:
    """File, line and reason; exit 1; the version in force is the one before."""
    stack = mesh_stack
    before = stack.control_json("history")["versions"][0]["version"]
    wrong = stack.policy(POLICY.replace("require: {scopes: [admin]}", "require: {scope: [admin]}"), "wrong.yaml")
    for verb in ("check", "push"):
        said = stack.control(verb, str(wrong), expect=1)
        assert "wrong.yaml:8" in said
        assert "scope" in said
        assert "scopes" in said
        assert "Traceback" not in said
    assert stack.control_json("history")["versions"][0]["version"] == before
    assert stack.get("orders", "/public/hello").status_code == 200


def test_a_revoked_token_is_refused_when_revoke_returns(mesh_stack: Stack) -> None:
    """``revoke --wait`` gives a receipt, and the very next use of the token is 401."""
    stack = mesh_stack
    token, other = stack.token("orders:read"), stack.token("orders:read")
    shown = stack.control_json("explain", "orders", "GET", "/orders/7", "--token", token)
    assert shown["allowed"] is True
    jti = json.loads(base64.urlsafe_b64decode(token.split(".")[1] + "=="))["jti"]
    assert "in force on 1 of 1" in stack.control("revoke", "--jti", jti, "--wait")
    refused = stack.get("orders", "/orders/7", token)
    assert (refused.status_code, refused.json()["reason"]) == (401, "token_revoked")
    assert stack.get("orders", "/orders/7", other).status_code == 200
    stack.processes.kill("orders")
    stack.processes.kill("control")
    stack.start_sidecar("orders")
    assert stack.get("orders", "/orders/7", token).status_code == 401


def test_rotating_the_signing_key_loses_nothing(mesh_stack: Stack) -> None:
    """A token of the old key and one of the new key are both good after ``keys rotate --wait``."""
    stack = mesh_stack
    old = stack.token("orders:read")
    stack.control("keys", "rotate", "--wait")
    new = stack.token("orders:read")
    assert old.split(".")[0] != new.split(".")[0]
    assert [stack.get("orders", "/orders/7", token).status_code for token in (old, new)] == [200, 200]
