"""``control serve`` with a master key: it starts, or it says in one sentence why not."""

import sys
from pathlib import Path

from control.authority.master_key import new, parse
from control.testing.processes import BIN, Processes, command

from .conftest import OPERATOR, READY, serve

CONTROL = str(BIN / "control")
ENV = {"CONTROL_TOKEN": OPERATOR}


def test_keys_are_encrypted_from_a_file_and_rotated_by_a_command(tmp_path: Path) -> None:
    """Plain, then under one key, then under the next; issuing goes on with the same signing key."""
    first, second = tmp_path / "first.key", tmp_path / "second.key"
    for file in (first, second):
        file.write_text(new())
    printing = f"{sys.executable} -c 'import sys; print(open(sys.argv[1]).read())' {second}"
    ways = (
        (),
        ("--master-key-file", str(first)),
        ("--master-key-command", printing, "--master-key-previous-file", str(first)),
        ("--master-key-file", str(second)),
    )
    kids = set()
    with Processes(tmp_path) as processes:
        for way in ways:
            ready = processes.start("control", serve(tmp_path / "data", *way), READY, ENV)
            kids.add(command(CONTROL, "keys", "list", env={**ENV, "CONTROL_URL": ready[1]}).stdout)
            assert ("not encrypted" in processes.log("control")) == (way == ())
            assert processes.terminate("control") == 0
    assert len(kids) == 1
    assert b"PRIVATE KEY" not in b"".join(file.read_bytes() for file in (tmp_path / "data").iterdir())


def test_what_is_said_of_a_wrong_key(tmp_path: Path) -> None:
    """Which key is needed, by its id; a key that is none; one that lies beside what it protects; one on show."""
    key, other = new(), new()
    data = tmp_path / "data"
    with Processes(tmp_path) as processes:
        processes.start("control", serve(data), READY, {**ENV, "CONTROL_MASTER_KEY": key})
    before = {file.name: file.read_bytes() for file in data.iterdir()}
    (data / "key").write_text(key)
    for env, flags, code, says in (
        ({}, (), 1, f"under the master key {parse(key).id.hex()}, and none was given"),
        ({"CONTROL_MASTER_KEY": other}, (), 1, "nothing was changed"),
        ({"CONTROL_MASTER_KEY": "hunter2"}, (), 2, "control: master_key: is 5 bytes: it should be 32 random bytes"),
        ({}, ("--master-key-file", str(data / "key")), 2, "is in the data directory"),
        ({}, ("--master-key", key), 2, "not taken from the command line"),
    ):
        done = command(*serve(data, *flags), env={**ENV, **env}, expect=code)
        assert says in done.stderr
        assert not any(secret in done.stderr for secret in (key, other, "hunter2"))
        assert len([line for line in done.stderr.splitlines() if line.startswith("control: ")]) == 1
    (data / "key").unlink()
    assert {file.name: file.read_bytes() for file in data.iterdir()} == before
