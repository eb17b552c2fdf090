"""``python -m tests.simulation --seeds 100``: failing seeds are told, and at the end how many; 1 if there was one."""

import argparse
import os
import sys
import time

from .world import Outcome, Size, simulate

USUAL = Size()


def main() -> int:
    """The exit code."""
    if os.environ.get("PYTHONHASHSEED") != "0":  # the order of sets is part of what a seed decides
        os.environ["PYTHONHASHSEED"] = "0"
        os.execv(sys.executable, [sys.executable, "-m", "tests.simulation", *sys.argv[1:]])  # noqa: S606
    asked = _asked()
    size = Size(asked.sidecars, asked.liars, asked.things, asked.mean)
    seeds = [asked.seed] if asked.seed is not None else range(asked.first, asked.first + asked.seeds)
    began, failed, done, versions, hours, longest = time.monotonic(), 0, 0, 0, 0.0, 0.0
    for seed in seeds:
        outcome = simulate(seed, size)
        done, versions, hours = done + 1, versions + outcome.versions, hours + outcome.virtual_s / 3600
        longest = max(longest, outcome.settled_s)
        if outcome.trouble or asked.seed is not None:
            _show(outcome, asked.lines)
        failed += bool(outcome.trouble)
        if done % 100 == 0:
            print(f"{done} seeds, {failed} failed, {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
        if asked.minutes and time.monotonic() - began > 60 * asked.minutes:
            break
    took = time.monotonic() - began
    print(
        f"{done} seeds, {failed} failed; {asked.sidecars} sidecars, {versions} versions, {hours:.1f} virtual hours, "
        f"settled within {longest:.0f} s; {took:.0f} s"
    )
    return 1 if failed else 0


def _asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation")
    parser.add_argument("--seeds", type=int, default=100)
    parser.add_argument("--first", type=int, default=0, help="the first of them")
    parser.add_argument("--seed", type=int, help="this one alone, told at length")
    parser.add_argument("--sidecars", type=int, default=USUAL.sidecars)
    parser.add_argument("--liars", type=int, default=USUAL.liars)
    parser.add_argument("--things", type=int, default=USUAL.things, help="what happens before it is quiet")
    parser.add_argument("--mean", type=float, default=USUAL.mean_s, help="seconds between two things")
    parser.add_argument("--minutes", type=float, help="begin no further seed after so long")
    parser.add_argument("--lines", type=int, default=40, help="of the trace, for a seed that is told")
    return parser.parse_args()


def _show(outcome: Outcome, lines: int) -> None:
    for line in outcome.last[-lines:] if lines else ():
        print("   ", line)
    print(f"seed {outcome.seed}: {outcome.trouble or 'every promise was kept'}")
    print(f"    trace {outcome.digest[:16]}, {outcome.versions} versions, {outcome.counts}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
