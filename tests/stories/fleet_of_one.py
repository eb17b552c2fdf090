"""One sidecar that runs from a file before the echo service: for stories in which control has no part."""

import re
import signal
import socket
import sys
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx

from control.testing.processes import BIN, Processes
from sidecar.contract.snapshot import Route, Snapshot, encode

from .conftest import ECHO


class Lone:
    """The processes, and the sidecar's two URLs."""

    def __init__(self, folder: Path, processes: Processes) -> None:
        self.folder, self.processes = folder, processes
        self.url = self.admin = ""
        self.snapshot = folder / "orders.snapshot"
        self.snapshot.write_bytes(
            encode(Snapshot("shop.test", "orders", 1, 1, routes=(Route("/**", access="public"),)))
        )
        self.echo = processes.start("echo", [sys.executable, "-u", str(ECHO)], r"listening on (\S+)")[1]

    def start(self, *extra: str) -> None:
        """A sidecar on free ports."""
        ready = self.processes.start(
            "orders",
            [
                *(str(BIN / "sidecar"), "run", "--service", "orders", "--snapshot", str(self.snapshot)),
                *("--upstream", self.echo, "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", *extra),
            ],
            r"sidecar up: orders listen (\S+) admin (\S+)\n",
        )
        self.url, self.admin = ready[1], ready[2]

    @property
    def address(self) -> tuple[str, int]:
        """Host and port of the sidecar."""
        host, port = re.fullmatch(r"https?://([^:]+):(\d+)", self.url).groups()  # type: ignore[union-attr]  # as printed
        return host, int(port)

    def ready(self) -> dict[str, Any]:
        """What /ready says, whatever its status."""
        said: dict[str, Any] = httpx.get(self.admin + "/ready", trust_env=False).json()
        return said

    def log(self) -> str:
        """Both streams of the sidecar."""
        return self.processes.log("orders")

    def end(self) -> int:
        """SIGTERM, and the exit code."""
        return self.processes.terminate("orders")

    def signal(self, number: signal.Signals) -> None:
        """To the sidecar's first process."""
        self.processes.signal("orders", number)


class Crowd:
    """Callers in threads, half of them on connections that they keep, half on a new one for each request. Each goes
    on until nobody lets it in any more; every request of a connection that was let in must be answered whole."""

    def __init__(self, lone: Lone, callers: int = 8) -> None:
        self.answered, self.failed = 0, Counter[str]()
        self._address, self._lock = lone.address, threading.Lock()
        kinds: tuple[Callable[[], bool], ...] = (self._one_each, self._many_each)
        self._threads = [threading.Thread(target=self._go_on, args=(kinds[n % 2],)) for n in range(callers)]
        self._enough = threading.Event()

    def __enter__(self) -> "Crowd":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._enough.set()
        for thread in self._threads:
            thread.join()

    def _go_on(self, connection: Callable[[], bool]) -> None:
        while not self._enough.is_set() and connection():
            pass

    def _one_each(self) -> bool:
        return self._connection(1)

    def _many_each(self) -> bool:
        return self._connection(1_000_000)

    def _connection(self, requests: int) -> bool:
        """One connection with so many requests, or as many as it carries; False if it was not let in."""
        try:
            peer = socket.create_connection(self._address, timeout=20)
        except (ConnectionRefusedError, ConnectionResetError, TimeoutError):
            return False
        with peer:
            for number in range(requests):
                last = number + 1 == requests or self._enough.is_set()
                try:
                    over = self._request(peer, last)
                except (OSError, AssertionError) as error:
                    with self._lock:
                        self.failed[f"request {number}: {error!r}"] += 1
                    return True
                with self._lock:
                    self.answered += 1
                if over or last:
                    break
        return True

    def _request(self, peer: socket.socket, last: bool) -> bool:
        """One request; True if its response is the connection's last."""
        close = b"Connection: close\r\n" if last else b""
        peer.sendall(b"GET /bytes/3000 HTTP/1.1\r\nHost: orders\r\n" + close + b"\r\n")
        received = b""
        while b"\r\n\r\n" not in received:
            received += self._more(peer, received)
        head, _, body = received.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200"), head
        while len(body) < 3000:
            body += self._more(peer, body)
        return b"connection: close" in head.lower()

    def _more(self, peer: socket.socket, so_far: bytes) -> bytes:
        data = peer.recv(65536)
        assert data, f"cut after {len(so_far)} bytes"
        return data
