"""The decision: a request in, a Decision out (the PDP).

The order is fixed and is the order in which a refusal is chosen: target, route, credential, token, scopes,
claims. Every outcome is a value; ``detail`` and ``steps`` are for operators, and neither ever holds a token.
Knows nothing of bodies, upstreams or sockets.
"""

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any
from urllib.parse import unquote

from sidecar.authn.credential import Credential, find_credential
from sidecar.authn.principal import Principal
from sidecar.authn.rejection import Rejection, shown
from sidecar.authn.verifier import Verifier
from sidecar.contract.reasons import Reason
from sidecar.contract.snapshot import Requirement, Route, Snapshot
from sidecar.contract.strict import ContractError

from .cors import CompiledCors as CompiledCors
from .decision import Decision as Decision
from .decision import RequestFacts as RequestFacts
from .router import Found, Missed, Router
from .rules import ROLES, CompiledRequirement
from .target import MAX_ENCODING_LAYERS, Target, normalise

_NOTHING: Mapping[str, str] = MappingProxyType({})
_TEST_LIFE_S = 300


@dataclass(frozen=True, slots=True)
class _Aim:
    """A request whose target and route are settled."""

    target: Target
    found: Found


class Evaluator:
    """One snapshot, compiled. ContractError if it holds a route or a key that cannot be enforced."""

    def __init__(self, snapshot: Snapshot, before: "Evaluator | None" = None) -> None:
        for number, route in enumerate(snapshot.routes):
            if route.access == "public" and route.require != Requirement():
                raise ContractError("bad_route", f"route {number + 1}: public, and yet it requires something")
        self.snapshot = snapshot
        self.cors: CompiledCors | None = None
        self._router = Router(snapshot.routes)
        self._verifier = Verifier(snapshot)
        self._issuers = {issuer.name: issuer for issuer in snapshot.issuers}
        # By identity: as values, a rule that wants 1 and a rule that wants True are equal in Python.
        self._requirements = {id(route): CompiledRequirement(route.require) for route in snapshot.routes}

    def with_revocations(self, snapshot: Snapshot) -> "Evaluator":
        """This evaluator under ``snapshot``, which differs from its own in version and revocations alone."""
        other = copy.copy(self)
        other.snapshot, other._verifier = snapshot, Verifier(snapshot)
        return other

    def evaluate(
        self, request: RequestFacts, now: float, steps: list[str] | None = None, spend: bool = True
    ) -> Decision:
        """May this request pass at ``now``? ``steps`` collects a line for each check. ``spend`` False: rate limits are
        not asked, for a request that was let in before or one that is only explained."""
        aim = self._aim(request.method, request.target, steps)
        if isinstance(aim, Decision):
            return aim
        credential = find_credential(request.headers, aim.target.query, aim.found.route.credentials)
        if not isinstance(credential, Credential):
            return self._conclude(aim, credential, now, steps)
        return self._conclude(aim, self._verifier.verify(credential, now, aim.found.route.issuers), now, steps)

    def evaluate_claims(
        self,
        request: RequestFacts,
        issuer_name: str,
        claims: Mapping[str, Any] | None,
        now: float,
        steps: list[str] | None = None,
    ) -> Decision:
        """As ``evaluate``, for a token that need not be signed: a policy's own test. ``iss``, ``aud``, ``iat`` and
        ``exp`` are filled in where ``claims`` leaves them out; ``claims`` None is a request without a token."""
        aim = self._aim(request.method, request.target, steps)
        if isinstance(aim, Decision):
            return aim
        if claims is None:
            return self._conclude(aim, None, now, steps)
        if (issuer := self._issuers.get(issuer_name)) is not None:
            usual = {"iss": issuer.issuer, "aud": issuer.audiences[0], "iat": int(now), "exp": int(now) + _TEST_LIFE_S}
            claims = {**usual, **claims}
        return self._conclude(aim, self._verifier.admit(issuer_name, claims, now, aim.found.route.issuers), now, steps)

    def decide(
        self,
        route: Route,
        principal: Principal | None,
        target: Target | None = None,
        parameters: Mapping[str, str] = _NOTHING,
        steps: list[str] | None = None,
    ) -> Decision:
        """May ``principal`` pass on ``route``? The last step of ``evaluate``, alone."""

        def outcome(reason: Reason, detail: str, scope: str = "") -> Decision:
            forwarded = target.forward() if target else b""
            return Decision(
                reason is Reason.ALLOWED,
                reason,
                detail,
                route,
                target,
                principal,
                (),
                scope,
                parameters,
                forwarded=forwarded,
            )

        if route.access == "public" or (route.access == "optional" and principal is None):
            return outcome(Reason.ALLOWED, route.access)
        if principal is None:
            return outcome(Reason.MISSING_TOKEN, "no bearer token")
        requirement = self._requirements.get(id(route)) or CompiledRequirement(route.require)
        lack = requirement.scopes_lack(principal.scopes, steps)
        if lack is not None:
            return outcome(Reason.INSUFFICIENT_SCOPE, lack.detail, lack.scope)
        issuer = self._issuers.get(principal.issuer_name)
        lack = requirement.claims_lack(principal.claims, issuer.claims.roles if issuer else (ROLES,), steps)
        if lack is not None:
            return outcome(Reason.CLAIMS_REFUSED, lack.detail)
        return outcome(Reason.ALLOWED, f"subject {shown(principal.subject)} of issuer {principal.issuer_name}")

    def _aim(self, method: str, raw_target: bytes, steps: list[str] | None) -> _Aim | Decision:
        target = normalise(raw_target)
        if isinstance(target, Rejection):
            _note(steps, f"target: refused, {target.detail}")
            return Decision(False, target.reason, target.detail)
        found = self._router.match(method, target.segments)
        if _has_two_readings(self._router, method, target, found):
            detail = (
                "';' parameters or a second layer of encoding change which route matches: the path has two readings"
            )
            _note(steps, f"target: refused, {detail}")
            return Decision(False, Reason.BAD_PATH, detail, target=target)
        if isinstance(found, Missed):
            reason = Reason.METHOD_NOT_ALLOWED if found.allow else Reason.NO_ROUTE
            detail = f"{shown(method)} {shown(target.path)}: no route" + (" for this method" if found.allow else "")
            _note(steps, f"route: {detail}" + (f", which allows {', '.join(found.allow)}" if found.allow else ""))
            return Decision(False, reason, detail, target=target, allow_methods=found.allow)
        if steps is not None:
            methods = "|".join(found.route.methods or ("any method",))
            steps.append(f"route {found.number + 1}: {methods} {found.route.path} matched {shown(target.path)}")
        return _Aim(target, found)

    def _conclude(self, aim: _Aim, who: Principal | Rejection | None, now: float, steps: list[str] | None) -> Decision:
        route = aim.found.route
        if steps is not None:
            steps.append(_token_step(route, who, now))
        if isinstance(who, Rejection):
            return Decision(False, who.reason, who.detail, route, aim.target, parameters=aim.found.parameters)
        return self.decide(route, who, aim.target, aim.found.parameters, steps)


def _has_two_readings(router: Router, method: str, target: Target, found: Found | Missed) -> bool:
    """Some upstreams drop ``;parameters`` before they match (Tomcat, Spring), some decode twice; if we would then have
    chosen another route, authorising this one would authorise something else than what is served."""
    segments = target.segments
    if not any(";" in segment or "%" in segment for segment in segments):
        return False
    for _ in range(MAX_ENCODING_LAYERS):
        segments = tuple(name for name in (segment.partition(";")[0] for segment in segments) if name)
        other = router.match(method, segments)
        if _number(other) != _number(found):
            return True
        decoded = tuple(unquote(segment) for segment in segments)
        if decoded == segments:
            break
        segments = decoded
    return False


def _number(outcome: Found | Missed) -> int | None:
    return outcome.number if isinstance(outcome, Found) else None


def _token_step(route: Route, who: Principal | Rejection | None, now: float) -> str:
    if who is None:
        return "token: none" + (", and the route is public" if route.access == "public" else "")
    if isinstance(who, Rejection):
        return f"token: refused, {who.reason}: {who.detail}"
    remaining = f"expires in {who.expires_at - now:.0f} s"
    return f"token: issuer {who.issuer_name}, subject {shown(who.subject)}, {remaining}"


def _note(steps: list[str] | None, line: str) -> None:
    if steps is not None:
        steps.append(line)
