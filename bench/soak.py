"""What a sidecar does when it is pressed, printed: ``make soak``. Ends with 1 if anything leaked or was lost.

load      latency of busy callers alone, beside idle kept connections, and beside slow-loris callers; memory
leak      descriptors, tasks and memory before and after many connections, which end in every way there is
sigterm   SIGTERM at full load, again and again: requests that were accepted and not answered

One worker, pinned to one CPU, enforcing a snapshot file; the service and the callers have the others.
"""

import argparse
import datetime
import os
import platform
import re
import resource
import signal
import statistics
import sys
import tempfile
import time
from pathlib import Path

import httpx
import trio
from callers import GET, WAYS, Crowd, Figures, Kept, open_and_close

from control.testing.processes import BIN, Processes
from sidecar.contract.snapshot import Route, Snapshot, encode

ANSWERING = str(Path(__file__).with_name("answering.py"))
SERVE = GET % b"x"
GAUGES = ("sidegate_connections", "sidegate_in_flight", "sidegate_upstream_connections", "sidegate_tasks")
RSS_MAY_GROW_BY = 8 << 20
SETTLES_WITHIN_S = 20.0


def raise_limit() -> None:
    """As many descriptors as this machine lets us have; children inherit it."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def cpus() -> tuple[set[int], set[int]]:
    """Those for the sidecar, and those for everything else."""
    mine = sorted(os.sched_getaffinity(0))
    return {mine[0]}, set(mine[1:]) or {mine[0]}


class Pressed:
    """A sidecar before the service of the soak."""

    def __init__(self, folder: Path, processes: Processes) -> None:
        self.processes = processes
        self.snapshot = folder / "snapshot"
        routes = (Route("/closed/**"), Route("/**", access="public"))
        self.snapshot.write_bytes(encode(Snapshot("shop.test", "orders", 1, int(time.time()), routes=routes)))
        self.service = processes.start("service", [sys.executable, ANSWERING, "service"], r"listening on (\S+)")[1]
        os.sched_setaffinity(processes.pid("service"), cpus()[1])

    def start(self, *extra: str) -> None:
        """A fresh sidecar."""
        ready = self.processes.start(
            "sidecar",
            [
                *(str(BIN / "sidecar"), "run", "--service", "orders", "--snapshot", str(self.snapshot)),
                *("--upstream", f"http://{self.service}", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", *extra),
            ],
            r"sidecar up: .*listen http://(\S+):(\d+)\s+admin (\S+)",
        )
        self.address, self.admin = (ready[1], int(ready[2])), ready[3]
        self.pid = self.processes.pid("sidecar")
        for task in Path(f"/proc/{self.pid}/task").iterdir():
            os.sched_setaffinity(int(task.name), cpus()[0])

    def rss(self) -> int:
        """Resident bytes."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        return int(re.search(r"^VmRSS:\s+(\d+)", status, re.MULTILINE)[1]) * 1024  # type: ignore[index]  # always there

    def descriptors(self) -> int:
        """Open file descriptors."""
        return sum(1 for _ in Path(f"/proc/{self.pid}/fd").iterdir())

    def gauges(self) -> dict[str, int]:
        """The numbers of ``/metrics`` that count what is alive."""
        text = httpx.get(self.admin + "/metrics", trust_env=False).text
        shown = dict(re.findall(r"(?m)^(\w+) (\S+)$", text))
        return {name: int(float(shown[name])) for name in GAUGES}

    def settled(self) -> dict[str, int]:
        """The gauges once no caller is left, or after a while all the same; the log of bugs must be empty."""
        until = time.monotonic() + SETTLES_WITHIN_S
        while (seen := self.gauges())["sidegate_connections"] and time.monotonic() < until:
            time.sleep(0.1)
        return seen


def cpu_s(pid: int) -> float:
    """CPU seconds that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def mib(size: float) -> str:
    return f"{size / (1 << 20):.1f}"


def load(pressed: Pressed, options: argparse.Namespace) -> bool:
    """Prints the load table; False if an idle connection was lost."""
    pressed.start("--keep-alive-idle-s", "600")
    bare, rows = pressed.rss(), []
    busy = Kept(pressed.address, options.busy, SERVE)
    rate = busy.drive(options.seconds).rate * options.share

    def measure(name: str) -> None:
        cpu = cpu_s(pressed.pid)
        full = busy.drive(options.seconds)
        cpu = (cpu_s(pressed.pid) - cpu) / (full.rate * options.seconds) * 1e6
        paced = busy.drive(options.seconds, rate)
        rows.append((name, full, cpu, paced, pressed.rss()))

    measure("alone")
    idle = Kept(pressed.address, options.idle, SERVE)
    measure(f"and {options.idle:,} idle")
    alive = idle.alive()
    idle.close()
    measure("alone")
    address = ":".join(map(str, pressed.address))
    command = [sys.executable, ANSWERING, "drip", address, str(options.loris)]
    pressed.processes.start("loris", command, "dripping")
    measure(f"and {options.loris:,} slow-loris")
    dripping = pressed.gauges()["sidegate_connections"] - options.busy
    pressed.processes.kill("loris")
    measure("alone")
    busy.close()
    pressed.processes.terminate("sidecar")
    show_load(rows, f"{options.busy} busy callers; latency at {rate:,.0f} requests/s")
    each = (rows[1][4] - rows[0][4]) / options.idle / 1024
    print(f"\nWithout callers {mib(bare)} MiB")
    print(f"{alive:,} of {options.idle:,} idle connections stayed, {each:.1f} KiB each")
    print(f"{dripping:,} slow-loris connections at the end of their turn")
    return alive == options.idle


def show_load(rows: list[tuple[str, Figures, float, Figures, int]], title: str) -> None:
    """Each row beside the mean of those without anybody else, since a machine drifts."""
    alone = [row for row in rows if row[0] == "alone"]
    print(f"\n## Load: {title}; ratios to the mean alone\n")
    print("| busy callers | requests/s | ratio | CPU us/request | ratio | p50 ms | ratio | p99 ms | ratio | RSS MiB |")
    print("| --- " + "| ---: " * 9 + "|")
    for name, full, cpu, paced, rss in rows:
        values = (full.rate, cpu, paced.p50, paced.p99)
        means = [
            statistics.mean(each) for each in zip(*((f.rate, c, p.p50, p.p99) for _, f, c, p, _ in alone), strict=True)
        ]
        cells = " | ".join(f"{value:,.1f} | {value / mean:.2f}" for value, mean in zip(values, means, strict=True))
        print(f"| {name} | {cells} | {mib(rss)} |")


def leak(pressed: Pressed, options: argparse.Namespace) -> bool:
    """Prints the leak table; False if something stayed."""
    pressed.start()
    began, rows = time.monotonic(), []

    def look(done: int) -> None:
        gauges = pressed.settled()
        rows.append((done, pressed.descriptors(), gauges, pressed.rss()))

    warm = max(options.connections // 10, len(WAYS))
    wrong = trio.run(open_and_close, pressed.address, warm, options.at_once)
    look(warm)
    step = max((options.connections - warm) // 3, 1)
    for done in range(warm + step, options.connections + 1, step):
        wrong += trio.run(open_and_close, pressed.address, step, options.at_once)
        look(done)
    seconds = time.monotonic() - began
    print(f"\n## Leaks: {rows[-1][0]:,} connections in {seconds:.0f} s, {len(WAYS)} ways to end\n")
    print("| after | descriptors | " + " | ".join(name.removeprefix("sidegate_") for name in GAUGES) + " | RSS MiB |")
    print("| ---: " * (len(GAUGES) + 3) + "|")
    for done, descriptors, gauges, rss in rows:
        print(f"| {done:,} | {descriptors} | " + " | ".join(str(gauges[name]) for name in GAUGES) + f" | {mib(rss)} |")
    for way, count in wrong.items():
        print(f"\n{way}: {count:,} were not answered as they should be")
    pressed.processes.terminate("sidecar")
    bugs = pressed.processes.log("sidecar").count("Traceback")
    if bugs:
        print(f"\n{bugs} tracebacks in the sidecar's log")
    first, last = rows[0], rows[-1]
    stayed = any(last[2][name] for name in GAUGES[:2]) or last[2]["sidegate_tasks"] > first[2]["sidegate_tasks"]
    more = last[1] - last[2]["sidegate_upstream_connections"] > first[1] - first[2]["sidegate_upstream_connections"]
    return not (bugs or wrong or stayed or more or last[3] - first[3] > RSS_MAY_GROW_BY)


def sigterm(pressed: Pressed, options: argparse.Namespace) -> bool:
    """Prints how many requests were lost over all rounds; False if any was, or a sidecar did not end well."""
    answered, lost, exits = 0, 0, []
    for number in range(options.rounds):
        pressed.start()
        crowd = Crowd(pressed.address, number)

        async def one_round(crowd: Crowd = crowd, after_s: float = 0.3 + (number * 7 % 10) / 20) -> None:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(crowd.run, options.callers)
                await trio.sleep(after_s)
                pressed.processes.signal("sidecar", signal.SIGTERM)

        trio.run(one_round)
        exits.append(pressed.processes.wait("sidecar"))
        answered, lost = answered + crowd.answered, lost + crowd.lost.total()
        for what, count in crowd.lost.items():
            print(f"round {number}: lost {count}: {what}")
    bad = [code for code in exits if code]
    print(f"\n## SIGTERM at full load, {options.rounds} times, {options.callers} callers\n")
    print(f"{answered:,} requests answered, {lost} accepted and lost; {len(bad)} sidecars did not end with 0")
    return not lost and not bad


PARTS = {"load": load, "leak": leak, "sigterm": sigterm}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", metavar="load|leak|sigterm", help="all of them if none is named")
    parser.add_argument("--busy", type=int, default=500)
    parser.add_argument("--idle", type=int, default=5000)
    parser.add_argument("--loris", type=int, default=2000)
    parser.add_argument("--seconds", type=float, default=5, help="of each measurement")
    parser.add_argument("--share", type=float, default=0.25, help="of the full rate, for latency")
    parser.add_argument("--connections", type=int, default=100_000)
    parser.add_argument("--at-once", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--callers", type=int, default=64)
    options = parser.parse_args()
    if unknown := set(options.parts) - set(PARTS):
        parser.error(f"no such part: {', '.join(sorted(unknown))}")
    raise_limit()
    os.sched_setaffinity(0, cpus()[1])
    date = datetime.datetime.now(datetime.UTC).date().isoformat()
    print(f"# Sidegate under load, {date}: {os.cpu_count()} CPUs, Python {platform.python_version()}", flush=True)
    good = True
    with tempfile.TemporaryDirectory(prefix="sidegate-soak-") as name, Processes(Path(name)) as processes:
        pressed = Pressed(Path(name), processes)
        for part in options.parts or PARTS:
            good = PARTS[part](pressed, options) and good
            sys.stdout.flush()
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
