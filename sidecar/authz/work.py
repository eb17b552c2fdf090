"""What a condition costs for one request: the expression bounds it, and what a caller sends is the rest.

A caller chooses how long a header is and, with some issuers, what a claim holds; a condition that is cheap for an
honest request must not hold the others up for a hostile one. What would take more than about ten milliseconds is not
begun: it cannot be told, and refuses. An estimate in steps of a tenth of a microsecond, rather too high than too low.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from .expression import Expression

MAX_STEPS = 100_000
MAX_MEMBERS = 500
"""Members of one list or map that a macro may walk through."""
_HANDED_OVER = 12
_PATTERN = 100
"""For each unit of a regular expression's effort, to build it; and to run it over so many characters."""
_CHARACTERS = 8
_BLOCK = 1024
"""So many characters are compared, or copied, in a step."""


@dataclass(slots=True)
class Size:
    """Of what a condition reads: all values however deep, the characters in them, the longest text, the most members
    of one list or map."""

    values: int = 0
    characters: int = 0
    longest: int = 0
    widest: int = 0

    @property
    def whole(self) -> int:
        """In steps, to go through all of it."""
        return self.values + self.characters // _BLOCK


def size_of(values: Iterable[Any]) -> Size:
    """How large the values are. Their depth is bounded by strict JSON's."""
    size = Size()
    _add(size, values)
    return size


def _add(size: Size, values: Iterable[Any]) -> None:
    for value in values:
        size.values += 1
        if isinstance(value, str):
            size.characters += len(value)
            size.longest = max(size.longest, len(value))
        elif isinstance(value, list | Mapping):
            size.widest = max(size.widest, len(value))
            if isinstance(value, Mapping):
                _add(size, value)
                value = value.values()
            _add(size, value)


def steps(reads: Expression, variables: Mapping[str, Any], size: Size) -> int:
    """What ``reads`` costs with these variables, which are of this size."""
    handed = size.whole * (_HANDED_OVER + reads.uses)
    copied = reads.pluses**2 * (1 + size.longest // _BLOCK)
    matched = reads.effort * (_PATTERN + size.longest // _CHARACTERS)
    if not reads.macros:
        return handed + copied + matched
    inner = sum(size_of([_at(variables, path)]).whole for path in reads.inner)
    return handed + copied + matched + size.widest * (reads.steps + inner + size.widest * reads.copies)


def _at(value: Any, path: tuple[str, ...]) -> Any:
    for step in path:
        value = value.get(step) if isinstance(value, Mapping) else None
    return value
