"""A snapshot's rules, compiled once: what an evaluator asks, request by request.

ContractError names the rule that cannot be enforced; then none of the snapshot is.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

from sidecar.authn.principal import Principal
from sidecar.contract.snapshot import Deny, Requirement, Route, Snapshot
from sidecar.contract.strict import ContractError

from .asked import Asked, LookedAt
from .buckets import Buckets
from .callers import Workloads
from .condition import Condition
from .decision import RequestFacts
from .deny import DenyList
from .expression import Hidden
from .fields import FieldReader
from .limits import CompiledLimits
from .pattern import compile_pattern
from .reading import Reader
from .requirement import CompiledRequirement
from .rewrite import Rewrite
from .router import Router


@dataclass(frozen=True, slots=True)
class RouteRules:
    """What one route asks, what it would ask, what it allows in a time, and what it forwards. None: nothing."""

    require: CompiledRequirement | None
    shadow: CompiledRequirement | None
    limits: CompiledLimits | None
    rewrite: Rewrite

    def conditions(self) -> Iterator[Condition]:
        """The conditions of what it asks and of what it would ask."""
        for requirement in (self.require, self.shadow):
            if requirement is not None and requirement.condition is not None:
                yield requirement.condition


class RuleSet:
    """``buckets`` outlives it: what callers have used of their limits."""

    def __init__(self, snapshot: Snapshot, buckets: Buckets) -> None:
        workloads, hidden = Workloads(snapshot.workloads), _hidden(snapshot)
        self.router = Router(snapshot.routes)
        self.denies = DenyList(snapshot.deny, workloads, hidden)
        self.routes = [
            _compiled(number, route, workloads, hidden, buckets) for number, route in enumerate(snapshot.routes)
        ]
        conditions = [*self.denies.conditions(), *(one for rules in self.routes for one in rules.conditions())]
        headers, query = _looked_at(snapshot, "headers", hidden), _looked_at(snapshot, "query", hidden)
        for condition in conditions:
            headers |= dict.fromkeys(condition.reads.headers, True)
            query |= dict.fromkeys(condition.reads.query, True)
        self._looked_at, self._fields, self._workloads = (
            LookedAt(headers, query),
            FieldReader(headers, query),
            workloads,
        )
        reads_path = {
            number
            for number, rules in enumerate(self.routes)
            if any(condition.reads.reads_path for condition in rules.conditions())
        }
        reads_host = any(condition.reads.reads_host for condition in conditions)
        self.reader = Reader(self.router, self.denies, self._fields, reads_path, reads_host)

    @property
    def looked_at(self) -> LookedAt:
        """The header fields and query parameters on which a decision may depend."""
        return self._looked_at

    def asked(self, request: RequestFacts, who: Principal | None) -> Asked:
        """What of a request and its caller decisions depend on, beside what they are called."""
        query = request.target.partition(b"?")[2].decode("latin-1")
        found = self._looked_at.asked(self._fields, list(request.headers), query)
        return replace(found, callers=tuple(sorted(self._workloads.named(who))))


def _compiled(number: int, route: Route, workloads: Workloads, hidden: Hidden, buckets: Buckets) -> RouteRules:
    try:
        if route.access == "public" and route.require != Requirement():
            raise ValueError("public, and yet it requires something")
        pattern = compile_pattern(route.path)
        asked = route.require if route.require != Requirement() else None
        return RouteRules(
            CompiledRequirement(asked, pattern, workloads, hidden) if asked is not None else None,
            CompiledRequirement(route.shadow, pattern, workloads, hidden) if route.shadow is not None else None,
            CompiledLimits(route, buckets) if route.rate_limits else None,
            Rewrite(route, pattern),
        )
    except ValueError as error:
        raise ContractError("bad_route", f"route {number + 1}: {error}") from error


def _looked_at(snapshot: Snapshot, kind: Literal["headers", "query"], hidden: Hidden) -> dict[str, bool]:
    """The names that matchers look at, and whether one compares. What may hold a credential is never compared, for
    ``steps`` tell values."""
    rules: tuple[Route | Deny, ...] = (*snapshot.routes, *snapshot.deny)
    names: dict[str, bool] = {}
    for match in (match for rule in rules for match in (rule.headers if kind == "headers" else rule.query)):
        name = match.name.lower() if kind == "headers" else match.name
        if match.values and (hidden.header(name) if kind == "headers" else name in hidden.query):
            raise ContractError(
                "bad_route", f"{kind}: {name} may hold a credential; ask only if it is present or absent"
            )
        names[name] = bool(match.values) or names.get(name, False)
    return names


def _hidden(snapshot: Snapshot) -> Hidden:
    sources = {source for route in snapshot.routes for source in route.credentials}
    return Hidden(
        frozenset(source.name for source in sources if source.place == "header"),
        frozenset(source.name for source in sources if source.place == "query"),
    )
