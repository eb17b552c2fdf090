"""The command line: ``make bench``, ``python -m bench.proxies hot distinct --save FILE``, ``--report FILE``."""

import argparse
import logging
import tempfile
from collections.abc import Sequence
from pathlib import Path

from control.testing.processes import Processes

from .ours import Ours
from .peers import PEERS, installed
from .processors import machine
from .report import report
from .results import Book, load_average, now
from .run import Pace, Runner
from .scenarios import SCENARIOS
from .stage import Stage
from .targets import Direct, Target

USUAL = ("envoy", "haproxy")
USUALLY = Pace()


def arguments(words: Sequence[str] | None = None) -> argparse.Namespace:
    """What was asked."""
    parser = argparse.ArgumentParser(
        prog="make bench", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    names = [scenario.name for scenario in SCENARIOS]
    says = "\n".join(f"{scenario.name:15} {scenario.says}" for scenario in SCENARIOS)
    parser.add_argument("scenarios", nargs="*", metavar="SCENARIO", help=f"these alone:\n{says}")
    known = [*(peer.name for peer in PEERS), "direct"]
    parser.add_argument("--peer", action="append", choices=known, help="beside these, if installed; else: the usual")
    parser.add_argument("--no-peers", action="store_true", help="ours alone")
    parser.add_argument("--beside", action="append", default=[], metavar="NAME=SIDECAR", help="another checkout's")
    parser.add_argument("--sidecar", action="append", default=[], help="a flag for ours, as --sidecar=--http1=h11")
    parser.add_argument("--seconds", type=float, default=USUALLY.seconds, help="of each run")
    parser.add_argument("--warmup", type=float, default=USUALLY.warmup_s, help="seconds before it")
    parser.add_argument("--repeats", type=int, default=USUALLY.repeats)
    parser.add_argument("--pause", type=float, default=USUALLY.pause_s, help="seconds between runs, for other work")
    parser.add_argument("--save", type=Path, metavar="FILE", help="keep what was seen, beside what it holds already")
    parser.add_argument("--report", type=Path, metavar="FILE", help="only print the tables of what was kept")
    asked = parser.parse_args(words)
    if unknown := set(asked.scenarios) - set(names):
        parser.error(f"no scenario is called {', '.join(sorted(unknown))}")
    return asked


def chosen(asked: argparse.Namespace) -> list[Target]:
    """Ours first."""
    wanted = [] if asked.no_peers else asked.peer or [*USUAL, "direct"]
    others = (one.partition("=") for one in asked.beside)
    return [
        Ours(flags=asked.sidecar),
        *(Ours(name, Path(program)) for name, _, program in others),
        *(peer for peer in installed() if peer.name in wanted),
        *([Direct()] if "direct" in wanted else []),
    ]


def measure(asked: argparse.Namespace) -> Book:
    """Runs what was asked, and tells each run as it ends."""
    targets = chosen(asked)
    scenarios = [one for one in SCENARIOS if not asked.scenarios or one.name in asked.scenarios]
    about = {
        "Machine": machine(),
        "Programs": "; ".join(f"{target.name}: {target.version()}" for target in targets),
        "Begun": f"{now()} UTC, load average {load_average()}",
        "Runs": f"{asked.seconds:g} s after {asked.warmup:g} s of warm-up, medians of {asked.repeats}, targets in turn",
    }
    book = Book.read(asked.save) if asked.save and asked.save.exists() else Book(about)
    programs = dict.fromkeys([*book.about["Programs"].split("; "), *about["Programs"].split("; ")])
    book.about = about | {"Begun": book.about["Begun"], "Programs": "; ".join(programs)}
    book.forget(scenario.name for scenario in scenarios)
    pace = Pace(asked.seconds, asked.warmup, asked.repeats, asked.pause)
    with tempfile.TemporaryDirectory(prefix="sidegate-bench-") as name, Processes(Path(name)) as processes:
        for run in Runner(Stage(Path(name), processes), targets, pace, book).run(scenarios):
            print(
                f"{run.scenario:15} {run.target:10} {run.rate:9,.0f}/s {run.cpu_us:8.1f} us cpu  "
                f"p50 {run.p50_us:8,.0f} p99 {run.p99_us:8,.0f} us  load busy {run.rest_share:4.0%}  "
                f"other work {run.foreign:4.0%}{f'  {run.wrong} WRONG' if run.wrong else ''}",
                flush=True,
            )
            if asked.save:
                book.write(asked.save)
    return book


def main() -> None:
    """The exit code is 0 unless something could not be run."""
    logging.disable(logging.WARNING)
    asked = arguments()
    book = Book.read(asked.report) if asked.report else measure(asked)
    print("\n" + report(book))


if __name__ == "__main__":
    main()
