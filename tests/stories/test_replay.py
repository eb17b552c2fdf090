"""A policy is tried on what really happened before it is pushed: ``sidecar run`` writes, ``control replay`` decides."""

import json
from pathlib import Path

import pytest

from control.testing.processes import BIN, command

from .conftest import POLICY, Stack


@pytest.fixture
def writing(stack: Stack) -> Stack:
    """A sidecar that writes its decisions down."""
    stack.add_sidecar("orders", "orders", stack.start_echo(), "--decisions", "on")
    stack.control("push", str(stack.policy()), "--wait")
    return stack


def test_a_policy_is_tried_on_recorded_traffic(writing: Stack, tmp_path: Path) -> None:
    """Every request has a line, also one like the one before; nothing of a token is in it; the change is told."""
    stack, token = writing, writing.token("orders:read")
    statuses = [stack.get("orders", path, token).status_code for path in ["/orders/7"] * 20 + ["/admin/x"] * 3]
    statuses += [stack.get("orders", path).status_code for path in ["/public/a"] * 5 + ["/orders/8"]]
    assert statuses == [200] * 20 + [403] * 3 + [200] * 5 + [401]
    stack.processes.terminate("orders")
    log = tmp_path / "orders.log"
    text = log.read_text()
    decisions = [line for line in text.splitlines() if '"kind":"decision"' in line]
    assert len(decisions) == len(statuses)
    assert token.split(".")[1] not in text and token.split(".")[2] not in text
    after = tmp_path / "after.yaml"
    after.write_text(POLICY.replace("[orders:read]", "[orders:write]").replace("/public/**", "/open/**"))
    same = command(str(BIN / "control"), "replay", str(tmp_path / "policy.yaml"), "--decisions", str(log)).stdout
    assert same == "29 decisions: 29 as they were, 0 otherwise\n"
    told = command(str(BIN / "control"), "-o", "json", "replay", str(after), "--decisions", str(log)).stdout
    otherwise = json.loads(told)["otherwise"]
    found = [(one["count"], one["route"], one["was"], one["would_be"]) for one in otherwise]
    assert found == [
        (20, "/orders/{id}", "allowed", "403 insufficient_scope"),
        (5, "/**", "allowed", "401 missing_token"),
    ]
    assert f'"decision_id":"{otherwise[0]["decision_id"]}"' in decisions[0]
