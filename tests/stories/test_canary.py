"""A canary with real processes: three sidecars, callers, and a policy that deserves it, or does not."""

import subprocess
import sys
from pathlib import Path

import pytest

from control.testing.processes import BIN

from .conftest import POLICY, Stack

OLDER = Path(__file__).with_name("older_sidecar.py")
NAMES = ("orders-1", "orders-2", "orders-3")
BAD = POLICY.replace("{path: /**}", "{path: /**, require: {scopes: [nobody:has:this]}}")
GOOD = POLICY.replace("{path: /**}", "{path: /**, require: {scopes: [orders:read]}}")
LIMITED = POLICY.replace("{path: /**}", "{path: /**, rate_limit: {requests: 100000, per: 1s, by: subject}}")


@pytest.fixture
def fleet(stack: Stack) -> Stack:
    """Three sidecars of one service under a policy; a canary that is good is promoted after 3 s."""
    stack.processes.terminate("control")
    stack.operator |= {"CONTROL_CANARY_TIME": "3s", "CONTROL_CANARY_REQUESTS": "20"}
    stack.start_control()
    upstream = stack.start_echo()
    for name in NAMES:
        stack.add_sidecar(name, "orders", upstream)
    stack.control("push", str(stack.policy()), "--wait")
    return stack


def begin(stack: Stack, policy: str, *options: str) -> "subprocess.Popen[str]":
    """``control push --canary 10% --wait``, under way."""
    file = stack.policy(policy, "next.yaml")
    return subprocess.Popen(
        [str(BIN / "control"), "push", str(file), "--canary", "10%", "--wait", "--timeout", "90s", *options],
        env=stack.operator,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def call_until_judged(stack: Stack, pushing: "subprocess.Popen[str]") -> tuple[int, str, set[int]]:
    """Callers at every sidecar until ``push`` returns: its exit code, what it said, and what callers got."""
    token, seen = stack.token("orders:read"), set[int]()
    while pushing.poll() is None:
        for name in NAMES:
            seen.add(stack.get(name, "/orders", token).status_code)
    out, err = pushing.communicate()
    return pushing.returncode, out + err, seen


def test_a_policy_that_denies_is_aborted_by_itself(fleet: Stack) -> None:
    """One sidecar of three tries it, refuses what the others let through, and is back on the old policy; the version is
    newer than before everywhere."""
    code, said, seen = call_until_judged(fleet, begin(fleet, BAD))
    assert code == 1, said
    assert "version 2 is tried by 1 of 3 sidecars" in said
    assert "aborted by version 3: orders: 100.0% of" in said
    assert seen == {200, 403}
    token = fleet.token("orders:read")
    newest = fleet.control_json("history")["versions"][0]
    assert (newest["kind"], newest["actor"]) == ("abort", "system")
    assert {fleet.get(name, "/orders", token).status_code for name in NAMES} == {200}


def test_a_good_one_is_promoted_and_goes_on_over_a_restart_of_control(fleet: Stack) -> None:
    """Control is killed in the middle and comes back; the canary goes on and everybody has the policy in the end."""
    pushing = begin(fleet, GOOD)
    while fleet.control_json("canary")["canary"] is None:
        assert pushing.poll() is None
    tried = {one["instance"] for one in fleet.control_json("canary")["canary"]["sidecars"]}
    assert len(tried) == 1
    pushing.kill()
    pushing.communicate()
    fleet.processes.kill("control")
    fleet.start_control()
    token = fleet.token("orders:read")
    while (canary := fleet.control_json("canary")["canary"])["state"] == "running":
        assert {one["instance"] for one in canary["sidecars"]} <= tried
        for name in NAMES:
            assert fleet.get(name, "/orders", token).status_code == 200
    assert canary["state"] == "promoted", canary
    assert fleet.control_json("history")["versions"][0]["kind"] == "promote"
    assert {fleet.get(name, "/orders").status_code for name in NAMES} == {401}
    other = fleet.token("orders:write")
    assert {fleet.get(name, "/orders", other).status_code for name in NAMES} == {403}


def test_one_that_a_sidecar_cannot_enforce_is_aborted_with_its_reason(stack: Stack) -> None:
    """An older sidecar says what it cannot do, and goes on with what it has."""
    upstream = stack.start_echo()
    for name in NAMES[:2]:
        token = stack.folder / f"{name}.join"
        token.write_text(stack.control("join-token", "orders"))
        stack.commands[name] = [
            *(sys.executable, str(OLDER), "run", "--service", "orders", "--upstream", upstream),
            *("--control", stack.push, "--join-token-file", str(token), "--state-dir", str(stack.folder / name)),
        ]
        stack.start_sidecar(name)
    stack.control("push", str(stack.policy()), "--wait")
    pushing = begin(stack, LIMITED)
    out, err = pushing.communicate(timeout=60)
    assert pushing.returncode == 1
    assert "aborted by version 3: orders/" in out + err
    assert "cannot enforce: rate_limits" in out + err
    token_text = stack.token("orders:read")
    assert {stack.get(name, "/orders", token_text).status_code for name in NAMES[:2]} == {200}
