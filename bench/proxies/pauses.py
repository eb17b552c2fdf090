"""The sidecar with its garbage collector watched: ``python -m bench.proxies.pauses FILE run ...``.

At the end FILE is JSON: of each collection when it began (``time.monotonic``), its generation, and how long everything
waited for it, in us.
"""

import gc
import json
import sys
import time
from pathlib import Path

from sidecar.cli import main

Pause = tuple[float, int, float]


def watch(seen: list[Pause]) -> None:
    """Appends to ``seen`` from now on."""
    began = 0.0

    def collecting(phase: str, about: dict[str, int]) -> None:
        nonlocal began
        now = time.monotonic()
        if phase == "start":
            began = now
        else:
            seen.append((began, about["generation"], (now - began) * 1e6))

    gc.callbacks.append(collecting)


def run(file: Path, arguments: list[str]) -> int:
    """The sidecar's exit code."""
    seen = list[Pause]()
    watch(seen)
    try:
        return main(arguments)
    finally:
        file.write_text(json.dumps(seen))


if __name__ == "__main__":
    sys.exit(run(Path(sys.argv[1]), sys.argv[2:]))
