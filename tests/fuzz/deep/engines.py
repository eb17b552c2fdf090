"""Where inputs come from: atheris, which looks for code that was not reached yet, or chance.

Each tries one property with so many inputs, keeps an input that fails, and stops there.
"""

import hashlib
import random
import sys
from collections.abc import Callable, Sequence
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


def changed(data: bytes, seeds: Sequence[bytes], source: random.Random) -> bytes:
    """``data`` with a few words changed, taken away or put in, or with the end of a seed; mostly cut anew."""
    new = bytearray(data)
    if source.random() < 0.3:
        seed = source.choice(seeds)
        new[source.randrange(len(new) + 1) :] = seed[source.randrange(len(seed)) :]
    for _ in range(source.choice((0, 1, 1, 2, 2, 3, 5, 8))):
        at = source.randrange(len(new) + 1)
        new[at : at + source.randrange(3)] = source.randbytes(source.randrange(3))
    if source.random() < 0.7:
        count = source.randrange(MOST_CUTS + 1)
        new[: 1 + 2 * (new[0] % (MOST_CUTS + 1) if new else 0)] = bytes([count]) + source.randbytes(2 * count)
    return bytes(new[:MAX_BYTES])


def by_chance(name: str, inputs: int, seed: int, directory: Path) -> None:
    """The seeds, and changes of them."""
    from .properties import PROPERTIES

    property_, source = PROPERTIES[name], random.Random(seed)
    attempt, seeds = keeping(name, property_, directory), property_.seeds
    for data in seeds[:inputs]:
        attempt(data)
    for _ in range(inputs - len(seeds)):
        attempt(changed(source.choice(seeds), seeds, source))


def by_coverage(name: str, inputs: int, seed: int, directory: Path) -> None:
    """The same by atheris, which sees the rooms under test as they are imported, and ends the process. Half of the
    inputs are changes of one that reached new code. The others are of seeds still: new code is mostly a new fault, and
    what http1 refuses is compared with nothing."""
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
        "-reduce_inputs=0",  # or nothing but fragments is left: much of what matters here is no branch
        "-mutate_depth=1",
    ]

    def mutate(data: bytes, most: int, number: int) -> bytes:
        source = random.Random(number)
        start = data if source.random() < 0.5 else source.choice(property_.seeds)
        return changed(start, property_.seeds, source)[:most]

    attempt = keeping(name, property_, directory)
    atheris.Setup([sys.argv[0], *options, str(corpus)], attempt, custom_mutator=mutate)
    atheris.Fuzz()
