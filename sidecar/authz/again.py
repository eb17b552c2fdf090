"""What of a decision holds for the next request like it, so that it need not be made again.

Of most routes it depends on the method, the target, the host and on who calls, on nothing else that a request holds
and on no clock: then it is the same for the same four, under the same rules, keys and revocations, for as long as the
token is valid. What counts requests is asked each time. A route that asks for more than this is not steady, and is
decided anew for every request; so is every route of a service that has deny rules, CORS or matchers on headers.
"""

from dataclasses import dataclass

from sidecar.contract.snapshot import Route, Snapshot, Source

from .asking import Asking
from .buckets import Rate
from .decision import Decision, RequestFacts
from .fields import NONE
from .ruleset import RouteRules, RuleSet

Keys = tuple[tuple[bytes, Rate], ...]
_OF_THE_CALLER = frozenset({"principal", "claims"})


@dataclass(frozen=True, slots=True)
class Again:
    """``route``: its number. ``limits``: what each request takes from."""

    route: int
    limits: Keys


class Steady:
    """The steady routes of a snapshot. ``reads_host``: does it matter to them which host is asked?"""

    def __init__(self, snapshot: Snapshot, rules: RuleSet) -> None:
        self._snapshot = snapshot  # its routes are known by identity, and must outlive their numbers
        self._rules = rules
        self.reads_host = rules.reader.reads_host
        alike = not snapshot.deny and snapshot.cors is None and not rules.reader.looks_at_headers
        self._numbers = {
            id(route): number
            for number, (route, of_route) in enumerate(zip(snapshot.routes, rules.routes, strict=True))
            if alike and _is_steady(route, of_route)
        }

    def again(self, request: RequestFacts, decision: Decision, now: float) -> Again | None:
        """What is still to be asked of a request with the method, target, host and credential of ``request``, which was
        let through by ``decision``; None if more than these was looked at."""
        number, target, limits = self.number(decision.route), decision.target, None
        if number is None or target is None:
            return None
        limits = self._rules.routes[number].limits
        asking = Asking(request, target, NONE, decision.principal, (), now)
        keys = limits.keys(asking) if limits is not None else ()
        return None if keys is None else Again(number, keys)

    def number(self, route: Route | None) -> int | None:
        """The route's number, if it is steady."""
        return self._numbers.get(id(route))


def _is_steady(route: Route, rules: RouteRules) -> bool:
    condition = rules.require.condition if rules.require is not None else None
    return (
        route.shadow is None
        and route.credentials == (Source(),)
        and (condition is None or condition.reads.variables <= _OF_THE_CALLER)
    )
