"""The Prometheus text format, version 0.0.4: families of samples as lines. Knows nothing of what they count.

It is written here, and not by the client library, because that takes 2 MiB of a process that needs one page of it; the
tests hold every line to what the library writes.
"""

from collections.abc import Iterable, Mapping
from typing import Literal, NamedTuple

_WORDS = {"inf": "+Inf", "-inf": "-Inf", "nan": "NaN"}
_IN_HELP = str.maketrans({"\\": r"\\", "\n": r"\n"})
_IN_LABEL = str.maketrans({"\\": r"\\", "\n": r"\n", '"': r"\""})


class Sample(NamedTuple):
    """``suffix``: of the name, as in ``_bucket``."""

    value: float
    labels: Mapping[str, str] = {}
    suffix: str = ""


class Family(NamedTuple):
    """Samples of one name. A counter's name ends with ``_total``."""

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    text: str
    samples: Iterable[Sample]


def exposition(families: Iterable[Family]) -> bytes:
    """All of them, in their order."""
    return "".join(line for family in families for line in _lines(family)).encode()


def _lines(family: Family) -> Iterable[str]:
    yield f"# HELP {family.name} {family.text.translate(_IN_HELP)}\n# TYPE {family.name} {family.kind}\n"
    for value, labels, suffix in family.samples:
        pairs = ",".join(f'{name}="{text.translate(_IN_LABEL)}"' for name, text in sorted(labels.items()))
        yield f"{family.name}{suffix}{f'{{{pairs}}}' if pairs else ''} {_number(value)}\n"


def _number(value: float) -> str:
    """As Go writes a float: with an exponent from a million on, which Python begins later."""
    text = repr(float(value))
    whole, _, rest = text.partition(".")
    if value < 1_000_000 or not rest or "e" in rest:
        return _WORDS.get(text, text)
    digits = (whole + rest).rstrip("0")
    return f"{digits[0]}.{digits[1:]}".rstrip(".") + f"e+{len(whole) - 1:02}"
