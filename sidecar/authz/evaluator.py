"""The decision: a request in, a Decision out (the PDP).

The order is fixed and is the order in which a refusal is chosen: target, fields, route, credential, token, deny rules,
scopes, claims, callers, condition, rate limits. Every outcome is a value; ``detail`` and ``steps`` are for operators,
and neither ever holds a token. Knows nothing of bodies, upstreams or sockets.
"""

import copy
import math
from collections.abc import Mapping
from typing import Any

from sidecar.authn.credential import Credential, find_credential
from sidecar.authn.principal import Principal
from sidecar.authn.rejection import Rejection, shown
from sidecar.authn.verifier import Verifier
from sidecar.contract.reasons import Reason
from sidecar.contract.snapshot import Issuer, Route, Snapshot, Source

from .again import Keys, Steady
from .asked import Asked, LookedAt
from .asking import Asking
from .buckets import Buckets
from .cors import CompiledCors
from .decision import Decision as Decision
from .decision import RequestFacts as RequestFacts
from .deny import Denial
from .reading import Reading
from .requirement import CompiledRequirement, Lack
from .rules import ROLES
from .ruleset import RouteRules, RuleSet

_TEST_LIFE_S = 300


class Evaluator:
    """One snapshot, compiled. ContractError if it holds a rule or a key that cannot be enforced. ``before``: the one
    that it takes the place of; verified tokens and used rate limits are carried over as far as they still count.
    ``cors`` is None where the service has none."""

    def __init__(self, snapshot: Snapshot, before: "Evaluator | None" = None) -> None:
        self.snapshot = snapshot
        self._buckets: Buckets = before._buckets if before else Buckets()
        self._rules = RuleSet(snapshot, self._buckets)
        self._steady = Steady(snapshot, self._rules)
        self._verifier: Verifier = Verifier(snapshot, before._verifier if before else None)
        self._issuers = {issuer.name: issuer for issuer in snapshot.issuers}
        self._keep = snapshot.forward.token == "keep"
        self.cors = CompiledCors(snapshot.cors, self._rules.router) if snapshot.cors else None

    @property
    def verifier(self) -> Verifier:
        """Who tells who calls, and what it remembers."""
        return self._verifier

    def asked(self, request: RequestFacts, who: Principal | None) -> Asked:
        """What the decision on ``request`` of ``who`` depends on, to be written down."""
        return self._rules.asked(request, who)

    @property
    def looked_at(self) -> LookedAt:
        """The names of which ``asked`` tells."""
        return self._rules.looked_at

    @property
    def steady(self) -> Steady:
        """What of its decisions holds for more than one request: the same object for the same rules."""
        return self._steady

    def spend(self, limits: Keys, now: float) -> bool:
        """Take one from every limit, or none and say no."""
        buckets = self._buckets
        for key, rate in limits:
            if buckets.wait_s(key, rate, now):
                return False
        for key, rate in limits:
            buckets.take(key, rate, now)
        return True

    def with_revocations(self, snapshot: Snapshot) -> "Evaluator":
        """This evaluator under ``snapshot``, which differs from its own in version and revocations alone."""
        other = copy.copy(self)
        other.snapshot, other._verifier = snapshot, self._verifier.with_revocations(snapshot.revocations)
        return other

    def evaluate(
        self, request: RequestFacts, now: float, steps: list[str] | None = None, spend: bool = True
    ) -> Decision:
        """May this request pass at ``now``? ``steps`` collects a line for each check. ``spend`` False: rate limits do
        not count, for a request that was let in before or one that is only explained."""
        reading = self._rules.reader.read(request, steps)
        if isinstance(reading, Decision):
            return reading
        route = reading.found.route
        who: Principal | Rejection | None
        credential = find_credential(request.headers, reading.target.query, route.credentials)
        if isinstance(credential, Credential):
            who = self._verifier.verify(credential, now, route.issuers)
            return self._conclude(request, reading, who, now, steps, spend, credential.source)
        return self._conclude(request, reading, credential, now, steps, spend)

    def evaluate_claims(
        self,
        request: RequestFacts,
        issuer_name: str,
        claims: Mapping[str, Any] | None,
        now: float,
        steps: list[str] | None = None,
    ) -> Decision:
        """As ``evaluate``, for a token that need not be signed: a policy's own test. ``iss``, the audience, ``iat`` and
        ``exp`` are filled in where ``claims`` leaves them out; ``claims`` None is a request without a token. Rate
        limits do not count."""
        reading = self._rules.reader.read(request, steps)
        if isinstance(reading, Decision):
            return reading
        if claims is None:
            return self._conclude(request, reading, None, now, steps, spend=False)
        if (issuer := self._issuers.get(issuer_name)) is not None:
            claims = {**_usual(issuer, now), **claims}
        who = self._verifier.admit(issuer_name, claims, now, reading.found.route.issuers)
        return self._conclude(request, reading, who, now, steps, spend=False)

    def _conclude(
        self,
        request: RequestFacts,
        reading: Reading,
        who: Principal | Rejection | None,
        now: float,
        steps: list[str] | None,
        spend: bool,
        credential: Source | None = None,
    ) -> Decision:
        found = reading.found
        rules = self._rules.routes[found.number]
        if steps is not None:
            steps.append(_token_step(found.route, who, now))

        def outcome(reason: Reason, detail: str, **more: Any) -> Decision:
            allowed = reason is Reason.ALLOWED
            forwarded = rules.rewrite.forwarded(reading.target, None if self._keep else credential) if allowed else b""
            return Decision(
                allowed=allowed,
                reason=reason,
                detail=detail,
                route=found.route,
                target=reading.target,
                principal=None if isinstance(who, Rejection) else who,
                parameters=found.parameters,
                credential=credential,
                forwarded=forwarded,
                **more,
            )

        if isinstance(who, Rejection):
            return outcome(who.reason, who.detail, refresh=who.refresh)
        if who is None and found.route.access == "token":
            return outcome(Reason.MISSING_TOKEN, "no credential")
        asking = self._asking(request, reading, who, now)
        denial = self._rules.denies.judge(reading.denies, asking, steps) if reading.denies else Denial()
        if denial.denied is not None:
            return outcome(Reason.DENIED, f"deny rule {denial.denied}")
        lack = self._lack(rules, asking, reading, steps)
        if lack is not None:
            return outcome(lack.reason, lack.detail, scope=lack.scope)
        if rules.limits is not None:
            wait_s = rules.limits.wait_s(asking, steps, spend)
            if wait_s and spend:
                return outcome(Reason.RATE_LIMITED, f"again after {wait_s} s", retry_after_s=wait_s)
        shadow = tuple(f"deny {name}: {Reason.DENIED}" for name in denial.shadow)
        if rules.shadow is not None:
            shadow += _shadow(rules.shadow, asking, reading, steps)
        return outcome(Reason.ALLOWED, _welcome(found.route, who), shadow=shadow)

    def _asking(self, request: RequestFacts, reading: Reading, who: Principal | None, now: float) -> Asking:
        issuer = self._issuers.get(who.issuer_name) if who is not None else None
        roles = issuer.claims.roles if issuer else (ROLES,)
        return Asking(request, reading.target, reading.fields, who, roles, now)

    def _lack(self, rules: RouteRules, asking: Asking, reading: Reading, steps: list[str] | None) -> Lack | None:
        if asking.principal is None or rules.require is None:
            return None
        return rules.require.lack(asking, reading.found.parameters, steps)


def _shadow(shadow: CompiledRequirement, asking: Asking, reading: Reading, steps: list[str] | None) -> tuple[str, ...]:
    """What the route would say if it asked what it only records."""
    if asking.principal is None:
        lack: Lack | None = Lack(Reason.MISSING_TOKEN, "no credential")
    else:
        lack = shadow.lack(asking, reading.found.parameters)
    if steps is not None:
        steps.append(f"shadow: would be {'allowed' if lack is None else f'refused, {lack.reason}: {lack.detail}'}")
    return () if lack is None else (f"route {reading.found.number + 1}: {lack.reason}",)


def _usual(issuer: Issuer, now: float) -> dict[str, Any]:
    """The claims that a policy's test need not spell out."""
    life = min(_TEST_LIFE_S, issuer.max_lifetime_s or _TEST_LIFE_S)
    audience: Any = issuer.audiences[0]
    for step in reversed(issuer.claims.audience[1:]):
        audience = {step: audience}
    usual = {"iss": issuer.issuer, "iat": int(now), "exp": int(now) + life}
    return {**usual, issuer.claims.audience[0]: audience}


def _welcome(route: Route, who: Principal | None) -> str:
    if who is None or route.access == "public":
        return route.access
    return f"subject {shown(who.subject)} of issuer {who.issuer_name}"


def _token_step(route: Route, who: Principal | Rejection | None, now: float) -> str:
    if who is None:
        return "token: none" + ("" if route.access == "token" else f", and the route is {route.access}")
    if isinstance(who, Rejection):
        return f"token: refused, {who.reason}: {who.detail}"
    remaining = "never expires" if who.expires_at == math.inf else f"expires in {who.expires_at - now:.0f} s"
    return f"token: issuer {who.issuer_name}, subject {shown(who.subject)}, {remaining}"
