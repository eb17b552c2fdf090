"""Paths in the words of other gateways and frameworks: ``/orders/:id``, ``/orders/<id>``, ``^/orders/[0-9]+$``.

Here they are text, so that the route is for a path that nobody asks for, and a later, laxer one is for those that were
meant. That is no error, since a path may hold such characters, but hardly ever what was meant.
"""

import re
from collections.abc import Iterator, Sequence

from sidecar.contract.snapshot import Deny, Route

from .problems import Path, quoted

_NAMED = re.compile(r":([A-Za-z_]\w*)|<(?:\w+:)?([A-Za-z_]\w*)>")
_EXPRESSION = re.compile(r"[\[\]^|]|\$\Z")


def foreign_paths(routes: Sequence[Route], deny: Sequence[Deny]) -> Iterator[tuple[Path, str]]:
    """(where in the service, what it means here)."""
    rules: list[tuple[str, Sequence[Route | Deny]]] = [("routes", routes), ("deny", deny)]
    for part, of_part in rules:
        for number, rule in enumerate(of_part):
            told = next(filter(None, map(_meant, rule.path.split("/"))), None)
            if told is not None:
                yield (part, number, "path"), told


def _meant(segment: str) -> str | None:
    if named := _NAMED.fullmatch(segment):
        return f"{quoted(segment)} is text here, and no parameter: write {{{named[1] or named[2]}}}"
    if _EXPRESSION.search(segment):
        told = "is text here, and no regular expression: '*' is a segment, '{name}' one by name, '**' the rest; a"
        return f"{quoted(segment)} {told} condition may say path.name.matches('...')"
    return None
