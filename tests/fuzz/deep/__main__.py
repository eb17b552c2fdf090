"""``make fuzz``: every property of HTTP over many inputs, or one failing input again.

    make fuzz ARGS="--inputs 10000000"              every property, by its share
    make fuzz ARGS="--property exchange --seed 7"   one of them
    make fuzz ARGS="--replay .fuzz/exchange-0123abcd"

Ends with 1 as soon as a property fails, and says in which file the input is.
"""

import argparse
import importlib.util
import subprocess
import sys
import time
from pathlib import Path

from .engines import by_chance, by_coverage

SHARES = {
    "request-head": 34,
    "response-head": 26,
    "chunks": 28,
    "downstream": 2,
    "upstream": 2,
    "exchange": 4,
    "answer": 3,
    "tunnel": 1,
}
"""Of a hundred inputs: the more a property costs, the fewer it gets. The properties themselves are imported when the
engine is ready to see that."""


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(
        prog="make fuzz", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--inputs", type=int, default=100_000, help="in all (100000)")
    parser.add_argument("--property", choices=SHARES, help="only this one")
    parser.add_argument("--engine", choices=("atheris", "random"), help="atheris if it is installed")
    parser.add_argument("--seed", type=int, help="of chance; the time if not given")
    parser.add_argument(
        "--directory", type=Path, default=Path(".fuzz"), help="for failing inputs, logs and atheris' corpus (.fuzz)"
    )
    parser.add_argument("--replay", type=Path, metavar="FILE", help="try this input again")
    parser.add_argument("--alone", action="store_true", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    asked.seed = int(time.time()) if asked.seed is None else asked.seed
    asked.engine = asked.engine or _engine()
    if asked.replay:
        return _replay(asked.replay)
    return _one(asked) if asked.alone else _all(asked)


def _engine() -> str:
    if importlib.util.find_spec("atheris"):
        return "atheris"
    print("NO ATHERIS HERE: the plain random engine, which does not look for new code, takes its place.", flush=True)
    return "random"


def _replay(path: Path) -> int:
    from .inputs import decode
    from .properties import PROPERTIES

    property_ = PROPERTIES[path.name.rpartition("-")[0]]
    sent, cuts = decode(path.read_bytes())
    print(f"{sent!r}\ncut at {cuts}", flush=True)
    property_.holds(sent, cuts)
    print("It holds.")
    return 0


def _all(asked: argparse.Namespace) -> int:
    """Each property in a process of its own: atheris takes the whole process, and imports under its eye."""
    began, done = time.monotonic(), 0
    print(f"engine {asked.engine}, seed {asked.seed}", flush=True)
    for name in [asked.property] if asked.property else SHARES:
        inputs = asked.inputs if asked.property else max(1, asked.inputs * SHARES[name] // 100)
        again = ["--inputs", str(inputs), "--property", name, "--engine", asked.engine, "--seed", str(asked.seed)]
        command = [sys.executable, "-m", "tests.fuzz.deep", "--alone", *again, "--directory", str(asked.directory)]
        since = time.monotonic()
        log = asked.directory / f"{name}.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("wb") as errors:
            failed = subprocess.run(command, stderr=errors).returncode
        if failed:
            print(f"{log.read_text(errors='replace')[-6000:]}\n{name} failed; all of this is in {log}", flush=True)
            return 1
        done, took = done + inputs, time.monotonic() - since
        print(f"{name}: {inputs} inputs in {took:.0f} s, {inputs / took:.0f} a second", flush=True)
    print(f"{done} inputs in {time.monotonic() - began:.0f} s, and nothing failed", flush=True)
    return 0


def _one(asked: argparse.Namespace) -> int:
    if asked.engine == "atheris":
        by_coverage(asked.property, asked.inputs, asked.seed, asked.directory)
    by_chance(asked.property, asked.inputs, asked.seed, asked.directory)
    return 0


if __name__ == "__main__":
    sys.exit(main())
