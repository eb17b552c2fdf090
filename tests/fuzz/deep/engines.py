"""Where inputs come from: atheris, which looks for code that was not reached yet, or chance.

Each tries one property with so many inputs, keeps an input that fails, and stops there.
"""

import hashlib
import random
import sys
from collections.abc import Callable
from pathlib import Path

from .inputs import MOST_CUTS

MAX_BYTES = 200
Try = Callable[[bytes], None]


def keeping(name: str, attempt: Try, directory: Path) -> Try:
    """``attempt``, but a failing input is first written to a file that says which property it is."""

    def kept(data: bytes) -> None:
        try:
            attempt(data)
        except BaseException as error:  # whatever it is, the input that did it must not be lost
            if not isinstance(error, KeyboardInterrupt):
                directory.mkdir(parents=True, exist_ok=True)
                path = directory / f"{name}-{hashlib.sha256(data).hexdigest()[:12]}"
                path.write_bytes(data)
                print(f"{name} FAILED; again: make fuzz ARGS='--replay {path}'", flush=True)
            raise

    return kept


def by_chance(name: str, inputs: int, seed: int, directory: Path) -> None:
    """Seeds with a few bytes changed, taken away or put in, or with the end of another; most of them cut anew."""
    from .properties import PROPERTIES

    property_, source = PROPERTIES[name], random.Random(seed)
    attempt, seeds = keeping(name, property_, directory), property_.seeds
    for data in seeds[:inputs]:
        attempt(data)
    for _ in range(inputs - len(seeds)):
        changed = bytearray(source.choice(seeds))
        if source.random() < 0.3:
            other = source.choice(seeds)
            changed[source.randrange(len(changed)) :] = other[source.randrange(len(other)) :]
        for _ in range(source.choice((0, 1, 1, 2, 2, 3, 5, 8))):
            at = source.randrange(len(changed) + 1)
            changed[at : at + source.randrange(3)] = source.randbytes(source.randrange(3))
        if source.random() < 0.7:
            count = source.randrange(MOST_CUTS + 1)
            changed[: 1 + 2 * (changed[0] % (MOST_CUTS + 1) if changed else 0)] = bytes([count]) + source.randbytes(
                2 * count
            )
        attempt(bytes(changed[:MAX_BYTES]))


def by_coverage(name: str, inputs: int, seed: int, directory: Path) -> None:
    """The same by atheris, which sees the rooms under test as they are imported, and ends the process."""
    import atheris

    with atheris.instrument_imports(include=["sidecar.http1", "sidecar.proxy"]):
        from .properties import PROPERTIES
    property_ = PROPERTIES[name]
    corpus = directory / "corpus" / name
    corpus.mkdir(parents=True, exist_ok=True)
    for number, data in enumerate(property_.seeds):
        (corpus / f"seed-{number}").write_bytes(data)
    options = [
        f"-runs={inputs}",
        f"-seed={seed}",
        f"-max_len={MAX_BYTES}",
        f"-artifact_prefix={directory}/",
        "-timeout=60",
    ]
    atheris.Setup([sys.argv[0], *options, str(corpus)], keeping(name, property_, directory))
    atheris.Fuzz()
