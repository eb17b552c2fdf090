"""The first route for a request: host, path, header and query matchers, and method.

A route that names its methods speaks for its path. ``GET /orders/{id}`` with a scope, and ``/**`` for any valid token
behind it: a DELETE of an order is not let through by the laxer route, which was written for other paths. Once a route
has matched all but the method, only a later route that names the method is taken; without one it is 405.

The obvious model is a list read from the top; the router gives the same answer from a tree of segments for each host,
so that a service with ten thousand routes pays for the depth of a path and not for their number. A property test holds
the two together. Knows nothing of who calls.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sidecar.contract.snapshot import Route
from sidecar.contract.strict import ContractError

from .fields import NONE, CompiledMatches, Fields
from .host import compile_host, normalise_host, wildcard_of
from .pattern import Pattern, compile_pattern
from .tree import PathTree


@dataclass(frozen=True, slots=True)
class Found:
    """The route, its place in the list (from 0), and the path's named segments."""

    number: int
    route: Route
    parameters: dict[str, str]


@dataclass(frozen=True, slots=True)
class Missed:
    """No route: none for the path (``allow`` empty: 404), or none for the method (405, RFC 9110 section 15.5.6)."""

    allow: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Entry:
    """A route, compiled. ``matches`` None: it looks at no header and no parameter."""

    route: Route
    pattern: Pattern
    methods: frozenset[str] | None
    matches: CompiledMatches | None


class Router:
    """A service's routes, compiled. ContractError names the route that does not compile."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self._entries: list[_Entry] = []
        self._any_host = PathTree()
        self._hosts: dict[str, PathTree] = {}
        for number, route in enumerate(routes):
            try:
                self._plant(number, route)
            except ValueError as error:
                raise ContractError("bad_route", f"route {number + 1}: {error}") from error
        self.reads_host = bool(self._hosts)
        self.keeps_slashes = any(entry.route.encoded_slash == "keep" for entry in self._entries)

    def _plant(self, number: int, route: Route) -> None:
        pattern = compile_pattern(route.path)
        methods = None if route.methods is None else frozenset(offered(route.methods))
        matches = CompiledMatches(route.headers, route.query) if route.headers or route.query else None
        self._entries.append(_Entry(route, pattern, methods, matches))
        hosts = {compile_host(host) for host in route.hosts}
        for tree in [self._hosts.setdefault(host, PathTree()) for host in hosts] or [self._any_host]:
            tree.plant(number, pattern)

    def match(
        self,
        method: str,
        segments: tuple[str, ...],
        host: str = "",
        fields: Fields = NONE,
        steps: list[str] | None = None,
    ) -> Found | Missed:
        """The first route; a GET route answers HEAD too (RFC 9110 section 9.3.2). ``steps``: why others were not."""
        allow: dict[str, None] = {}
        spoken_for = False
        for number in self._candidates(segments, host):
            entry = self._entries[number]
            miss = entry.matches.miss(fields) if entry.matches is not None else None
            if miss is not None:
                if steps is not None:
                    steps.append(f"route {number + 1}: {label(entry.route)} passed over, {miss}")
            elif not spoken_for if entry.methods is None else method in entry.methods:
                return Found(number, entry.route, entry.pattern.parameters(segments))
            else:
                spoken_for = True
                allow |= dict.fromkeys(offered(entry.route.methods or ()))
        return Missed(tuple(allow))

    def offered(self, segments: tuple[str, ...], host: str) -> tuple[str, ...] | None:
        """The methods of the routes for this host and path, or None for any. What headers and parameters they want is
        not asked: a preflight has not got the headers (Fetch, CORS-preflight fetch)."""
        found: dict[str, None] = {}
        spoken_for = False
        for number in self._candidates(segments, host):
            entry = self._entries[number]
            if entry.methods is None and not spoken_for:
                return None
            found |= dict.fromkeys(offered(entry.route.methods or ()))
            spoken_for = spoken_for or entry.matches is None
        return tuple(found)

    def _candidates(self, segments: tuple[str, ...], host: str) -> Sequence[int]:
        numbers = self._any_host.numbers(segments)
        if self._hosts:
            name = normalise_host(host)
            for wanted in (name, wildcard_of(name)):
                if (tree := self._hosts.get(wanted)) is not None:
                    numbers += tree.numbers(segments)
            return sorted(set(numbers))
        return sorted(numbers)


def offered(methods: Iterable[str]) -> list[str]:
    """The methods that a rule for ``methods`` is for."""
    return [offered for method in methods for offered in (("GET", "HEAD") if method == "GET" else (method,))]


def label(route: Route) -> str:
    """``GET|PUT /orders/{id}``: what tells a route from others."""
    return f"{'|'.join(route.methods or ('any method',))} {route.path}"
