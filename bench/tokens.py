"""What tokens cost control, printed: ``python bench/tokens.py``.

Requests for tokens (``client_credentials``, a secret, ES256) come at a set rate, each measured from when it was due, to
a control on one CPU, where people sign in meanwhile (argon2id); this process is on the others. Beside the answers
stands how late control's event loop was woken.
"""

import argparse
import base64
import collections
import datetime
import json
import os
import platform
import re
import secrets
import selectors
import signal
import socket
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import httpx
from soak import cpu_s

from control.testing.processes import Processes

POLICY = """\
trust_domain: shop.test
issuers:
  own: {builtin: true}
services:
  orders: {routes: [{path: /**}]}
"""
APPLICATIONS = 20
WARM_S = 2.0


@dataclass(frozen=True, slots=True)
class Spread:
    """Of many measurements, in ms."""

    p50: float
    p99: float
    most: float

    @classmethod
    def of(cls, seconds: list[float]) -> "Spread":
        ordered = sorted(seconds) or [0.0]
        return cls(statistics.median(ordered) * 1000, ordered[int(len(ordered) * 0.99)] * 1000, ordered[-1] * 1000)

    def __str__(self) -> str:
        return f"{self.p50:.1f} | {self.p99:.1f} | {self.most:.1f}"


class Load:
    """Requests at a rate over kept connections. ``took_s``: from when each was due to its answer."""

    def __init__(self, address: str, requests: list[bytes], rate: float, connections: int) -> None:
        host, _, port = address.removeprefix("http://").rpartition(":")
        self.rate, self.took_s, self.wrong = rate, list[float](), collections.Counter[str]()
        self._requests, self._sent = requests, 0
        self._free = collections.deque(socket.create_connection((host, int(port))) for _ in range(connections))
        for peer in self._free:
            peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._due: dict[socket.socket, float] = {}
        self._said: collections.defaultdict[socket.socket, bytes] = collections.defaultdict(bytes)

    def drive(self, seconds: float) -> float:
        """For so long, and until the last is answered; how long it was."""
        self.took_s.clear()
        self._sent = 0
        began = now = time.monotonic()
        with selectors.DefaultSelector() as selector:
            for peer in self._free:
                selector.register(peer, selectors.EVENT_READ)
            while now < began + seconds or self._due:
                next_at = began + self._sent / self.rate
                while self._free and now < began + seconds and next_at <= now:
                    self._send(next_at)
                    next_at = began + self._sent / self.rate
                for key, _ in selector.select(max(0.0, min(next_at - now, 0.1)) if self._free else 0.1):
                    self._receive(key.fileobj)
                now = time.monotonic()
        return now - began

    def _send(self, due: float) -> None:
        peer = self._free.popleft()
        peer.sendall(self._requests[self._sent % len(self._requests)])
        self._due[peer] = due
        self._sent += 1

    def _receive(self, peer: socket.socket) -> None:
        said = peer.recv(65536)
        if not said:
            raise SystemExit("control closed a connection under load")
        self._said[peer] += said
        head, end, body = self._said[peer].partition(b"\r\n\r\n")
        length = re.search(rb"content-length: (\d+)", head, re.IGNORECASE)
        if not end or length is None or len(body) < int(length[1]):
            return
        status = self._said.pop(peer)[9:12].decode()
        if status != "200":
            self.wrong[status] += 1
        self.took_s.append(time.monotonic() - self._due.pop(peer))
        self._free.append(peer)


class Control:
    """The watched process, and an operator's hands."""

    def __init__(self, folder: Path, processes: Processes, cpu: int, logins: float) -> None:
        self._processes = processes
        operator = {"CONTROL_TOKEN": secrets.token_urlsafe(32)}
        child = [sys.executable, str(Path(__file__).with_name("watched.py"))]
        port = _free_port()
        ready = processes.start(
            "control",
            [*child, str(folder / "data"), f"127.0.0.1:{port}", str(cpu), str(logins)],
            r"listening on (\S+)",
            operator,
        )
        self.url, headers = ready[1], {"Authorization": f"Bearer {operator['CONTROL_TOKEN']}"}
        self._api = httpx.Client(base_url=self.url, headers=headers, timeout=60, trust_env=False)

    def post(self, path: str, **body: object) -> dict[str, str]:
        """One change; what it answered."""
        said: dict[str, str] = self._api.post(path, json=body).raise_for_status().json()
        return said

    def token_requests(self, applications: int) -> list[bytes]:
        """One of each of so many new applications."""
        made = (self.post("/v1/apps", name=f"app-{n}", scopes=["orders:read"]) for n in range(applications))
        return [_request(one["client_id"], one["client_secret"]) for one in made]

    def begin(self) -> float:
        """The count of lags begins; CPU seconds until now."""
        self._processes.signal("control", signal.SIGUSR1)
        return cpu_s(self._processes.pid("control"))

    def end(self, began_cpu_s: float) -> tuple[float, dict[str, list[float]]]:
        """CPU seconds since then; ``lag``: how late its loop was woken; ``logins``: how long each took."""
        used = cpu_s(self._processes.pid("control")) - began_cpu_s
        self._processes.terminate("control")
        said: dict[str, list[float]] = json.loads(self._processes.log("control").splitlines()[-1])
        return used, said


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def _request(client_id: str, secret: str) -> bytes:
    basic = base64.b64encode(f"{client_id}:{secret}".encode()).decode()
    body = "grant_type=client_credentials&scope=orders%3Aread"
    head = (
        *("POST /oauth2/token HTTP/1.1", "Host: control", f"Authorization: Basic {basic}"),
        *("Content-Type: application/x-www-form-urlencoded", f"Content-Length: {len(body)}"),
    )
    return ("\r\n".join(head) + "\r\n\r\n" + body).encode()


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rate", type=float, default=200, help="token requests a second")
    parser.add_argument("--logins", type=float, default=10, help="people who sign in, a second")
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--connections", type=int, default=64)
    options = parser.parse_args()
    cpus = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, set(cpus[1:]) or {cpus[0]})
    date = datetime.datetime.now(datetime.UTC).date().isoformat()
    print(f"# Tokens, {date}: {len(cpus)} CPUs, Python {platform.python_version()}, load {os.getloadavg()[0]:.1f}")
    with tempfile.TemporaryDirectory(prefix="sidegate-bench-") as name, Processes(Path(name)) as processes:
        control = Control(Path(name), processes, cpus[0], options.logins)
        control.post("/v1/policy", source=POLICY, files={}, env={})
        load = Load(control.url, control.token_requests(APPLICATIONS), options.rate, options.connections)
        load.drive(WARM_S)
        began = control.begin()
        seconds = load.drive(options.seconds)
        cpu, said = control.end(began)
    print(f"\nCPU of control: {cpu / seconds:.0%} of one. Answers other than 200: {load.wrong.total()}.\n")
    print("| | asked/s | done/s | p50 ms | p99 ms | max ms |\n| --- | ---: | ---: | ---: | ---: | ---: |")
    print(f"| tokens | {options.rate:.0f} | {len(load.took_s) / seconds:.0f} | {Spread.of(load.took_s)} |")
    print(f"| logins | {options.logins:.0f} | {len(said['logins']) / seconds:.0f} | {Spread.of(said['logins'])} |")
    print(f"| lag of the event loop | | | {Spread.of(said['lag'])} |")


if __name__ == "__main__":
    main()
