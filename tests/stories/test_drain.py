"""A sidecar is told to stop in the middle of everything, and nobody who was let in loses a request."""

import re
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from control.testing.processes import Processes

from .fleet_of_one import Crowd, Lone


@pytest.fixture
def lone(tmp_path: Path) -> Iterator[Lone]:
    """The echo service; the sidecar is started by each story."""
    with Processes(tmp_path) as processes:
        yield Lone(tmp_path, processes)


def drained_under_load(lone: Lone, *extra: str) -> None:
    """Start, load, SIGTERM: exit 0, and no request failed."""
    lone.start(*extra)
    with Crowd(lone) as crowd:
        while crowd.answered < 200 and not crowd.failed:
            time.sleep(0.01)
        code = lone.end()
    assert (code, dict(crowd.failed)) == (0, {}), lone.log()[-2000:]
    assert '"drained"' in lone.log()


@pytest.mark.parametrize("workers", ["1", "2"])
def test_sigterm_under_load_loses_nobody(lone: Lone, workers: str) -> None:
    """Five times in a row, with one process and with two."""
    for _ in range(5):
        drained_under_load(lone, "--workers", workers)


@pytest.mark.slow
@pytest.mark.parametrize("workers", ["1", "2"])
def test_sigterm_under_load_a_hundred_times(lone: Lone, workers: str) -> None:
    """As above, for as long as it takes to meet what is rare."""
    for _ in range(100):
        drained_under_load(lone, "--workers", workers)


class Upload:
    """A request whose body is not there yet: an exchange that stays under way for as long as wanted."""

    def __init__(self, lone: Lone) -> None:
        self.peer = socket.create_connection(lone.address, timeout=20)
        self.peer.sendall(b"POST /upload HTTP/1.1\r\nHost: orders\r\nContent-Length: 5\r\n\r\nab")
        while not re.search(r"^sidegate_in_flight(\{[^}]*\})? 1\.0$", metrics(lone), re.MULTILINE):
            time.sleep(0.01)

    def __enter__(self) -> "Upload":
        return self

    def __exit__(self, *_: object) -> None:
        self.peer.close()

    def finish(self) -> bytes:
        """The rest of the body; the answer."""
        self.peer.sendall(b"cde")
        answer = b""
        while data := self.peer.recv(65536):
            answer += data
        return answer


def metrics(lone: Lone) -> str:
    """What /metrics says."""
    return httpx.get(lone.admin + "/metrics", trust_env=False).text


def refused(lone: Lone) -> bool:
    """Is the port closed?"""
    try:
        socket.create_connection(lone.address, timeout=5).close()
    except ConnectionRefusedError:
        return True
    return False


@pytest.mark.parametrize("how", ["request", "signal", "both"])
def test_a_request_and_a_signal_drain_alike(lone: Lone, how: str) -> None:
    """Not ready, port closed, the exchange under way ends well, exit 0. A signal after the request cuts nothing."""
    lone.start()
    with Upload(lone) as upload:
        if how != "signal":
            assert httpx.post(lone.admin + "/drain", trust_env=False).json() == {"draining": True}
        if how != "request":
            lone.signal(signal.SIGTERM)
        while not refused(lone):
            time.sleep(0.01)
        report = lone.ready()
        assert (report["ready"], report["draining"]) == (False, True)
        answer = upload.finish()
    assert answer.startswith(b"HTTP/1.1 200")
    assert b"connection: close" in answer.lower()
    assert lone.processes.wait("orders") == 0


@pytest.mark.parametrize("workers", ["1", "2"])
def test_the_grace_has_an_end_and_says_how_many(lone: Lone, workers: str) -> None:
    """After drain_s what is left is cut: exit 1, and the log has the number."""
    lone.start("--drain-s", "500ms", "--workers", workers)
    with Upload(lone):
        assert lone.end() == 1
    assert "1 exchanges, 0 tunnels and 0 event streams had to be cut" in lone.log()


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_second_signal_cuts_at_once(lone: Lone, workers: str) -> None:
    """Long before drain_s."""
    lone.start("--drain-s", "1h", "--workers", workers)
    with Upload(lone):
        lone.signal(signal.SIGINT)
        while not refused(lone):
            time.sleep(0.01)
        assert lone.end() == 1
    assert "1 exchanges, 0 tunnels and 0 event streams had to be cut" in lone.log()
