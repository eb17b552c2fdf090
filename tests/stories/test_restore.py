"""The worst day: the database is gone, a backup is older than the sidecars, and the mesh goes on all the same."""

import shutil
import stat
import time

from control.authority.master_key import new, parse

from .conftest import POLICY, Stack

OTHER = POLICY.replace("[orders:read]", "[orders:write]")
STEP = 1_000_000_000


def settled(stack: Stack, at_least: int) -> int:
    """The version that the sidecar uses, once it is ``at_least``."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        (one,) = stack.control_json("status")["sidecars"]
        if one["connected"] and one["version"] == one["desired"] and one["version"] >= at_least:
            return int(one["version"])
    raise AssertionError(stack.control("status"))


def test_a_sidecar_that_saw_newer_versions_converges_to_the_restored_policy(mesh_stack: Stack) -> None:
    """Backup at version 1 while control serves; four versions later the database is lost. After the restore the sidecar
    has the old policy under a version beyond all it ever saw, a token from before the backup counts, one that was
    revoked after it counts again, as the verb says, and what is changed then arrives."""
    stack, data, file = mesh_stack, mesh_stack.folder / "data", mesh_stack.folder / "backup"
    reader = stack.token("orders:read")
    assert stack.get("orders", "/orders/7", reader).status_code == 200
    said = stack.control("backup", str(file), "--data", str(data))
    assert "NOT ENCRYPTED" in said
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert "exists already" in stack.control("backup", str(file), "--data", str(data), expect=1)

    stack.control("revoke", "--all-of-issuer", "--wait")
    for text in (OTHER, POLICY.replace("admin", "boss"), OTHER):
        stack.control("push", str(stack.policy(text)), "--wait")
    assert settled(stack, 5) == 5
    assert stack.get("orders", "/orders/7", reader).status_code == 401

    assert "another control runs" in stack.control("restore", str(file), "--data", str(data), expect=1)
    stack.processes.kill("control")
    assert "is not empty" in stack.control("restore", str(file), "--data", str(data), expect=1)
    shutil.rmtree(data)
    said = stack.control("restore", str(file), "--data", str(data))
    assert f"goes on at version {STEP + 1}" in said
    assert "REVOKED or removed after it COUNTS AGAIN" in said

    stack.start_control()
    assert settled(stack, STEP + 1) == STEP + 2
    assert stack.control("get") == POLICY
    assert stack.get("orders", "/orders/7", reader).status_code == 200
    stack.control("revoke", "--all-of-issuer", "--wait")
    assert stack.get("orders", "/orders/7", reader).status_code == 401
    stack.control("push", str(stack.policy(OTHER)), "--wait")
    kinds = [version["kind"] for version in stack.control_json("history")["versions"]]
    assert kinds == ["push", "revocation", "inputs", "restore", "push"]


def test_before_the_first_policy_a_restore_goes_beyond_too(stack: Stack) -> None:
    """A backup of a mesh without a policy, restored over sidecars that have one: the next push arrives."""
    data, file = stack.folder / "data", stack.folder / "backup"
    stack.add_sidecar("orders", "orders", stack.start_echo())
    stack.control("backup", str(file), "--data", str(data))
    for text in (POLICY, OTHER):
        stack.control("push", str(stack.policy(text)), "--wait")
    stack.processes.kill("control")
    shutil.rmtree(data)
    stack.control("restore", str(file), "--data", str(data))
    stack.start_control()
    stack.control("push", str(stack.policy(POLICY)), "--wait")
    assert settled(stack, STEP + 1) == STEP + 1


def test_encrypted_keys_stay_encrypted(stack: Stack) -> None:
    """With a master key there is no private key in the backup; who starts with the restored database needs that key."""
    key, file, data = new(), stack.folder / "backup", stack.folder / "data"
    stack.processes.terminate("control")
    stack.operator["CONTROL_MASTER_KEY"] = key
    stack.start_control()
    jwks = stack.http.get(stack.operator["CONTROL_URL"] + "/.well-known/jwks.json").json()
    said = stack.control("backup", str(file), "--data", str(data))
    assert "NOT ENCRYPTED" not in said
    assert f"needs the master key {parse(key).id.hex()}" in said
    assert b"PRIVATE KEY" not in file.read_bytes()
    stack.processes.terminate("control")
    shutil.rmtree(data)
    assert parse(key).id.hex() in stack.control("restore", str(file), "--data", str(data))
    assert b"PRIVATE KEY" not in b"".join(one.read_bytes() for one in data.iterdir())
    stack.start_control()
    assert stack.http.get(stack.operator["CONTROL_URL"] + "/.well-known/jwks.json").json() == jwks


def test_what_is_said_when_it_cannot_be_done(stack: Stack) -> None:
    """No database, no file, a file that is something else, a place that cannot be written: one sentence, exit 1."""
    folder = stack.folder
    (folder / "junk").write_bytes(b"\x00" * 1000)
    for arguments, says in (
        (("backup", str(folder / "b"), "--data", str(folder / "none")), "there is no database"),
        (("backup", str(folder / "no" / "b"), "--data", str(folder / "data")), "No such file or directory"),
        (("restore", str(folder / "none"), "--data", str(folder / "new")), "No such file or directory"),
        (("restore", str(folder / "junk"), "--data", str(folder / "new")), "the backup cannot be used"),
        (("restore", str(folder), "--data", str(folder / "new")), "Is a directory"),
    ):
        said = stack.control(*arguments, expect=1)
        assert says in said
        assert len(said.splitlines()) == 1
    assert not (folder / "b").exists()
    assert not [file for file in folder.iterdir() if file.name.startswith(".backup-")]
