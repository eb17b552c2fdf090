"""How long a revoked token still counts, printed: ``python bench/revoking.py``.

From the commit of a revocation in control's store to the last time that a sidecar let the token pass, for every sidecar
and every revocation. Control is a process of its own with its real store and push server. Of the sidecars most are
links and gates in this process, over TLS sockets of their own, each asked for the token as fast as the processor
goes; some are ``sidecar run`` before a service, under load from a process of callers, and there a use counts when its
response has come. All of them share the processors of this machine, so that it is busy throughout. Every token is in
every cache before it is revoked.

Each of these keeps a processor busy, so that what takes long is mostly to get one. The last columns leave out the time
in which the thread that tells or the one that enforces, whichever waited longer, was ready to run and had none
(``/proc/PID/schedstat``); what is left is ours, the service's and the callers'.
"""

import argparse
import base64
import datetime
import json
import os
import platform
import random
import selectors
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import trio
from queued import Queued

from control.distribution import PushServer
from control.mesh import Mesh, open_mesh
from control.testing.processes import BIN, Processes
from sidecar.authz.evaluator import RequestFacts
from sidecar.contract.join import parse_join_token
from sidecar.contract.snapshot import Snapshot
from sidecar.link import Link, LinkSettings, StateDir
from sidecar.proxy.gate import Gate

POLICY = """\
trust_domain: shop.test
issuers: {own: {builtin: true}}
services: {orders: {routes: [{path: "/orders/{id}", methods: [GET], require: {scopes: [orders:read]}}]}}
"""
CONNECTIONS = 4
"""Of the callers, to each real sidecar."""
WARM_S = 0.3
GIVE_UP_S = 20.0


async def control_process(folder: Path, joins: int) -> None:
    """A child: prints where it listens and a join token; then a token, and the time of each commit, when it is told."""
    mesh, committed = open_mesh(folder / "data", "http://control.test"), list[float]()
    mesh.push(POLICY, {}, {}, "bench")
    mesh.applications.create("bench", "bench", scopes=["orders:read"])
    mesh.subscribe(lambda _: committed.append(time.monotonic()))
    async with trio.open_nursery() as nursery:
        listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
        await nursery.start(PushServer(mesh).serve, listeners)
        port = listeners[0].socket.getsockname()[1]
        _tell({"push": f"127.0.0.1:{port}", "join": mesh.create_join_token("orders", "bench", uses=joins)[1]})
        while line := (await trio.to_thread.run_sync(sys.stdin.readline)).strip():
            await trio.to_thread.run_sync(_obey, mesh, line, committed)
        nursery.cancel_scope.cancel()


def _obey(mesh: Mesh, line: str, committed: list[float]) -> None:
    if line == "issue":
        _tell({"token": mesh.issue("bench", "bench").access_token})
    else:
        mesh.revoke("jti", line, "bench")
        _tell({"committed": committed[-1]})


def callers_process(addresses: list[str]) -> None:
    """A child: for each token that it is given it calls until nobody lets it in, then prints when each last did."""
    for line in sys.stdin:
        _tell({"last": _call(addresses, line.strip())})


def _call(addresses: list[str], token: str) -> list[float]:
    request = f"GET /orders/7 HTTP/1.1\r\nHost: orders\r\nAuthorization: Bearer {token}\r\n\r\n".encode()
    selector, last = selectors.DefaultSelector(), [0.0] * len(addresses)
    for number, address in enumerate(addresses):
        host, _, port = address.rpartition(":")
        for _ in range(CONNECTIONS):
            peer = socket.create_connection((host, int(port)))
            peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            peer.sendall(request)
            selector.register(peer, selectors.EVENT_READ, number)
    while selector.get_map():
        for key, _ in selector.select(GIVE_UP_S):
            peer = key.fileobj
            assert isinstance(peer, socket.socket)  # noqa: S101  # only sockets are registered
            if peer.recv(65536).startswith(b"HTTP/1.1 200"):
                last[key.data] = time.monotonic()
                peer.sendall(request)
            else:
                selector.unregister(peer)
                peer.close()
    return last


def _tell(what: dict[str, Any]) -> None:
    print(json.dumps(what), flush=True)


class Child:
    """A process that is told a line and answers with one."""

    def __init__(self, *arguments: str) -> None:
        self._process = subprocess.Popen(  # noqa: S603  # this file
            [sys.executable, __file__, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    @property
    def pid(self) -> int:
        """Of the process."""
        return self._process.pid

    def tell(self, line: str) -> None:
        """Say it."""
        assert self._process.stdin is not None  # noqa: S101  # it is a pipe
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()

    def hear(self) -> dict[str, Any]:
        """Its next answer."""
        assert self._process.stdout is not None  # noqa: S101  # it is a pipe
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        return answer

    def end(self) -> None:
        """Let it go."""
        self._process.terminate()
        self._process.wait()


class Near:
    """A sidecar in this process: a link over its own socket, and a gate that is asked all the time."""

    def __init__(self, number: int, folder: Path, push: str, join: str) -> None:
        self.gate, self.last_allowed, self.refused = Gate(), 0.0, True
        settings = LinkSettings("orders", (push,), f"near-{number}", "sidegate/bench", parse_join_token(join))
        state = StateDir(folder / f"near-{number}", "orders")
        jitter = random.Random(number)  # noqa: S311  # no secret
        self.link = Link(settings, state, self._compile, now=time.time, rng=jitter)

    def _compile(self, snapshot: Snapshot, _source: str) -> Callable[[], None]:
        evaluator = self.gate.compiled(snapshot)
        return lambda: self.gate.put(evaluator)

    def use(self, facts: RequestFacts) -> None:
        """One use of the token."""
        evaluator = self.gate.evaluator
        self.refused = evaluator is None or not evaluator.evaluate(facts, time.time()).allowed
        if not self.refused:
            self.last_allowed = time.monotonic()


@dataclass(slots=True)
class Took:
    """Milliseconds from commit to last use: ``all`` of it, and ``ours`` but for the wait for a processor."""

    all: list[float] = field(default_factory=list)
    ours: list[float] = field(default_factory=list)

    def add(self, took_ms: float, queued_ms: float) -> None:
        """One sidecar's."""
        self.all.append(max(0.0, took_ms))
        self.ours.append(max(0.0, took_ms - queued_ms))


async def measure(options: argparse.Namespace, folder: Path, processes: Processes) -> None:
    """Prints the table."""
    control = Child("--control", str(folder), "--joins", str(options.near + options.real))
    place = await trio.to_thread.run_sync(control.hear)
    near = [Near(number, folder, place["push"], place["join"]) for number in range(options.near)]
    callers = await trio.to_thread.run_sync(_real_sidecars, options.real, folder, processes, place)
    queued = Queued(control.pid, os.getpid(), *(processes.pid(f"real-{number}") for number in range(options.real)))
    near_took, real_took, uses = Took(), Took(), 0
    try:
        async with trio.open_nursery() as nursery:
            for one in near:
                nursery.start_soon(one.link.run)
            while not all(one.gate.evaluator for one in near):  # noqa: ASYNC110  # links tell nobody
                await trio.sleep(0.05)
            for number in range(options.revocations + 1):
                committed, last, used = await _one(control, callers, near, queued)
                took = [(at - committed) * 1000 for at in last]
                if options.each:
                    first, *_, longest = sorted(took[: len(near)])
                    real = max(took[len(near) :], default=0)
                    print(f"{number}: links and gates {first:.0f} to {longest:.0f} ms, processes {real:.0f} ms")
                if number:  # the first warms up
                    for which, (at, took_ms) in enumerate(zip(last, took, strict=True)):
                        process = max(1, which - len(near) + 2)
                        waited_ms = max(queued.between_ms(one, committed, at) for one in (0, process))
                        (near_took if which < len(near) else real_took).add(took_ms, waited_ms)
                    uses += used
                queued.forget()
            nursery.cancel_scope.cancel()
    finally:
        control.end()
        if callers is not None:
            callers.end()
    print(f"\n## From the commit of a revocation to the last allowed use, {options.revocations} revocations\n")
    print("| sidecars | p50 ms | p99 ms | max ms | p50, with a processor | p99 | max |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: |")
    _row(f"{options.near} links and gates, {uses / options.revocations / options.near:.0f} uses each", near_took)
    _row(f"{options.real} processes under load", real_took)


async def _one(
    control: Child, callers: Child | None, near: list[Near], queued: Queued
) -> tuple[float, list[float], int]:
    """One token from its first use to its last: when it was revoked, when each let it in last, and how often."""
    control.tell("issue")
    token = (await trio.to_thread.run_sync(control.hear))["token"]
    jti = json.loads(base64.urlsafe_b64decode(token.split(".")[1] + "=="))["jti"]
    facts = RequestFacts("GET", b"/orders/7", [(b"authorization", b"Bearer " + token.encode())])
    uses, over = 0, trio.Event()
    began = time.monotonic()

    async def load() -> None:
        nonlocal uses
        while not over.is_set() or not all(one.refused for one in near):
            for one in near:
                one.use(facts)
                uses += 1
                await trio.lowlevel.checkpoint()
            queued.look()
            if time.monotonic() - began > GIVE_UP_S:
                raise SystemExit("a revoked token still counts somewhere")

    async with trio.open_nursery() as nursery:
        if callers is not None:
            callers.tell(token)
        nursery.start_soon(load)
        await trio.sleep(WARM_S)
        control.tell(jti)
        committed = (await trio.to_thread.run_sync(control.hear))["committed"]
        over.set()
        last = [] if callers is None else (await trio.to_thread.run_sync(callers.hear))["last"]
        queued.look()
    return committed, [*(one.last_allowed for one in near), *last], uses


def _real_sidecars(count: int, folder: Path, processes: Processes, place: dict[str, str]) -> Child | None:
    if not count:
        return None
    answering = str(Path(__file__).with_name("answering.py"))
    service = processes.start("service", [sys.executable, answering, "service"], r"listening on (\S+)")[1]
    join = folder / "join"
    join.touch(mode=0o600)
    join.write_text(place["join"])
    addresses = []
    for number in range(count):
        ready = processes.start(
            f"real-{number}",
            [
                *(str(BIN / "sidecar"), "run", "--service", "orders", "--upstream", f"http://{service}"),
                *("--control", place["push"], "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"),
                *("--join-token-file", str(join), "--state-dir", str(folder / f"real-{number}")),
            ],
            r"sidecar up: .*listen (\S+)\s+admin (\S+)",
        )
        addresses.append(ready[1].removeprefix("http://"))
    return Child("--callers", *addresses)


def _row(name: str, took: Took) -> None:
    if took.all:
        cells = [f"{cell:.1f}" for some in (took.all, took.ours) for cell in _spread(sorted(some))]
        print(f"| {name} | {' | '.join(cells)} |")


def _spread(ordered: list[float]) -> list[float]:
    return [*(ordered[min(len(ordered) - 1, int(len(ordered) * share))] for share in (0.5, 0.99)), ordered[-1]]


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--control", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--joins", type=int, default=1, help=argparse.SUPPRESS)
    parser.add_argument("--callers", nargs="+", help=argparse.SUPPRESS)
    parser.add_argument("--near", type=int, default=48, help="links and gates in one process (48)")
    parser.add_argument("--real", type=int, default=2, help="sidecar processes under load (2)")
    parser.add_argument("--revocations", type=int, default=50)
    parser.add_argument("--each", action="store_true", help="tell each revocation apart")
    options = parser.parse_args()
    if options.control is not None:
        trio.run(control_process, options.control, options.joins)
        return
    if options.callers:
        callers_process(options.callers)
        return
    date = datetime.datetime.now(datetime.UTC).date().isoformat()
    print(f"# Sidegate, {date}: {len(os.sched_getaffinity(0))} CPUs, Python {platform.python_version()}")
    print(f"\n`python bench/revoking.py {' '.join(sys.argv[1:])}`".rstrip())
    with tempfile.TemporaryDirectory(prefix="sidegate-bench-") as name, Processes(Path(name)) as processes:
        trio.run(measure, options, Path(name), processes)


if __name__ == "__main__":
    main()
