"""The database is deleted, exchanged, damaged or locked while control runs, or gone when it starts."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from control.testing.processes import BIN, command
from tests.stories.conftest import Stack

FILE = "control.sqlite3"


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    """Control, a policy, and a sidecar that enforces it."""
    made = Stack(tmp_path)
    with made.processes:
        made.start_control()
        made.add_sidecar("orders", "orders", made.start_echo())
        made.control("push", str(made.policy()), "--wait")
        yield made
    made.http.close()


def change(stack: Stack, value: str) -> httpx.Response:
    """An operator revokes a token."""
    credential = {"Authorization": "Bearer " + stack.operator["CONTROL_TOKEN"]}
    given = {"by": "jti", "value": value}
    return stack.http.post(
        stack.operator["CONTROL_URL"] + "/v1/revocations", json=given, headers=credential, timeout=60
    )


def refused(answer: httpx.Response) -> bool:
    """503 with a sentence, and when to come back."""
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    assert answer.json()["detail"].startswith("Control") and "retry-after" in answer.headers
    return answer.status_code == 503


def serves(stack: Stack) -> bool:
    """The sidecar goes on with what it has."""
    return (
        stack.get("orders", "/public/hello").status_code == 200 and stack.get("orders", "/admin/x").status_code == 401
    )


def test_a_file_that_is_away_for_a_while(stack: Stack) -> None:
    """Nothing is acknowledged that would go into a file that nobody will find, and no empty one is made in its place;
    back in its place, control goes on by itself."""
    file, away = stack.folder / "data" / FILE, stack.folder / "away"
    file.rename(away)
    assert refused(change(stack, "a")) and refused(change(stack, "b"))
    assert not file.exists()
    assert serves(stack)
    away.rename(file)
    assert change(stack, "c").status_code == 201
    listed = {one["value"] for one in stack.control_json("revoke", "--list")["revocations"]}
    assert listed == {"c"}
    assert serves(stack)


def test_another_file_in_its_place(stack: Stack) -> None:
    """It is not written to: a copy that somebody put there knows nothing of what was acknowledged since."""
    file = stack.folder / "data" / FILE
    copy = stack.folder / "copy"
    copy.write_bytes(file.read_bytes())
    copy.replace(file)
    assert refused(change(stack, "a"))
    assert serves(stack)


@pytest.mark.parametrize("how", ["deleted", pytest.param("emptied", marks=pytest.mark.slow)])
def test_no_empty_mesh_is_made_in_place_of_one_that_is_lost(stack: Stack, how: str) -> None:
    """A start without the file is refused with a sentence that says what to do; what it says works."""
    backup = stack.folder / "backup"
    data = stack.folder / "data"
    stack.control("backup", str(backup), "--data", str(data))
    stack.processes.kill("control")
    for file in data.glob(FILE + "*"):
        file.unlink()
    if how == "emptied":
        (data / FILE).touch()
    serve = (str(BIN / "control"), "serve", "--http", "127.0.0.1:0", "--push", "127.0.0.1:0", "--data", str(data))
    said = command(*serve, env=stack.operator, expect=1).stderr
    assert "restore a backup" in said and "control.made" in said and len(said.splitlines()) == 1
    assert serves(stack)
    stack.control("restore", str(backup), "--data", str(data))
    stack.start_control()
    version = change(stack, "after").json()["version"]
    while stack.ready("orders")["version"] != version:
        pass  # it knows the control that was restored
    assert serves(stack)


def test_a_damaged_file_is_503(stack: Stack) -> None:
    """Not a fault of control: its log says what of."""
    stack.processes.kill("control")
    data = stack.folder / "data"
    with closing(sqlite3.connect(data / FILE)) as database:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        (root,) = database.execute("SELECT rootpage FROM sqlite_master WHERE name = 'revocation'").fetchone()
        (size,) = database.execute("PRAGMA page_size").fetchone()
    stack.start_control()
    with (data / FILE).open("r+b") as file:
        file.seek((root - 1) * size)
        file.write(b"\xff" * size)
    assert refused(change(stack, "a"))
    assert "malformed" in stack.processes.log("control")
    assert serves(stack)


def test_locked_by_another_process(stack: Stack) -> None:
    """Reads go on, a write waits its time and is refused, and the next goes through once the lock is gone."""
    with closing(sqlite3.connect(stack.folder / "data" / FILE, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        assert refused(change(stack, "a"))
        assert stack.control_json("history")["versions"][0]["version"] == 1
        assert serves(stack)
        other.execute("ROLLBACK")
    assert change(stack, "b").status_code == 201
