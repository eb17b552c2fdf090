"""Routes that undo one another. The first match wins, so an earlier route may leave a later one nothing to do, or
let through as public what a later one guards. A route that names its methods speaks for its path: the other methods
go on only to a later route that names them, which may ask for less.

Routes are compared in pairs: that several earlier routes together hide a later one is not noticed.
"""

from collections.abc import Iterator, Sequence

from sidecar.authz.pattern import Pattern, compile_pattern
from sidecar.contract.snapshot import Requirement, Route

MAX_COMPARED = 500
"""Routes of one service that are compared; the number of pairs grows with its square."""


def shadows(routes: Sequence[Route]) -> Iterator[tuple[int, str]]:
    """(the number of a route, what is odd about it)."""
    known: list[tuple[Route, Pattern]] = []
    for number, route in enumerate(routes[:MAX_COMPARED]):
        pattern = compile_pattern(route.path)
        found = _shadow(route, pattern, known)
        if found is not None:
            yield number, found
        known.append((route, pattern))
    for number in range(len(known)):
        escape = _escape(number, known)
        if escape is not None:
            yield number, escape


def _escape(number: int, known: Sequence[tuple[Route, Pattern]]) -> str | None:
    """Do methods that the route does not name meet fewer demands on the same path?"""
    route, pattern = known[number]
    if route.methods is None or route.require == Requirement():
        return None
    left = _offered(route)
    for later in range(number + 1, len(known)):
        other, others = known[later]
        if other.methods is None or not _covers(others, pattern) or _offered(other) <= left:
            continue
        if other.require != Requirement():  # other demands are not fewer: a write scope, beside a read scope
            left |= _offered(other)
            continue
        lets = "is public" if other.access == "public" else "takes any valid token"
        return f"asked of {','.join(route.methods)} alone: for other methods, routes[{later}] ({label(other)}) {lets}"
    return None


def _shadow(route: Route, pattern: Pattern, earlier: Sequence[tuple[Route, Pattern]]) -> str | None:
    for number, (other, others) in enumerate(earlier):
        if _covers(others, pattern) and _offers_all(other, route):
            if other.access == "public" and route.access != "public":
                return f"never reached: routes[{number}] ({label(other)}) is public and lets all of it through"
            return f"never reached: routes[{number}] ({label(other)}) comes first and matches all of it"
        if _covers(others, pattern) and other.methods is not None and route.methods is None:
            return (
                f"never reached: routes[{number}] ({label(other)}) speaks for all of its paths; name the methods here"
            )
    if route.access == "public":
        return None
    for number, (other, others) in enumerate(earlier):
        if other.access != "public" or not (_meet(others, pattern) and _share_methods(other, route)):
            continue
        if not (_covers(pattern, others) and _offers_all(route, other)):
            return f"what also matches routes[{number}] ({label(other)}), which comes first, is public"
    return None


def label(route: Route) -> str:
    """``GET,POST /orders/{id}``: what tells a route from others."""
    return f"{','.join(route.methods)} {route.path}" if route.methods else route.path


def _covers(wide: Pattern, narrow: Pattern) -> bool:
    """Does every path of ``narrow`` match ``wide``?"""
    if len(wide.segments) > len(narrow.segments):
        return False
    if not wide.rest and (narrow.rest or len(wide.segments) != len(narrow.segments)):
        return False
    return all(one is None or one == two for one, two in zip(wide.segments, narrow.segments, strict=False))


def _meet(one: Pattern, two: Pattern) -> bool:
    """Is there a path that matches both?"""
    short, long = sorted((one, two), key=lambda pattern: len(pattern.segments))
    if len(short.segments) < len(long.segments) and not short.rest:
        return False
    return all(None in pair or pair[0] == pair[1] for pair in zip(short.segments, long.segments, strict=False))


def _offered(route: Route) -> frozenset[str]:
    # A GET route answers HEAD too (RFC 9110 section 9.3.2), as the router has it.
    methods = route.methods or ()
    return frozenset((*methods, "HEAD") if "GET" in methods else methods)


def _offers_all(wide: Route, narrow: Route) -> bool:
    return wide.methods is None or (narrow.methods is not None and _offered(narrow) <= _offered(wide))


def _share_methods(one: Route, two: Route) -> bool:
    return one.methods is None or two.methods is None or bool(_offered(one) & _offered(two))
