"""The event stream, followed by the command line."""

import json
import subprocess
from typing import Any

from control.testing.processes import BIN

from .conftest import POLICY, Stack


def test_events_are_followed_and_end_with_the_credential(mesh_stack: Stack) -> None:
    """Each change is a line; who comes back goes on after the last one; a credential that is taken away ends it."""
    credential = mesh_stack.control_json("operator", "add", "watcher", "--role", "viewer")["credential"]
    watcher = {**mesh_stack.operator, "CONTROL_TOKEN": credential}

    def follow(*options: str) -> "subprocess.Popen[str]":
        command = [str(BIN / "control"), "events", "-o", "json", *options]
        return subprocess.Popen(command, env=watcher, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def until(following: "subprocess.Popen[str]", kind: str) -> dict[str, Any]:
        assert following.stdout is not None
        for line in following.stdout:
            event: dict[str, Any] = json.loads(line)
            if event["event"] == kind:
                return event
        raise AssertionError(following.communicate())

    first = follow("--since", "0-0")
    until(first, "gap")
    mesh_stack.control("push", str(mesh_stack.policy(POLICY + "# more\n")), "--wait", "--note", "again")
    version = until(first, "version")
    assert (version["version"], version["change"], version["note"]) == (2, "push", "again")
    mesh_stack.control("freeze", "--reason", "sale")
    assert until(first, "freeze")["reason"] == "sale"
    first.kill()
    first.communicate()
    again = follow("--since", version["id"])
    assert until(again, "freeze")["actor"] == "environment"
    mesh_stack.control("operator", "remove", "watcher")
    _, said = again.communicate(timeout=30)
    assert again.returncode == 1
    assert "does not know this credential" in said
