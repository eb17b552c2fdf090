"""Rules that undo one another. The first match wins, so an earlier route may leave a later one nothing to do, or
let anybody through what a later one guards. A deny rule may leave a later one, or a route, nothing to do. What a caller
gets around by himself is ``evasion``'s.

Rules are compared in pairs: that several earlier ones together hide a later one is not noticed.
"""

from collections.abc import Iterator, Sequence
from ipaddress import IPv4Network, IPv6Network, ip_network

from sidecar.contract.snapshot import Deny, Route

from .reach import Reach, field_told, reach_of

MAX_COMPARED = 500
"""Rules of one service that are compared; the number of pairs grows with its square."""

LETS = {"public": "is public", "optional": "asks nothing of who shows no credential"}


def shadows(routes: Sequence[Route]) -> Iterator[tuple[int, str]]:
    """(the number of a route, what is odd about it)."""
    known: list[tuple[Route, Reach]] = []
    for number, route in enumerate(routes[:MAX_COMPARED]):
        reach = reach_of(route)
        found = _shadow(route, reach, known)
        if found is not None:
            yield number, found
        known.append((route, reach))


def deny_shadows(rules: Sequence[Deny]) -> Iterator[tuple[int, str]]:
    """(the number of a deny rule, which earlier one leaves it nothing to refuse)."""
    known: list[tuple[Deny, Reach]] = []
    for number, rule in enumerate(rules[:MAX_COMPARED]):
        reach = reach_of(rule)
        for earlier, (other, others) in enumerate(known):
            if not other.shadow and others.covers(reach) and others.offers_all(reach) and _asks_no_more(other, rule):
                yield number, f"never decides: deny[{earlier}] ({other.name}) refuses all of it first"
                break
        known.append((rule, reach))


def denied_routes(routes: Sequence[Route], rules: Sequence[Deny]) -> Iterator[tuple[int, str]]:
    """(the number of a route, which deny rule refuses every request of it)."""
    flat = [(rule, reach_of(rule)) for rule in rules if not rule.shadow and _asks_no_more(rule, Deny("nothing"))]
    for number, route in enumerate(routes[:MAX_COMPARED]) if flat else ():
        reach = reach_of(route)
        for rule, others in flat:
            if others.covers(reach) and others.offers_all(reach):
                yield number, f"never reached: the deny rule {rule.name} refuses all of it"
                break


def _asks_no_more(wide: Deny, narrow: Deny) -> bool:
    """Of who calls and from where."""
    claims = {repr(rule) for rule in narrow.claims}
    return (
        all(repr(rule) in claims for rule in wide.claims)
        and (not wide.callers or (bool(narrow.callers) and set(narrow.callers) <= set(wide.callers)))
        and (not wide.addresses or (bool(narrow.addresses) and _within(narrow.addresses, wide.addresses)))
        and wide.when in (None, narrow.when)
    )


def _within(narrow: Sequence[str], wide: Sequence[str]) -> bool:
    around = [ip_network(network) for network in wide]
    return all(any(_is_within(ip_network(one), other) for other in around) for one in narrow)


def _is_within(one: IPv4Network | IPv6Network, other: IPv4Network | IPv6Network) -> bool:
    if isinstance(one, IPv4Network):
        return isinstance(other, IPv4Network) and one.subnet_of(other)
    return isinstance(other, IPv6Network) and one.subnet_of(other)


def _shadow(route: Route, reach: Reach, earlier: Sequence[tuple[Route, Reach]]) -> str | None:
    for number, (other, others) in enumerate(earlier):
        covered = others.covers(reach)
        if covered and others.offers_all(reach):
            if other.access != "token" and route.access == "token":
                lets = LETS[other.access]
                return f"never reached: routes[{number}] ({label(other)}) {lets} and lets all of it through"
            return f"never reached: routes[{number}] ({label(other)}) comes first and matches all of it"
        if covered and others.methods is not None and reach.methods is None:
            return (
                f"never reached: routes[{number}] ({label(other)}) speaks for all of its paths; name the methods here"
            )
    if route.access != "token":
        return None
    for number, (other, others) in enumerate(earlier):
        if other.access == "token" or not (others.meets(reach) and others.shares_methods(reach)):
            continue
        if not (reach.covers(others) and reach.offers_all(others)):
            lets = LETS[other.access]
            return f"what also matches routes[{number}] ({label(other)}), which comes first, {lets}"
    return None


def label(route: Route) -> str:
    """``GET,POST api.shop.test /orders/{id} X-Version=2``: what tells a route from others."""
    parts = [",".join(route.methods)] if route.methods else []
    parts += [",".join(route.hosts)] if route.hosts else []
    parts.append(route.path)
    for mark, matches in (("", route.headers), ("?", route.query)):
        parts += [f"{mark}{field_told(match)}" for match in matches]
    return " ".join(parts)
