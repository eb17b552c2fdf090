"""Several processes on one port: they share the load, and one that dies takes nobody else with it."""

import json
import os
import resource
import signal
import socket
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from control.testing.processes import BIN, Processes, command

from .conftest import Stack
from .fleet_of_one import Lone


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Lone]:
    """A sidecar of two workers."""
    with Processes(tmp_path) as processes:
        lone = Lone(tmp_path, processes)
        lone.start("--workers", "2")
        yield lone


def children(pid: int) -> list[int]:
    """The process ids of the workers, oldest first. Any thread of the parent may have started them."""
    found = (task.joinpath("children").read_text().split() for task in Path(f"/proc/{pid}/task").iterdir())
    return sorted(int(child) for of_a_thread in found for child in of_a_thread)


def runs(pid: int) -> bool:
    """Is this process there, and not only waiting for somebody to notice that it ended?"""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0] != "Z"
    except FileNotFoundError:
        return False


def requests_of_each(lone: Lone) -> Counter[str]:
    """How many exchanges each worker has ended, from /metrics."""
    counted: Counter[str] = Counter()
    for line in httpx.get(lone.admin + "/metrics", trust_env=False).text.splitlines():
        if line.startswith("sidegate_requests_total{"):
            counted[line.split('worker="')[1].split('"')[0]] += int(float(line.rpartition(" ")[2]))
    return counted


class Kept:
    """A connection that is kept open, and the worker that holds it."""

    def __init__(self, lone: Lone) -> None:
        before = requests_of_each(lone)
        self.peer = socket.create_connection(lone.address, timeout=5)
        assert self.ask()
        (self.worker,) = requests_of_each(lone) - before

    def ask(self) -> bool:
        """One request; False if the connection is gone."""
        try:
            self.peer.sendall(b"HEAD / HTTP/1.1\r\nHost: orders\r\n\r\n")
            return self.peer.recv(65536).startswith(b"HTTP/1.1 200")
        except ConnectionError:
            return False


def test_two_workers_share_the_load_and_a_death_is_made_good(pair: Lone) -> None:
    """Both serve; kill -9 of one ends its own connections alone, others are served meanwhile, another takes its
    place, and at the end all drain with exit 0."""
    parent = pair.processes.pid("orders")
    first, second = children(parent)
    assert [worker["worker"] for worker in pair.ready()["workers"]] == [1, 2]
    kept = [Kept(pair) for _ in range(24)]
    of_each = Counter(one.worker for one in kept)
    assert set(of_each) == {"1", "2"}, of_each
    os.kill(first, signal.SIGKILL)
    while first in children(parent):
        time.sleep(0.01)
    for one in kept:
        assert one.ask() == (one.worker == "2")
    for _ in range(20):
        assert httpx.get(pair.url, trust_env=False).status_code == 200
    while len(pair.ready()["workers"]) < 2:
        time.sleep(0.02)
    assert (pair.ready()["ready"], pair.ready()["replaced"]) == (True, 1)
    assert second in children(parent)
    later = [Kept(pair) for _ in range(24)]
    assert {one.worker for one in later} == {"1", "2"}
    assert "worker 1 ended (signal 9); another takes its place" in pair.log()
    for one in kept + later:
        one.peer.close()
    assert pair.end() == 0


def test_a_worker_that_cannot_be_replaced_is_no_end_of_the_others(pair: Lone) -> None:
    """When the system has no descriptor left for a new process, the other worker serves on, and once it has some the
    dead one is replaced."""
    parent = pair.processes.pid("orders")
    first, second = children(parent)
    before = resource.prlimit(parent, resource.RLIMIT_NOFILE)
    resource.prlimit(parent, resource.RLIMIT_NOFILE, (8, before[1]))
    os.kill(first, signal.SIGKILL)
    while "worker 1 cannot be started (Too many open files); another takes its place" not in pair.log():
        time.sleep(0.02)
    assert children(parent) == [second]
    for _ in range(5):
        assert httpx.get(pair.url, trust_env=False).status_code == 200
    resource.prlimit(parent, resource.RLIMIT_NOFILE, before)
    while len(children(parent)) < 2 or len(pair.ready()["workers"]) < 2:
        time.sleep(0.02)
    assert pair.end() == 0


def test_workers_whose_parent_is_gone_end_by_themselves(pair: Lone) -> None:
    """kill -9 of the parent leaves no process behind and the port free."""
    workers = children(pair.processes.pid("orders"))
    pair.processes.kill("orders")
    assert len(workers) == 2
    while any(runs(worker) for worker in workers):
        time.sleep(0.02)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(pair.address)


def test_a_port_is_not_shared_with_another_sidecar(pair: Lone, tmp_path: Path) -> None:
    """SO_REUSEPORT would let a second one in by mistake; it is refused in one sentence."""
    where = pair.url.removeprefix("http://")
    second = [str(BIN / "sidecar"), "run", "--service", "orders", "--snapshot", str(pair.snapshot)]
    for workers in ("1", "2"):
        said = command(*second, "--listen", where, "--admin", "127.0.0.1:0", "--workers", workers, expect=1)
        assert said.stderr == f"sidecar: listen {where}: Address already in use; choose another address with --listen\n"


def test_every_line_of_the_log_is_whole(pair: Lone) -> None:
    """Two processes write to one standard output."""
    with httpx.Client(trust_env=False) as client:
        for number in range(200):
            client.get(f"{pair.url}/{number}", headers={"Connection": "close"})
    pair.end()
    lines = [json.loads(line) for line in pair.log().splitlines() if not line.startswith("sidecar up")]
    assert {line["path"] for line in lines if line["kind"] == "access"} >= {f"/{number}" for number in range(200)}


def test_workers_are_one_sidecar_with_a_session_each(stack: Stack) -> None:
    """One join of a token that is good for one; a push is in force in both when push returns; a restart needs neither
    the token nor control."""
    stack.add_sidecar("orders", "orders", stack.start_echo(), "--workers", "2")
    stack.control("push", str(stack.policy()), "--wait")
    while (shown := stack.control_json("status")["sidecars"]) and len(shown) < 2:
        time.sleep(0.05)
    assert sorted(one["instance"].rpartition("#")[2] for one in shown) == ["1", "2"]
    assert len({one["id"] for one in shown}) == 1
    tighter = stack.policy(stack.policy().read_text().replace("/public/**", "/open/**"), "tighter.yaml")
    stack.control("push", str(tighter), "--wait")
    for _ in range(20):
        assert httpx.get(stack.urls["orders"] + "/open/a", trust_env=False).status_code == 200
        assert httpx.get(stack.urls["orders"] + "/public/a", trust_env=False).status_code == 401
    stack.processes.kill("control")
    assert stack.processes.terminate("orders") == 0
    (stack.folder / "orders.join").unlink()
    stack.start_sidecar("orders")
    assert "going on as the sidecar that joined before" in stack.processes.log("orders")
    for _ in range(20):
        assert httpx.get(stack.urls["orders"] + "/open/a", trust_env=False).status_code == 200
