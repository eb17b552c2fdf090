"""A disk that is full: control's, and the one that a sidecar keeps its state on. Both are a small tmpfs."""

import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.faults.test_lost_database import change, refused, serves
from tests.stories.conftest import Stack

MEGABYTES = 4


class Disk:
    """``fill`` it to the last byte, and make ``room`` again."""

    def __init__(self, place: Path) -> None:
        self._filler = place / "filler"

    def fill(self) -> None:
        with suppress(OSError), self._filler.open("ab", buffering=0) as file:
            while True:
                file.write(bytes(4096))

    def room(self) -> None:
        self._filler.unlink()


def mounted(place: Path) -> Iterator[Disk]:
    """A tmpfs there."""
    place.mkdir()
    said = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={MEGABYTES}m", "tmpfs", place], capture_output=True)
    if said.returncode:
        pytest.skip(f"no full disk was tried: a tmpfs can be mounted by root alone ({said.stderr.decode().strip()})")
    try:
        yield Disk(place)
    finally:
        subprocess.run(["umount", "--lazy", place], check=True)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    """For what a test wants there."""
    yield from mounted(tmp_path / "disk")


@pytest.fixture
def stack(request: pytest.FixtureRequest, tmp_path: Path, disk: Disk) -> Iterator[Stack]:
    """Control, a policy, and a sidecar that enforces it; what the test names lies on that disk."""
    made = Stack(tmp_path)
    for name in request.param:
        (tmp_path / "disk" / name).mkdir()
        (tmp_path / name).symlink_to(tmp_path / "disk" / name)
    with made.processes:
        made.start_control()
        made.add_sidecar("orders", "orders", made.start_echo())
        made.control("push", str(made.policy()), "--wait")
        yield made
    made.http.close()


def metric(stack: Stack) -> str:
    """What the sidecar says of its state directory."""
    text = stack.http.get(stack.admins["orders"] + "/metrics").text
    return next(line.split()[1] for line in text.splitlines() if line.startswith("sidegate_state_written "))


@pytest.mark.parametrize("stack", [["data"]], indirect=True)
def test_control_on_a_full_disk(stack: Stack, disk: Disk) -> None:
    """Changes are refused with a sentence that says why, reads go on, a sidecar that comes gets what is known; with
    room again control goes on by itself, and nothing that it acknowledged is lost."""
    disk.fill()
    done: list[str] = []
    for number in range(1000):  # what is left in the log's file is used up
        answer = change(stack, f"t{number}")
        if answer.status_code != 201:
            break
        done.append(f"t{number}")
    assert refused(answer) and "no room" in answer.json()["detail"], answer.text
    assert stack.control_json("history")["versions"][0]["version"] == 1 + len(done)
    stack.processes.kill("orders")
    stack.start_sidecar("orders")
    while stack.ready("orders")["version"] != 1 + len(done) or stack.ready("orders")["control"] != "connected":
        pass  # it connects, and is brought up to date
    assert serves(stack)
    disk.room()
    while change(stack, "after").status_code != 201:
        pass
    stack.processes.kill("control")
    stack.start_control()
    listed = {one["value"] for one in stack.control_json("revoke", "--list")["revocations"]}
    assert listed >= {*done, "after"}


@pytest.mark.parametrize("stack", [["orders-state"]], indirect=True)
def test_a_sidecar_on_a_full_disk(stack: Stack, disk: Disk, tmp_path: Path) -> None:
    """What is pushed is in force all the same, log and metric say that it is not written, a restart begins with the
    last that was, and with room again it is written without a further push."""
    moved = stack.policy().read_text().replace("/public/**", "/open/**")
    stack.policy(moved)
    disk.fill()
    stack.control("push", str(tmp_path / "policy.yaml"), "--wait")
    assert stack.get("orders", "/open/hello").status_code == 200
    assert metric(stack) == "0.0" and "last_good_not_written" in stack.processes.log("orders")
    stack.processes.kill("control")
    stack.processes.kill("orders")
    stack.start_sidecar("orders")
    assert serves(stack)
    assert stack.ready("orders")["version"] == 1
    stack.start_control()
    while stack.get("orders", "/open/hello").status_code != 200 or metric(stack) != "0.0":
        pass  # a full disk does not keep it from control
    disk.room()
    while metric(stack) != "1.0":
        pass  # by itself
