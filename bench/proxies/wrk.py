"""wrk: connections that each send the next request as soon as the answer to the last has come.

Its script (``requests.lua``) makes the requests and prints one line of ours, since wrk's own lines are rounded.
"""

import json
import re
from collections.abc import Iterable
from pathlib import Path

from . import programs
from .load import Load, LoadError, run_tool
from .scenarios import Scenario

SCRIPT = Path(__file__).with_name("requests.lua")


def drive(port: int, scenario: Scenario, tokens: Path, seconds: float, cpus: Iterable[int]) -> Load:
    """One run. ``tokens``: the file of them."""
    scheme = "https" if scenario.setup.tls else "http"
    threads = len(set(cpus)) if scenario.setup.shared else 1
    command = [
        *(
            programs.need("wrk"),
            f"-t{threads}",
            f"-c{scenario.connections}",
            f"-d{max(1, round(seconds))}s",
            "--timeout",
            "10s",
        ),
        *("-s", str(SCRIPT), f"{scheme}://127.0.0.1:{port}{scenario.path}", "--"),
        *(str(tokens), scenario.heads, str(scenario.body_bytes)),
    ]
    return read(run_tool(command, cpus), refused=scenario.false)


def read(said: str, *, refused: bool = False) -> Load:
    """What the script printed; with ``refused`` every answer has to be an error. LoadError if it did not print."""
    found = re.search(r"^RESULT (\{.*\})$", said, re.MULTILINE)
    if not found:
        raise LoadError(f"wrk printed no result:\n{said[-2000:]}")
    seen = json.loads(found[1])
    wrong = seen["requests"] - seen["errors"] if refused else seen["errors"]
    return Load(seen["requests"], seen["us"] / 1e6, seen["p50_us"], seen["p99_us"], wrong + seen["broken"])
