"""Scenario by scenario, the targets in turn, as often as asked: what drifts, drifts for all."""

import os
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from .processors import Place, apart, busy_s, cpu_s, own_s, pin, rss_mib, together
from .results import Book, Run, load_average, now
from .scenarios import Scenario, Setup
from .stage import Stage, Standing
from .targets import Target

FOREIGN_MAY_BE = 0.08
"""How much of the proxy's processor may go to other work; beyond, and if none was left over, a run is taken again."""
NEVER_IDLE = 0.97
TRIES = 2


@dataclass(frozen=True, slots=True)
class Pace:
    """How long, and how often. ``pause_s`` after each run: for others on a machine that is not ours alone."""

    seconds: float = 4
    warmup_s: float = 1
    repeats: int = 3
    pause_s: float = 0


class Runner:
    """Writes each run into ``book``."""

    def __init__(self, stage: Stage, targets: Sequence[Target], pace: Pace, book: Book) -> None:
        self._stage, self._targets, self._pace, self._book = stage, targets, pace, book

    def run(self, scenarios: Iterable[Scenario]) -> Iterator[Run]:
        """Each run as it ends."""
        for setup, group in groupby(scenarios, key=lambda scenario: scenario.setup):
            of_setup = list(group)
            if load := [scenario for scenario in of_setup if scenario.tool != "start"]:
                yield from self._under_load(setup, load)
            for scenario in of_setup:
                if scenario.tool == "start":
                    yield from self._starts(scenario)

    def _under_load(self, setup: Setup, scenarios: Sequence[Scenario]) -> Iterator[Run]:
        place = together(setup.shared) if setup.shared else apart()
        wanted = [target for target in self._targets if any(map(target.fits, scenarios))]
        pin(os.getpid(), place.rest)
        with self._stage.standing(setup, wanted, place) as standing:
            for scenario in scenarios:
                for _ in range(self._pace.repeats):
                    for one in standing:
                        if one.target.fits(scenario):
                            yield self._kept(self._measured(one, scenario, place))
                            time.sleep(self._pace.pause_s)

    def _starts(self, scenario: Scenario) -> Iterator[Run]:
        for _ in range(self._pace.repeats):
            for target in filter(lambda target: target.fits(scenario), self._targets):
                began = time.monotonic()
                with self._stage.standing(scenario.setup, [target], apart(), checked=False) as [one]:
                    took_us = (time.monotonic() - began) * 1e6
                    at = (rss_mib(one.pid), now(), load_average())
                    used_us = cpu_s(one.pid) * 1e6
                yield self._kept(Run(scenario.name, target.name, 0, used_us, took_us, took_us, 0, 0, 0, *at))

    def _kept(self, run: Run) -> Run:
        self._book.runs.append(run)
        return run

    def _measured(self, one: Standing, scenario: Scenario, place: Place) -> Run:
        """The less disturbed of two tries, or the first that nobody disturbed."""
        self._stage.load(one.port, scenario, self._pace.warmup_s, place)
        tries = list[Run]()
        for _ in range(TRIES):
            run, full = self._once(one, scenario, place)
            tries.append(run)
            if one.pid == one.service or not full or run.foreign <= FOREIGN_MAY_BE:
                break
        return min(tries, key=lambda run: run.foreign)

    def _once(self, one: Standing, scenario: Scenario, place: Place) -> tuple[Run, bool]:
        """And whether the proxy's processor was never idle."""

        def used() -> tuple[float, float, float, float]:
            return time.monotonic(), cpu_s(one.pid), cpu_s(one.service) + own_s(), busy_s(place.proxy)

        before = used()
        load = self._stage.load(one.port, scenario, self._pace.seconds, place)
        seconds, proxy_s, rest_s, busy = (now - then for now, then in zip(used(), before, strict=True))
        own = 0 if one.pid == one.service else proxy_s
        others = busy - own - (rest_s if place.proxy & place.rest else 0)
        run = Run(
            scenario=scenario.name,
            target=one.target.name,
            rate=load.answered / load.seconds,
            cpu_us=proxy_s / load.answered * 1e6,
            p50_us=load.p50_us,
            p99_us=load.p99_us,
            wrong=load.wrong,
            rest_share=rest_s / seconds / len(place.rest),
            foreign=others / seconds / len(place.proxy),
            rss_mib=rss_mib(one.pid),
            at=now(),
            load_average=load_average(),
        )
        return run, busy / seconds / len(place.proxy) > NEVER_IDLE
