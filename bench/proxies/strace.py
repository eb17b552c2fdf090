"""strace's summary: how often a process asked the kernel for what."""

import re
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

from . import programs
from .load import LoadError

LINE = re.compile(r"^ *[\d.]+ +[\d.]+ +\d+ +(?P<calls>\d+) +(?:(?P<errors>\d+) +)?(?P<name>\w+)$", re.MULTILINE)


def counted(pid: int, file: Path, work: Callable[[], int]) -> tuple[int, dict[str, int]]:
    """What ``work`` returns, and the calls of a process and its threads while it ran, by name. It is slow meanwhile."""
    command = [programs.need("strace"), "-c", "-f", "-q", "-o", str(file), "-p", str(pid)]
    with subprocess.Popen(command) as tracer:  # noqa: S603  # found in PATH
        try:
            done = work()
        finally:
            tracer.send_signal(signal.SIGINT)
    return done, read(file.read_text())


def read(summary: str) -> dict[str, int]:
    """Calls by name, the most frequent first; LoadError where there are none."""
    calls = {found["name"]: int(found["calls"]) for found in LINE.finditer(summary) if found["name"] != "total"}
    if not calls:
        raise LoadError(f"strace counted nothing: {summary[-500:]!r}")
    return dict(sorted(calls.items(), key=lambda pair: -pair[1]))
