"""Nothing that fits the OpenAPI document, or nearly, gets a fault or an answer that the document does not have."""

import re
from pathlib import Path

from .against import run

QUICK = ("--seed", "1", "--max-examples", "3", "--generation-database", "none")


def test_every_answer_is_a_documented_one(tmp_path: Path) -> None:
    """Each endpoint, with examples, at the bounds, at random, and one after another as its links say."""
    said = run(tmp_path, QUICK)
    assert said.returncode == 0, said.stdout[-6000:] + said.stderr[-2000:]
    tried = re.search(r"(\d+) generated, (\d+) passed", said.stdout)
    assert tried is not None and int(tried[1]) == int(tried[2]) > 1000
