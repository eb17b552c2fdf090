"""What a policy would have decided otherwise, over decisions that sidecars wrote down.

Decided by the sidecars' own evaluator, each at the time of its decision. Rate limits do not count, neither then nor
now. A credential that did not count then does not count now: what it was is not written down. What the policy looks at
and the log does not tell is said, and not guessed.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sidecar.authz.evaluator import Decision, Evaluator
from sidecar.contract.reasons import Reason, status_of
from sidecar.contract.snapshot import Workload

from .compile import compile_snapshot
from .model import Policy
from .recorded import Recorded

_BEFORE_ANY_POLICY = frozenset({Reason.MALFORMED_REQUEST, Reason.BAD_PATH})
_OF_A_CREDENTIAL = frozenset(
    {
        Reason.SEVERAL_CREDENTIALS,
        Reason.INVALID_TOKEN,
        Reason.TOKEN_EXPIRED,
        Reason.TOKEN_REVOKED,
        Reason.UNPROVEN_TOKEN,
        Reason.KEYS_UNAVAILABLE,
    }
)
_PLACEHOLDER = "replay-has-no-secret-and-needs-none-because-what-was-verified-then-is-not-verified-again"


@dataclass(frozen=True, slots=True, order=True)
class Otherwise:
    """Decisions that would have come out alike, and otherwise than they did. ``route`` is the new policy's, or what it
    was."""

    service: str
    method: str
    route: str
    was: str
    would_be: str


@dataclass(slots=True)
class Outcome:
    """``otherwise``: how many, and an example's id and detail. ``untold``: what of it the log does not say."""

    decisions: int = 0
    same: int = 0
    otherwise: Counter[Otherwise] = field(default_factory=Counter)
    examples: dict[Otherwise, tuple[str, str]] = field(default_factory=dict)
    untold: Counter[str] = field(default_factory=Counter)

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        return {
            "decisions": self.decisions,
            "same": self.same,
            "otherwise": [
                {
                    "count": count,
                    "service": one.service,
                    "method": one.method,
                    "route": one.route,
                    "was": one.was,
                    "would_be": one.would_be,
                    "decision_id": self.examples[one][0],
                    "detail": self.examples[one][1],
                }
                for one, count in self.otherwise.most_common()
            ],
            "untold": dict(self.untold),
        }


class Workloads:
    """Who was known as which workload, gathered from a log before it is replayed."""

    def __init__(self) -> None:
        self._subjects: dict[str, set[str]] = {}

    def note(self, one: Recorded) -> None:
        """A decision's caller."""
        for name in one.callers:
            subject = (one.claims or {}).get("sub")
            if isinstance(subject, str):
                self._subjects.setdefault(name, set()).add(subject)

    def found(self, issuer: str) -> tuple[Workload, ...]:
        """As a snapshot has them."""
        return tuple(Workload(name, issuer, tuple(sorted(known))) for name, known in sorted(self._subjects.items()))


class Replay:
    """``policy`` over decisions. PolicyErrors or ContractError if it cannot be compiled."""

    def __init__(self, policy: Policy, workloads: Workloads) -> None:
        self.outcome = Outcome()
        builtin = next((issuer.name for issuer in policy.issuers if issuer.builtin), "")
        known = workloads.found(builtin)
        named = {workload.name for workload in known}
        self._own = frozenset(issuer.name for issuer in policy.issuers if issuer.builtin)
        self._evaluators: dict[str, Evaluator] = {}
        self._strangers = {name for service in policy.services for name in service.callers} - named
        known += tuple(Workload(name, builtin, ()) for name in sorted(self._strangers))
        for service in policy.services:
            snapshot = compile_snapshot(
                policy,
                service.name,
                version=1,
                issued_at=0,
                own=None,
                secrets=lambda _: _PLACEHOLDER,
                workloads=known,
            )
            self._evaluators[service.name] = Evaluator(snapshot)

    def add(self, one: Recorded) -> None:
        """One decision, made again."""
        self.outcome.decisions += 1
        missing = self._missing(one)
        if missing is not None:
            self.outcome.untold[missing] += 1
            return
        decision = self._decided(one)
        strangers = self._strangers.intersection(_callers(decision))
        if strangers:
            self.outcome.untold[f"caller {min(strangers)}, who is nobody in the log"] += 1
            return
        was = Reason.ALLOWED if one.reason is Reason.RATE_LIMITED else one.reason
        if decision is None or decision.reason is was:
            self.outcome.same += 1
            return
        route = decision.route.path if decision.route else one.route or one.path
        found = Otherwise(one.service, one.method, route, _word(was), _word(decision.reason))
        self.outcome.otherwise[found] += 1
        self.outcome.examples.setdefault(found, (one.decision_id, decision.detail))

    def _missing(self, one: Recorded) -> str | None:
        """What decides and was not written down."""
        evaluator = self._evaluators.get(one.service)
        if evaluator is None:
            return f"service {one.service} is not in the policy"
        looked_at = evaluator.looked_at
        for kind, wanted, seen in (
            ("header", looked_at.headers, one.headers),
            ("query parameter", looked_at.query, one.query),
        ):
            for name, compared in wanted.items():
                if name not in seen or (compared and seen[name] is True):
                    return f"{kind} {name} of {one.service}, which no rule looked at then"
        return None

    def _decided(self, one: Recorded) -> Decision | None:
        """None: as it was."""
        evaluator = self._evaluators[one.service]
        if one.reason in _BEFORE_ANY_POLICY:
            return None
        if one.reason in _OF_A_CREDENTIAL:
            found = evaluator.evaluate_claims(one.request, "", None, one.time)
            return found if found.reason in (Reason.NO_ROUTE, Reason.METHOD_NOT_ALLOWED, *_BEFORE_ANY_POLICY) else None
        return evaluator.evaluate_claims(one.request, one.issuer, self._claims(evaluator, one), one.time)

    def _claims(self, evaluator: Evaluator, one: Recorded) -> Mapping[str, Any] | None:
        if one.claims is None:
            return None
        for issuer in evaluator.snapshot.issuers:
            if issuer.name == one.issuer and issuer.name in self._own:
                return {**one.claims, "iss": issuer.issuer}  # offline it is not known by what URL control issues
        return one.claims


def _callers(decision: Decision | None) -> tuple[str, ...]:
    """Those of whom it was none."""
    if decision is None or decision.route is None or decision.reason is not Reason.CALLER_REFUSED:
        return ()
    return decision.route.require.callers


def _word(reason: Reason) -> str:
    return "allowed" if reason is Reason.ALLOWED else f"{status_of(reason)} {reason}"
