"""What a request costs one worker of the sidecar: ``make bench-cost``. The scenarios that the shared rig has not, too.

The worker enforces a snapshot file and is pinned to one CPU; the service and the callers have the others. CPU time is
the worker's own, user and system, so that it says something on a machine with other work; requests a second do so only
beside those of the same run. Access log (to a file) and metrics are always on.
"""

import argparse
import datetime
import itertools
import os
import platform
import selectors
import socket
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from control.testing.processes import BIN, Processes
from sidecar.contract.snapshot import Issuer, RateLimit, Requirement, Route, Snapshot, encode

ANSWERING = str(Path(__file__).with_name("answering.py"))
ISSUER, AUDIENCE = "https://issuer.example", "orders-api"
TICKS_PER_S = os.sysconf("SC_CLK_TCK")
SMALL = "GET /%s HTTP/1.1\r\nHost: orders\r\nAuthorization: Bearer %s\r\n\r\n"
REALISTIC = (
    "GET /%s HTTP/1.1\r\nHost: orders.shop.test\r\nUser-Agent: shop-client/4.1 (linux)\r\nAccept: application/json\r\n"
    "Accept-Encoding: gzip, deflate, br\r\nAccept-Language: en-GB,en;q=0.8\r\nCache-Control: no-cache\r\n"
    "X-Tenant: t-42\r\nX-Client-Version: 2026.11.3\r\nX-Request-Id: %032x\r\ntraceparent: 00-%032x-%016x-01\r\n"
    "Cookie: theme=dark; seen=1\r\nAuthorization: Bearer %s\r\n\r\n"
)


@dataclass(frozen=True, slots=True)
class Scenario:
    """Requests without end, the routes that judge them, and what every answer begins with."""

    requests: Iterator[bytes]
    routes: tuple[Route, ...]
    expect: bytes = b"HTTP/1.1 200"


class Keys:
    """An issuer's keys, and tokens of it."""

    def __init__(self) -> None:
        self._rsa, self._other = (rsa.generate_private_key(65537, 2048) for _ in range(2))
        self._ec = ec.generate_private_key(ec.SECP256R1())
        self.issuer = Issuer(
            name="own",
            issuer=ISSUER,
            audiences=(AUDIENCE,),
            algorithms=("RS256", "ES256"),
            keys=(self._jwk("RS256", self._rsa), self._jwk("ES256", self._ec)),
        )

    @staticmethod
    def _jwk(algorithm: str, key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> dict[str, str]:
        made = jwt.get_algorithm_by_name(algorithm).to_jwk(key.public_key(), as_dict=True)
        return {name: value for name, value in made.items() if isinstance(value, str)} | {"kid": algorithm}

    def tokens(self, count: int, algorithm: str = "RS256", *, false: bool = False) -> list[str]:
        """So many tokens for as many subjects; ``false``: signed by another key."""
        key = self._other if false else self._rsa if algorithm == "RS256" else self._ec
        now = int(time.time())
        usual = {"iss": ISSUER, "aud": AUDIENCE, "iat": now, "exp": now + 3600, "scope": "orders:read orders:write"}
        return [
            jwt.encode({**usual, "sub": f"user-{n:05}", "jti": f"{n:032x}"}, key, algorithm, {"kid": algorithm})
            for n in range(count)
        ]


def scenarios(keys: Keys, many: int) -> dict[str, Scenario]:
    """By name."""
    anything = (Route("/**"),)
    hot, es256 = keys.tokens(1), keys.tokens(1, "ES256")
    fifty, thousand = keys.tokens(50), keys.tokens(1000)
    thousand_routes = (*(Route(f"/r{n}/{{id}}", methods=("GET",)) for n in range(999)), *anything)
    strict = Route(
        "/**",
        methods=("GET",),
        require=Requirement(scopes=("orders:read",), when='principal.subject.startsWith("user-")'),
        rate_limits=(RateLimit(1_000_000, 1, 1_000_000),),
    )
    return {
        "hot": Scenario(small(hot), anything),
        "hot-es256": Scenario(small(es256), anything),
        "distinct": Scenario(small(thousand), anything),
        f"distinct-{many}": Scenario(small(keys.tokens(many)), anything),
        "badsig": Scenario(small(keys.tokens(1000, false=True)), anything, b"HTTP/1.1 401"),
        "realistic": Scenario(realistic(fifty), anything),
        "routes-1000": Scenario((b.replace(b"GET /x", b"GET /r500/7") for b in small(hot)), thousand_routes),
        "everything": Scenario(realistic(fifty), (strict,)),
    }


def small(tokens: list[str]) -> Iterator[bytes]:
    return itertools.cycle([(SMALL % ("x", token)).encode() for token in tokens])


def realistic(tokens: list[str]) -> Iterator[bytes]:
    """Two hundred paths, and ids that no other request has."""
    for number, token in zip(itertools.count(1), itertools.cycle(tokens)):
        yield (REALISTIC % (f"orders/{number % 200}/items?page=2", number, number, number, token)).encode()


@dataclass(frozen=True, slots=True)
class Figures:
    """Of one run."""

    rate: float
    cpu_us: float
    p50_ms: float
    p99_ms: float


def drive(address: tuple[str, int], scenario: Scenario, pid: int, connections: int, seconds: float) -> Figures:
    """Keeps ``connections`` busy, one request at a time on each."""
    began_at: dict[socket.socket, float] = {}
    took: list[float] = []
    with selectors.DefaultSelector() as selector:
        for _ in range(connections):
            peer = socket.create_connection(address)
            peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            peer.setblocking(False)
            selector.register(peer, selectors.EVENT_READ)
            began_at[peer] = time.monotonic()
            peer.send(next(scenario.requests))
        began, cpu_began = time.monotonic(), cpu_s(pid)
        while (now := time.monotonic()) < began + seconds:
            for key, _ in selector.select(1):
                peer = key.fileobj  # type: ignore[assignment]  # only sockets are registered
                answer = peer.recv(65536)
                if not answer.startswith(scenario.expect):
                    raise SystemExit(f"answered {answer[:200]!r}")
                took.append(now - began_at[peer])
                began_at[peer] = now
                peer.send(next(scenario.requests))
        used = cpu_s(pid) - cpu_began
        for peer in began_at:
            peer.close()
    took.sort()
    spent = used / len(took) * 1e6
    return Figures(len(took) / (now - began), spent, statistics.median(took) * 1000, took[int(len(took) * 0.99)] * 1000)


def cpu_s(pid: int) -> float:
    """CPU seconds that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS_PER_S


def rss_mib(pid: int) -> float:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / (1 << 20)


def measure(options: argparse.Namespace) -> None:
    """Prints the table."""
    keys = Keys()
    cpus = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, set(cpus[1:]) or set(cpus))
    print("| scenario | requests/s | CPU us/request | spread | p50 ms | p99 ms | RSS MiB | ready ms |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |", flush=True)
    with tempfile.TemporaryDirectory(prefix="sidegate-cost-") as folder, Processes(Path(folder)) as processes:
        service = processes.start("service", [sys.executable, ANSWERING, "service"], r"listening on (\S+)")[1]
        for name, scenario in scenarios(keys, options.many).items():
            if options.scenarios and name not in options.scenarios:
                continue
            snapshot = Path(folder) / f"{name}.snapshot"
            issued = int(time.time())
            snapshot.write_bytes(
                encode(Snapshot("shop.test", "orders", 1, issued, issuers=(keys.issuer,), routes=scenario.routes))
            )
            began = time.monotonic()
            ready = processes.start(
                name,
                [
                    *(str(BIN / "sidecar"), "run", "--snapshot", str(snapshot), "--upstream", f"http://{service}"),
                    *("--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", *options.sidecar),
                ],
                r"sidecar up: .*listen http://(\S+):(\d+)\s",
            )
            up_ms, pid = (time.monotonic() - began) * 1000, processes.pid(name)
            for task in Path(f"/proc/{pid}/task").iterdir():
                os.sched_setaffinity(int(task.name), {cpus[0]})
            address = (ready[1], int(ready[2]))
            drive(address, scenario, pid, options.connections, options.seconds / 2)
            runs = [drive(address, scenario, pid, options.connections, options.seconds) for _ in range(options.repeats)]
            costs = [run.cpu_us for run in runs]
            middle = [statistics.median(getattr(run, field) for run in runs) for field in ("rate", "p50_ms", "p99_ms")]
            spread = (max(costs) - min(costs)) / statistics.median(costs)
            print(
                f"| {name} | {middle[0]:,.0f} | {statistics.median(costs):.0f} | {spread:.0%} | {middle[1]:.1f} "
                f"| {middle[2]:.1f} | {rss_mib(pid):.1f} | {up_ms:.0f} |",
                flush=True,
            )
            processes.kill(name)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scenarios", nargs="*", help="these alone")
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--many", type=int, default=10_000, help="tokens in the largest rotation")
    parser.add_argument(
        "--sidecar",
        action="append",
        default=[],
        help="a flag for the sidecar, as --sidecar=--http1=h11",
    )
    date = datetime.datetime.now(datetime.UTC).date().isoformat()
    print(f"# Sidegate, {date}: {len(os.sched_getaffinity(0))} CPUs, Python {platform.python_version()}\n")
    measure(parser.parse_args())


if __name__ == "__main__":
    main()
