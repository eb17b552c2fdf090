"""The first route that matches path and method, where a route that names its methods speaks for its path.

``GET /orders/{id}`` with a scope, and ``/**`` for any valid token behind it: a DELETE of an order is not let through
by the laxer route, which was written for other paths. Once a route has matched the path and not the method, only a
later route that names the method is taken; without one it is 405.

The obvious model is a list read from the top; the router gives the same answer from a tree of segments, so that
a service with a thousand routes pays for the depth of a path and not for their number. A property test holds the
two together. Knows nothing of who calls.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from sidecar.contract.snapshot import Route
from sidecar.contract.strict import ContractError

from .pattern import Pattern, compile_pattern


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


@dataclass(slots=True)
class _Node:
    """A place in the tree: the literals that lead on, the one wildcard, and the routes that end here."""

    literals: dict[str, "_Node"] = field(default_factory=dict)
    wildcard: "_Node | None" = None
    here: list[int] = field(default_factory=list)
    rest: list[int] = field(default_factory=list)


class Router:
    """A service's routes, compiled. ContractError names the route whose path does not compile."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self._routes: list[tuple[Route, Pattern, frozenset[str] | None]] = []
        self._root = _Node()
        for number, route in enumerate(routes):
            try:
                pattern = compile_pattern(route.path)
            except ValueError as error:
                raise ContractError("bad_route", f"route {number + 1}: {error}") from error
            methods = None if route.methods is None else frozenset(_offered(route.methods))
            self._routes.append((route, pattern, methods))
            self._plant(number, pattern)

    def _plant(self, number: int, pattern: Pattern) -> None:
        node = self._root
        for segment in pattern.segments:
            if segment is not None:
                node = node.literals.setdefault(segment, _Node())
            else:
                node.wildcard = node.wildcard or _Node()
                node = node.wildcard
        (node.rest if pattern.rest else node.here).append(number)

    def match(self, method: str, segments: tuple[str, ...]) -> Found | Missed:
        """The first route for the method and the path; a GET route answers HEAD too (RFC 9110 section 9.3.2)."""
        numbers = self._on_path(segments)
        spoken_for = False
        for number in numbers:
            route, pattern, methods = self._routes[number]
            fits = not spoken_for if methods is None else method in methods
            if fits:
                return Found(number, route, pattern.parameters(segments))
            spoken_for = True
        offered = (m for n in numbers for m in _offered(self._routes[n][0].methods or ()))
        return Missed(tuple(dict.fromkeys(offered)))

    def _on_path(self, segments: tuple[str, ...]) -> list[int]:
        nodes, numbers = [self._root], list(self._root.rest)
        for segment in segments:
            reached: list[_Node] = []
            for node in nodes:
                if (literal := node.literals.get(segment)) is not None:
                    reached.append(literal)
                if node.wildcard is not None:
                    reached.append(node.wildcard)
            nodes = reached
            if not nodes:
                break
            for node in nodes:
                numbers += node.rest
        for node in nodes:
            numbers += node.here
        return sorted(numbers)


def _offered(methods: Iterable[str]) -> list[str]:
    return [offered for method in methods for offered in (("GET", "HEAD") if method == "GET" else (method,))]
