"""What a load tool saw, and how one is run."""

import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from . import programs

NO_TOOL_TAKES_S = 120


@dataclass(frozen=True, slots=True)
class Load:
    """``answered``: requests, frames or events. ``wrong``: answers that were not what the scenario expects."""

    answered: int
    seconds: float
    p50_us: float
    p99_us: float
    wrong: int


class LoadError(Exception):
    """A tool failed, or said what we do not understand. The text holds the end of it."""


def run_tool(command: Sequence[str], cpus: Iterable[int]) -> str:
    """What it printed; LoadError if it failed."""
    pinned = [programs.need("taskset"), "-c", ",".join(map(str, sorted(cpus))), *command]
    done = subprocess.run(pinned, capture_output=True, text=True, timeout=NO_TOOL_TAKES_S, check=False)  # noqa: S603
    if done.returncode:
        raise LoadError(f"{command[0]}: exit {done.returncode}\n{(done.stdout + done.stderr)[-2000:]}")
    return done.stdout
