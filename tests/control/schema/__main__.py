"""``make schemathesis ARGS="--seed 7 -n 500"``: as long as it is let. Ends with schemathesis' own exit code."""

import sys
import tempfile
from pathlib import Path

from .against import run

DEEP = ("--max-examples", "200", "--continue-on-failure")

if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        said = run(Path(folder), [*DEEP, *sys.argv[1:]])
    print(said.stdout + said.stderr)
    sys.exit(said.returncode)
