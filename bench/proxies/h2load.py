"""h2load: requests at a set pace, each timed by itself. Its summary is coarse; its log has a line a request."""

import statistics
from collections.abc import Iterable
from pathlib import Path

from . import programs
from .load import Load, LoadError, run_tool
from .scenarios import Scenario

RATE = 500


def drive(port: int, scenario: Scenario, tokens: Path, seconds: float, cpus: Iterable[int]) -> Load:
    """One run. The connections are opened so far apart that their requests come evenly."""
    log = tokens.with_name("h2load.log")
    log.unlink(missing_ok=True)
    total = int(RATE * seconds)
    command = [
        *(programs.need("h2load"), "--h1", f"-n{total}", f"-c{scenario.connections}", f"--log-file={log}"),
        *("-r1", f"--rate-period={1000 // RATE}ms", f"--rps={RATE / scenario.connections}"),
        *("-H", f"Authorization: Bearer {tokens.read_text().split()[0]}", f"http://127.0.0.1:{port}{scenario.path}"),
    ]
    run_tool(command, cpus)
    return read(log.read_text(), total)


def read(log: str, total: int) -> Load:
    """A log with lines ``began (us)<TAB>status<TAB>took (us)``; LoadError if there are none."""
    try:
        rows = [tuple(map(int, line.split("\t")[:3])) for line in log.splitlines()]
        if len(rows) < 2:
            raise ValueError("there is no percentile of so little")
        cut = statistics.quantiles([took for _, _, took in rows], n=100, method="inclusive")
        seconds = (max(began + took for began, _, took in rows) - min(row[0] for row in rows)) / 1e6
    except ValueError as error:
        raise LoadError(f"h2load's log cannot be read: {error}") from error
    return Load(len(rows), seconds, cut[49], cut[98], total - sum(answer == 200 for _, answer, _ in rows))
