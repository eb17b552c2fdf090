"""Header fields and query parameters that rules look at: each has one value, or the request has two readings.

Of two headers of one name, or ``X-A`` beside ``X_A``, of ``a=1&a=2`` and of ``a=1;b=2``, one server takes the first,
one the last, one both. A request that gives a name twice which some rule of its service looks at is refused and never
guessed at. Every other name is no business of ours.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from urllib.parse import unquote_plus

from sidecar.authn.rejection import Rejection, shown
from sidecar.contract.names import plain
from sidecar.contract.reasons import Reason
from sidecar.contract.snapshot import FieldMatch

_SEPARATORS = re.compile("[&;]")


@dataclass(frozen=True, slots=True)
class Fields:
    """What a request gave of the names that are looked at."""

    headers: dict[str, str]
    query: dict[str, str]


NONE = Fields({}, {})


class FieldReader:
    """The names that some rule of a service looks at."""

    def __init__(self, headers: Iterable[str], query: Iterable[str]) -> None:
        self._headers = {plain(name.lower().encode()): name.lower() for name in headers}
        self._query = frozenset(query)

    @property
    def looks_at_headers(self) -> bool:
        """Does it matter which header fields a request has?"""
        return bool(self._headers)

    def read(self, headers: Sequence[tuple[bytes, bytes]], query: str) -> Fields | Rejection:
        """Their values. Header names are lower-case."""
        if not self._headers and not self._query:
            return NONE
        found: dict[str, str] = {}
        for name, value in headers if self._headers else ():
            ours = self._headers.get(plain(name))
            if ours is None:
                continue
            if ours in found or ours.encode() != name:
                return _repeated(f"header {shown(ours)}")
            found[ours] = value.strip(b" \t").decode("latin-1")
        parameters = self._parameters(query) if query and self._query else {}
        return parameters if isinstance(parameters, Rejection) else Fields(found, parameters)

    def _parameters(self, query: str) -> dict[str, str] | Rejection:
        pairs = self._looked_at(query.split("&"))
        if ";" in query and pairs != self._looked_at(_SEPARATORS.split(query)):
            return _repeated("query, split at ';' as some servers do,")
        found = dict(pairs)
        if len(found) != len(pairs):
            names = [name for name, _ in pairs]
            return _repeated(f"query parameter {shown(next(name for name in names if names.count(name) > 1))}")
        return found

    def _looked_at(self, parts: list[str]) -> list[tuple[str, str]]:
        pairs = [
            (unquote_plus(name), unquote_plus(value)) for name, _, value in (part.partition("=") for part in parts)
        ]
        return [pair for pair in pairs if pair[0] in self._query]


def _repeated(what: str) -> Rejection:
    return Rejection(Reason.MALFORMED_REQUEST, f"the {what} has two readings, and a rule looks at it")


class CompiledMatches:
    """One rule's matchers."""

    def __init__(self, headers: Sequence[FieldMatch], query: Sequence[FieldMatch]) -> None:
        self._headers = tuple((match, match.name.lower()) for match in headers)
        self._query = tuple((match, match.name) for match in query)

    def miss(self, fields: Fields) -> str | None:
        """The first matcher that does not hold, in words, or None."""
        for match, name in self._headers:
            if not _holds(match, fields.headers.get(name)):
                return f"header {_said(match, fields.headers.get(name))}"
        for match, name in self._query:
            if not _holds(match, fields.query.get(name)):
                return f"query {_said(match, fields.query.get(name))}"
        return None


def _holds(match: FieldMatch, value: str | None) -> bool:
    match match.test:
        case "present":
            return value is not None
        case "absent":
            return value is None
        case "prefix":
            return value is not None and value.startswith(match.values)
        case "equals" | "any":
            return value is not None and value in match.values


def _said(match: FieldMatch, value: str | None) -> str:
    wanted = " ".join([match.test, *(repr(value) for value in match.values)])
    saw = "nothing" if value is None else shown(value) if match.values else "it"  # what only is there may be a secret
    return f"{match.name} {wanted}: saw {saw}"
