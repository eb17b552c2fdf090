"""What was seen, a value a run, and the file that keeps them between commands."""

import datetime
import json
import os
import statistics
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Run:
    """One run of one target. ``rest_share``: how much of their processors load and service used, 1.0 is all of it.
    ``foreign``: how much of the proxy's somebody else used. Of scenario ``start``, ``p50_us`` is the time."""

    scenario: str
    target: str
    rate: float
    cpu_us: float
    p50_us: float
    p99_us: float
    wrong: int
    rest_share: float
    foreign: float
    rss_mib: float
    at: str
    load_average: float


SATURATED = 0.9
"""From here on the load's side may be the limit, not the proxy."""


def now() -> str:
    """For people, to the minute, UTC."""
    return datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M")


def load_average() -> float:
    """Of the last minute."""
    return round(os.getloadavg()[0], 1)


class Book:
    """All runs. ``about``: what the tables say of machine and programs."""

    def __init__(self, about: dict[str, str], runs: Iterable[Run] = ()) -> None:
        self.about, self.runs = about, list(runs)

    @classmethod
    def read(cls, file: Path) -> "Book":
        """A file that ``write`` made."""
        kept = json.loads(file.read_text())
        return cls(kept["about"], [Run(**run) for run in kept["runs"]])

    def write(self, file: Path) -> None:
        """As JSON."""
        file.write_text(json.dumps({"about": self.about, "runs": [asdict(run) for run in self.runs]}, indent=1))

    def forget(self, scenarios: Iterable[str]) -> None:
        """They are about to be run again: what compares was seen in one run."""
        gone = set(scenarios)
        self.runs = [run for run in self.runs if run.scenario not in gone]

    def of(self, scenario: str, target: str) -> list[Run]:
        """Its repeats."""
        return [run for run in self.runs if run.scenario == scenario and run.target == target]

    def median(self, scenario: str, target: str, figure: Callable[[Run], float]) -> float | None:
        """Over the repeats; None if there are none."""
        runs = self.of(scenario, target)
        return statistics.median(map(figure, runs)) if runs else None

    def saturated(self, scenario: str, target: str) -> bool:
        """Was the load's side at its end?"""
        return (self.median(scenario, target, lambda run: run.rest_share) or 0) >= SATURATED

    def spread(self, scenario: str, target: str, figure: Callable[[Run], float]) -> float:
        """From the least to the most, as a share of the median."""
        seen = [figure(run) for run in self.of(scenario, target)]
        return (max(seen) - min(seen)) / middle if (middle := statistics.median(seen)) else 0.0
