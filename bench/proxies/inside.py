"""What ours does within, printed: ``make bench-inside``, ``python -m bench.proxies.inside hot paced``.

Pauses of the garbage collector, and how often a request wakes the process or asks the kernel for something.
"""

import argparse
import json
import logging
import os
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from control.testing.processes import Processes

from . import strace
from .load import Load
from .ours import Ours
from .processors import apart, machine, pin, tree
from .report import table
from .results import load_average, now
from .scenarios import SCENARIOS, Scenario, Setup
from .stage import Stage, Standing
from .targets import Ground

RARE = 0.02
"""Calls for fewer than every fiftieth request are not shown."""


class Watched(Ours):
    """Ours with its collector watched."""

    pauses: Path

    def command(self, setup: Setup, ground: Ground) -> Sequence[str]:
        """The same, in a program around it."""
        self.pauses = ground.folder / "pauses.json"
        usual = super().command(setup, ground)
        return [sys.executable, "-m", "bench.proxies.pauses", str(self.pauses), *usual[1:]]


class Inside:
    """One scenario at a time."""

    def __init__(self, stage: Stage, folder: Path, seconds: float, flags: Sequence[str]) -> None:
        self._stage, self._folder, self._seconds = stage, folder, seconds
        self._target = Watched(flags=flags)

    def rows(self, scenario: Scenario) -> Iterator[Sequence[str]]:
        """Of its table."""
        place = apart()
        with self._stage.standing(scenario.setup, [self._target], place) as [one]:
            self._stage.load(one.port, scenario, 1, place)
            switches = _switches(one)
            load = self._stage.load(one.port, scenario, self._seconds, place)
            switched = _switches(one) - switches
            until = time.monotonic()
            traced, calls = strace.counted(
                one.pid,
                self._folder / "strace",
                lambda: self._stage.load(one.port, scenario, self._seconds, place).answered,
            )
        yield "wake-ups a request", f"{switched / load.answered:.2f}"
        for name, count in calls.items():
            if count / traced >= RARE:
                yield f"`{name}` a request", f"{count / traced:.2f}"
        yield "all system calls a request", f"{sum(calls.values()) / traced:.2f}"
        yield from _pauses(self._target.pauses, until - self._seconds, until, load)


def _switches(one: Standing) -> int:
    """How often its threads have gone to sleep of their own will."""
    total = 0
    for pid in tree(one.pid):
        for task in Path(f"/proc/{pid}/task").iterdir():
            total += int((task / "status").read_text().partition("voluntary_ctxt_switches:")[2].split()[0])
    return total


def _pauses(file: Path, since: float, until: float, load: Load) -> Iterator[Sequence[str]]:
    """By generation."""
    seen = [(generation, us) for at, generation, us in json.loads(file.read_text()) if since <= at < until]
    for generation in (0, 1, 2):
        took = sorted(us for one, us in seen if one == generation)
        if took:
            yield (
                f"collections of generation {generation}: how many, median and longest us",
                f"{len(took)}, {took[len(took) // 2]:,.0f}, {took[-1]:,.0f}",
            )
    yield "collecting, of all time", f"{sum(us for _, us in seen) / 1e6 / (until - since):.2%}"
    yield "requests in that time", f"{load.answered:,}"


def main() -> None:
    """A table a scenario."""
    parser = argparse.ArgumentParser(
        prog="make bench-inside", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("scenarios", nargs="*", default=["hot", "paced"])
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument(
        "--sidecar", action="append", default=[], help="a flag for the sidecar, as --sidecar=--http1=h11"
    )
    asked = parser.parse_args()
    logging.disable(logging.WARNING)
    pin(os.getpid(), apart().rest)
    print(f"{machine()}, {now()} UTC, load average {load_average()}")
    with tempfile.TemporaryDirectory(prefix="sidegate-inside-") as name, Processes(Path(name)) as processes:
        inside = Inside(Stage(Path(name), processes), Path(name), asked.seconds, asked.sidecar)
        for scenario in SCENARIOS:
            if scenario.name in asked.scenarios:
                print(f"\n### {scenario.name}\n\n{table(['', 'ours'], inside.rows(scenario))}", flush=True)


if __name__ == "__main__":
    main()
