"""What a push costs with thousands of sidecars connected, printed: ``make bench-push``.

Control is ``control serve`` on one processor, with its real store, TLS and push socket; the sidecars' ends are one
process on another (``bench/fleet.py``), every one with a certificate and a TLS connection of its own. Times count from
the commit, which a reader of control's database sees, to the moment at which a sidecar has sent its acknowledgement.

connect     the whole fleet comes for the first time
policy      a push of a new policy: a whole snapshot for each
revocation  one increment for all
idle        nothing but heartbeats
storm       control is killed with SIGKILL and started again; until everyone is connected and current
"""

import argparse
import datetime
import json
import os
import pickle
import platform
import secrets
import socket
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from control.mesh import open_mesh
from control.testing.processes import BIN, Processes
from sidecar.contract.join import parse_join_token
from sidecar.contract.messages import Join
from sidecar.link.identity import new_private_key, signing_request

TICKS_PER_S = os.sysconf("SC_CLK_TCK")
SERVICE = "orders"
POLICY = """\
trust_domain: shop.test
issuers:
  own: {builtin: true}
services:
  orders:
    routes:
      - {path: /public/**, access: public}
      - {path: "/orders/{id}", methods: [GET], require: {scopes: [%s]}}
"""
READY = r"push +(\S+:\d+)"


class Child:
    """The fleet's process."""

    def __init__(self, port: int, identities: Path, processor: int | None) -> None:
        pin = [] if processor is None else ["taskset", "-c", str(processor)]
        self._process = subprocess.Popen(  # noqa: S603  # a file beside this one
            [*pin, sys.executable, str(Path(__file__).with_name("fleet.py")), str(port), str(identities)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.hear()

    def tell(self, line: str) -> None:
        """Say it."""
        assert self._process.stdin is not None  # noqa: S101  # it is a pipe
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()

    def hear(self) -> Any:
        """Its next answer."""
        assert self._process.stdout is not None  # noqa: S101  # it is a pipe
        return json.loads(self._process.stdout.readline())

    def ask(self, line: str) -> Any:
        """Say it and hear the answer."""
        self.tell(line)
        return self.hear()

    def end(self) -> None:
        """Let it go."""
        self._process.kill()
        self._process.wait()


class Commits(threading.Thread):
    """Notes when each version was committed, as any other reader of the database sees it."""

    def __init__(self, file: Path) -> None:
        super().__init__(daemon=True)
        self._file, self._over = file, threading.Event()
        self.at: dict[int, float] = {}

    def run(self) -> None:
        """Looks every half a millisecond."""
        connection = sqlite3.connect(f"file:{self._file}?mode=ro", uri=True)
        seen = None
        while not self._over.wait(0.0005):
            if (now := connection.execute("PRAGMA data_version").fetchone()) != seen:
                seen, at = now, time.monotonic()
                newest = connection.execute("SELECT max(version) FROM version").fetchone()[0]
                self.at.setdefault(newest, at)
        connection.close()

    def end(self) -> None:
        """No more."""
        self._over.set()
        self.join()


class Control:
    """``control serve``, its API and its use of the machine."""

    def __init__(self, folder: Path, processor: int | None) -> None:
        self._processes, self._data = Processes(folder), folder / "data"
        self._token, self._processor = secrets.token_urlsafe(32), processor
        self._ports = _free_port(), _free_port()
        self.push_port = self._ports[1]

    def start(self) -> None:
        """Until it says that it listens."""
        pin = [] if self._processor is None else ["taskset", "-c", str(self._processor)]
        http, push = (f"127.0.0.1:{port}" for port in self._ports)
        command = [*pin, str(BIN / "control"), "serve", "--http", http, "--push", push, "--data", str(self._data)]
        self._processes.start("control", command, READY, {"CONTROL_TOKEN": self._token})
        # A fleet may take longer to answer than control keeps a connection on which nothing is asked.
        self.api = httpx.Client(
            base_url=f"http://{http}",
            headers={"Authorization": f"Bearer {self._token}", "Connection": "close"},
            trust_env=False,
            timeout=120,
        )

    def kill(self) -> None:
        """As a crash would."""
        self.api.close()
        self._processes.kill("control")

    def stop(self) -> None:
        """In good order."""
        self._processes.stop()

    def cpu_s(self) -> float:
        """Processor time that it has used."""
        fields = Path(f"/proc/{self._processes.pid('control')}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS_PER_S

    def rss_kib(self) -> int:
        """Resident memory."""
        status = Path(f"/proc/{self._processes.pid('control')}/status").read_text()
        return int(status.partition("VmRSS:")[2].split()[0])

    def push(self) -> int:
        """A new policy; its version."""
        source = POLICY % f"s{secrets.token_hex(4)}"
        return self._made(self.api.post("/v1/policy", json={"source": source, "files": {}, "env": {}}))

    def revoke(self) -> int:
        """One more token; its version."""
        return self._made(self.api.post("/v1/revocations", json={"by": "jti", "value": secrets.token_hex(8)}))

    def _made(self, answer: httpx.Response) -> int:
        if answer.is_error:
            raise SystemExit(f"control said {answer.status_code}: {answer.text[:500]}")
        return int(answer.json()["version"])


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def join_all(data: Path, sidecars: int) -> bytes:
    """Makes the mesh and takes in every sidecar; what ``fleet.py`` wants to know of them."""
    mesh = open_mesh(data, "http://control.test")
    try:
        mesh.push(POLICY % "orders:read", {}, {}, "bench")
        identities = list[bytes]()
        while len(identities) < sidecars:
            text = mesh.create_join_token(SERVICE, "bench", uses=min(1000, sidecars - len(identities)))[1]
            token = parse_join_token(text)
            for _ in range(min(1000, sidecars - len(identities))):
                key = new_private_key()
                join = Join(token.token_id, token.secret)
                done = mesh.enrol(join, SERVICE, f"bench-{len(identities)}", signing_request(key, SERVICE), "bench")
                pem = x509.load_der_x509_certificate(done.certificate).public_bytes(Encoding.PEM)
                identities.append(key + pem)
        return pickle.dumps((SERVICE, mesh.ca_der, identities))
    finally:
        mesh.close()


def row(name: str, seconds: list[float], cpu_s: float, count: int) -> str:
    """One line of the table: milliseconds, and control's CPU for one sidecar in microseconds."""
    ms = sorted(1000 * one for one in seconds)
    cut = statistics.quantiles(ms, n=100, method="inclusive")
    return f"| {name} | {cut[49]:,.1f} | {cut[98]:,.1f} | {ms[-1]:,.1f} | {1e6 * cpu_s / count:,.0f} |"


def measure(
    sidecars: int, changes: int, idle_s: float, folder: Path, processors: tuple[int | None, int | None]
) -> None:
    """One fleet, all of it, printed."""
    identities = folder / "identities"
    identities.write_bytes(join_all(folder / "data", sidecars))
    control = Control(folder, processors[0])
    control.start()
    before_kib = control.rss_kib()
    fleet = Child(control.push_port, identities, processors[1])
    commits = Commits(folder / "data" / "control.sqlite3")
    commits.start()
    print(f"\n## {sidecars:,} sidecars\n")
    print("| | p50 ms | p99 ms | max ms | control's CPU us a sidecar |\n| --- | ---: | ---: | ---: | ---: |")
    try:
        begun, used = time.monotonic(), control.cpu_s()
        fleet.tell("connect")
        times = fleet.ask("current 1")
        print(row("connect", [at - begun for at in times], control.cpu_s() - used, sidecars), flush=True)
        kib = (control.rss_kib() - before_kib) / sidecars
        for name, change in (("policy", control.push), ("revocation", control.revoke)):
            _changes(name, change, changes, control, fleet, commits, sidecars)
        used = control.cpu_s()
        time.sleep(idle_s)
        idle = 100 * (control.cpu_s() - used) / idle_s
        version = control.push()
        fleet.ask(f"answers {version}")
        after = (control.rss_kib() - before_kib) / sidecars
        control.kill()
        killed = time.monotonic()
        control.start()
        up = time.monotonic()
        times = fleet.ask(f"current {version}")
        print(row("storm, from the start", [max(0.0, at - up) for at in times], control.cpu_s(), sidecars), flush=True)
        print(f"\nControl was away for {1000 * (up - killed):,.0f} ms.", fleet.ask("count"))
        print(f"Memory of control: {kib:.1f} KiB a connection, {after:.1f} after {2 * changes + 1} changes; ", end="")
        print(
            f"{control.rss_kib() / 1024:,.0f} MiB in all after the storm. Idle: {idle:.1f} % of a processor.",
            flush=True,
        )
    finally:
        commits.end()
        fleet.end()
        control.stop()


def _changes(
    name: str, change: Callable[[], int], count: int, control: Control, fleet: Child, commits: Commits, sidecars: int
) -> None:
    seconds, used = list[float](), 0.0
    for _ in range(count):
        before = control.cpu_s()
        version = change()
        times = fleet.ask(f"answers {version}")
        used += control.cpu_s() - before
        seconds += [at - commits.at[version] for at in times]
    print(row(name, seconds, used, sidecars * count), flush=True)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="make bench-push", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--sidecars", type=int, nargs="+", default=[1_000, 10_000])
    parser.add_argument("--changes", type=int, default=10, help="pushes, and as many revocations (10)")
    parser.add_argument("--idle", type=float, default=20.0, help="seconds of nothing but heartbeats (20)")
    arguments = parser.parse_args()
    available = sorted(os.sched_getaffinity(0))
    processors = (available[0], available[1]) if len(available) > 1 else (None, None)
    today = datetime.datetime.now(datetime.UTC).date()
    print(f"# What a push costs, {today}: {len(available)} CPUs, Python {platform.python_version()}")
    for sidecars in arguments.sidecars:
        with tempfile.TemporaryDirectory() as folder:
            measure(sidecars, arguments.changes, arguments.idle, Path(folder), processors)


if __name__ == "__main__":
    main()
