"""What Sidegate costs, printed: ``make bench``.

Two tables, both from one run on this machine, because machines differ and drift:

push      from the commit of a new policy to the acknowledgement of each of N real sidecar processes
request   requests per second and CPU time per request of one sidecar before a service that answers at once,
          beside the same requests sent straight to that service

The load comes from this process over raw sockets; the sidecar is pinned to one CPU, everything else to the others.
"""

import argparse
import datetime
import json
import os
import platform
import secrets
import socket
import statistics
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import httpx

from control.testing.processes import BIN, Processes, command

TICKS_PER_S = os.sysconf("SC_CLK_TCK")
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
BODY = json.dumps({"id": 7, "items": ["tea", "milk"], "total": 1250}).encode()
RESPONSE = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (len(BODY), BODY)


@dataclass(frozen=True, slots=True)
class Sample:
    """One run of load: requests answered, seconds, and CPU seconds of the process watched."""

    requests: int
    seconds: float
    cpu_s: float
    wrong: int


def serve_at_once(listener: socket.socket) -> None:
    """A service that answers every request with the same bytes; a thread a connection."""

    def connection(peer: socket.socket) -> None:
        with peer:
            buffer = b""
            while data := peer.recv(65536):
                buffer += data
                while b"\r\n\r\n" in buffer:
                    buffer = buffer.partition(b"\r\n\r\n")[2]
                    peer.sendall(RESPONSE)

    while True:
        try:
            peer, _ = listener.accept()
        except OSError:
            return
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        threading.Thread(target=connection, args=(peer,), daemon=True).start()


def service_process() -> None:
    """Runs as a child: prints where it listens and serves for ever."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
    print(f"listening on 127.0.0.1:{listener.getsockname()[1]}", flush=True)
    serve_at_once(listener)


def cpu_s(pid: int) -> float:
    """CPU seconds that a process has used, from /proc."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS_PER_S


def load(address: str, request: bytes, pid: int, *, connections: int, seconds: float, expect: bytes) -> Sample:
    """Keeps ``connections`` busy for ``seconds``, one request at a time on each."""
    import selectors

    host, _, port = address.rpartition(":")
    selector = selectors.DefaultSelector()
    for _ in range(connections):
        peer = socket.create_connection((host, int(port)))
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        peer.setblocking(False)
        selector.register(peer, selectors.EVENT_READ)
        peer.send(request)
    done = wrong = 0
    began, cpu_began = time.monotonic(), cpu_s(pid)
    while (now := time.monotonic()) - began < seconds:
        for key, _ in selector.select(1):
            peer = key.fileobj
            assert isinstance(peer, socket.socket)  # noqa: S101  # only sockets are registered
            answer = peer.recv(65536)
            if not answer:
                raise SystemExit(f"{address} closed a connection under load")
            wrong += not answer.startswith(expect)
            done += 1
            peer.send(request)
    sample = Sample(done, now - began, cpu_s(pid) - cpu_began, wrong)
    for key in list(selector.get_map().values()):
        key.fileobj.close()  # type: ignore[union-attr]  # only sockets are registered
    return sample


class Bench:
    """Control, sidecars and the service, with an operator's hands."""

    def __init__(self, folder: Path, processes: Processes) -> None:
        self.folder, self.processes = folder, processes
        self.operator = {"CONTROL_TOKEN": secrets.token_urlsafe(32)}
        ready = processes.start(
            "control",
            [
                *(str(BIN / "control"), "serve", "--data", str(folder / "data")),
                *("--http", "127.0.0.1:0", "--push", "127.0.0.1:0"),
            ],
            r"control ready: http (\S+)\s+push (\S+)",
            self.operator,
        )
        self.operator["CONTROL_URL"], self.push_address = ready[1], ready[2]
        self.api = httpx.Client(
            base_url=ready[1], headers={"Authorization": f"Bearer {self.operator['CONTROL_TOKEN']}"}, timeout=60
        )

    def control(self, *arguments: str) -> str:
        return command(str(BIN / "control"), *arguments, env=self.operator).stdout

    def sidecar(self, name: str, upstream: str, *extra: str) -> str:
        """Starts one; where it listens."""
        token = self.folder / f"{name}.join"
        token.touch(mode=0o600)
        token.write_text(self.control("join-token", "orders"))
        ready = self.processes.start(
            name,
            [
                *(str(BIN / "sidecar"), "run", "--service", "orders", "--upstream", upstream),
                *("--control", self.push_address, "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"),
                *("--join-token-file", str(token), "--state-dir", str(self.folder / f"{name}-state"), *extra),
            ],
            r"sidecar up: .*listen (\S+)\s+admin (\S+)",
        )
        return ready[1].removeprefix("http://")

    def push(self, scope: str) -> float:
        """One policy change; milliseconds from its commit to the last acknowledgement, by control's own clock."""
        answer = self.api.post("/v1/policy", json={"source": POLICY % scope, "files": {}, "env": {}})
        answer.raise_for_status()
        version = answer.json()["version"]
        rollout = self.api.get(f"/v1/versions/{version}/rollout", params={"wait_s": 30}).json()
        if not rollout["complete"] or rollout["nacked"]:
            raise SystemExit(f"a push did not arrive everywhere: {rollout}")
        return float(rollout["elapsed_ms"])


def bench_push(bench: Bench, sidecars: int, pushes: int) -> None:
    """Prints the push table."""
    for number in range(sidecars):
        bench.sidecar(f"orders-{number}", "http://127.0.0.1:9")
    bench.push("orders:read")
    took = sorted(bench.push(f"orders:read{number % 2}") for number in range(pushes))
    print(f"\n## Push: commit to the last of {sidecars} acknowledgements, {pushes} pushes\n")
    print("| p50 ms | p99 ms | max ms |\n| ---: | ---: | ---: |")
    print(f"| {statistics.median(took):.1f} | {took[int(len(took) * 0.99)]:.1f} | {took[-1]:.1f} |")


def pin(pid: int, cpus: set[int]) -> None:
    """Every thread of a process to these CPUs."""
    for task in Path(f"/proc/{pid}/task").iterdir():
        os.sched_setaffinity(int(task.name), cpus)


def bench_requests(bench: Bench, seconds: float, repeats: int, connections: int) -> None:
    """Prints the request table."""
    service = bench.processes.start(
        "service", [sys.executable, str(Path(__file__)), "--service"], r"listening on (\S+)"
    )[1]
    sidecar = bench.sidecar("measured", f"http://{service}")
    bench.push("orders:read")
    bench.control("app", "add", "bench", "--scope", "orders:read")
    token = bench.control("token", "issue", "--app", "bench").strip()
    cpus = sorted(os.sched_getaffinity(0))
    pin(bench.processes.pid("measured"), {cpus[0]})
    for pid in (bench.processes.pid("service"), os.getpid()):
        pin(pid, set(cpus[1:]) or {cpus[0]})
    plain = "GET /%s HTTP/1.1\r\nHost: orders\r\nAccept: application/json\r\n%s\r\n"
    allowed = (plain % ("orders/7", f"Authorization: Bearer {token}\r\n")).encode()
    cases = {
        "straight to the service": (service, "service", allowed, b"HTTP/1.1 200"),
        "public route": (sidecar, "measured", (plain % ("public/x", "")).encode(), b"HTTP/1.1 200"),
        "token verified, scope checked": (sidecar, "measured", allowed, b"HTTP/1.1 200"),
        "refused, no token (401)": (sidecar, "measured", (plain % ("orders/7", "")).encode(), b"HTTP/1.1 401"),
    }
    print(f"\n## Requests: {connections} connections, medians of {repeats} runs of {seconds:.0f} s\n")
    print("| what | requests/s | CPU µs/request | of straight |\n| --- | ---: | ---: | ---: |")
    runs: dict[str, list[Sample]] = {name: [] for name in cases}
    for _ in range(repeats):
        for name, (address, process, request, expect) in cases.items():
            pid = bench.processes.pid(process)
            load(address, request, pid, connections=connections, seconds=seconds / 4, expect=expect)
            runs[name].append(load(address, request, pid, connections=connections, seconds=seconds, expect=expect))
    straight = 0.0
    for name, samples in runs.items():
        if wrong := sum(sample.wrong for sample in samples):
            raise SystemExit(f"{name}: {wrong} answers were not {cases[name][3].decode()}")
        rate = statistics.median(sample.requests / sample.seconds for sample in samples)
        cost = statistics.median(sample.cpu_s / sample.requests for sample in samples) * 1e6
        straight = straight or rate
        print(f"| {name} | {rate:,.0f} | {cost:.0f} | {rate / straight:.2f} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--service", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--sidecars", type=int, default=10)
    parser.add_argument("--pushes", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=4)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--connections", type=int, default=32)
    options = parser.parse_args()
    if options.service:
        service_process()
        return
    date = datetime.datetime.now(datetime.UTC).date().isoformat()
    print(f"# Sidegate, {date}: {len(os.sched_getaffinity(0))} CPUs, Python {platform.python_version()}")
    with tempfile.TemporaryDirectory(prefix="sidegate-bench-") as name, Processes(Path(name)) as processes:
        bench = Bench(Path(name), processes)
        bench_push(bench, options.sidecars, options.pushes)
        bench_requests(bench, options.seconds, options.repeats, options.connections)


if __name__ == "__main__":
    main()
