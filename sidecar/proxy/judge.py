"""Everything between a head received and a head sent: the one place where a request is let through.

    does it go round -> is there room -> is a policy in force -> is it a preflight -> the decision
    -> is its body too large -> its new head

What every response to the request tells a browser is known from the first step on, so that refusals say it too. Knows
nothing of connections.
"""

import trio

from sidecar.authz.decision import Decision, RequestFacts
from sidecar.authz.evaluator import Evaluator
from sidecar.contract.reasons import Reason
from sidecar.contract.snapshot import Route
from sidecar.http1.fields import Headers, values
from sidecar.http1.request import RequestHead
from sidecar.observe.record import Record

from .answers import Answer, own_answer, preflight_answer
from .forwarding import MAX_HOPS, ForwardedHead, believable, forward_request, goes_round
from .identity import UnsafeClaim
from .origin import Origin
from .permit import Permit
from .refusals import Refusal, refusal_of
from .returning import Returning
from .shared import Shared

Verdict = Permit | Answer | Refusal


class Judge:
    """Of one request. ``cors``: the fields of every response to it; None where the policy says nothing of CORS."""

    def __init__(self, shared: Shared, record: Record, peer: str) -> None:
        self.cors: Headers | None = None
        self.record = record
        self.decision: Decision | None = None
        """What was decided, if it came to that, and by whom on what."""
        self.evaluator: Evaluator | None = None
        self.facts: RequestFacts | None = None
        self._shared, self._peer = shared, peer

    def verdict(self, head: RequestHead, options: frozenset[bytes]) -> Verdict:
        """What becomes of the request. ``options``: the fields that its ``Connection`` names."""
        shared = self._shared
        host = head.host or shared.authority
        origin = shared.forwarding.origin(self._peer, host, head.headers)
        self.record.address = origin.client
        evaluator = shared.gate.evaluator
        if evaluator is not None and evaluator.cors is not None:
            self.cors = evaluator.cors.response_headers(_origin_named(head.headers))
        if goes_round(head.headers):
            return Refusal(Reason.LOOP_DETECTED, f"Via names {MAX_HOPS} sidecars: is the upstream a sidecar?")
        if self._overdue():
            return Refusal(Reason.DRAINING)
        if shared.load.in_flight - shared.load.tunnels >= shared.limits.in_flight:
            return Refusal(Reason.OVERLOADED, "too many exchanges in flight")
        if evaluator is None:
            return Refusal(Reason.NO_SNAPSHOT)
        if shared.gate.closed_for is not None:
            return Refusal(shared.gate.closed_for)
        self.record.version = evaluator.snapshot.version
        return self._decide(evaluator, head, options, origin)

    def _decide(self, evaluator: Evaluator, head: RequestHead, options: frozenset[bytes], origin: Origin) -> Verdict:
        shared, now = self._shared, self._shared.clock()
        passing, facts = self._read(head, options, origin)
        if evaluator.cors is not None and (fields := evaluator.cors.preflight(facts, now)) is not None:
            return preflight_answer(fields)
        decision = evaluator.evaluate(facts, now)
        self.decision, self.evaluator, self.facts = decision, evaluator, facts
        self._note(decision)
        if shared.decisions is not None:
            shared.decisions.note(evaluator, facts, decision, self.record.decision_id, now)
        if decision.refresh is not None:
            shared.refresh(decision.refresh)
        if not decision.allowed:
            return refusal_of(decision, evaluator.snapshot.resource_metadata)
        route, policy = decision.route or Route("/**"), evaluator.snapshot.forward
        returning = Returning(self.cors, policy.response_headers, route.response_headers)
        if (said := own_answer(decision)) is not None:
            return Answer(said.status, said.phrase, returning.from_here(said.headers), said.body)
        limit = _least(route.body_bytes, shared.limits.body_bytes)
        if limit is not None and isinstance(head.framing, int) and head.framing > limit:
            return Refusal(Reason.BODY_TOO_LARGE, f"a body of {head.framing} bytes announced, the route takes {limit}")
        try:
            sent = forward_request(head, passing, decision, policy, origin, shared.authority, shared.ids)
        except UnsafeClaim as error:
            return Refusal(Reason.INVALID_TOKEN, str(error))
        self.record.request_id = sent.request_id.decode()
        return Permit(head, facts, sent, returning, limit, *_waits(route))

    def _read(self, head: RequestHead, options: frozenset[bytes], origin: Origin) -> tuple[Headers, RequestFacts]:
        """The fields that may go on, and what is judged."""
        shared = self._shared
        passing = believable(head.headers, options, origin)
        named = shared.gate.credential_headers
        judged = believable(head.headers, options, origin, named) if named else passing
        host = (head.host or shared.authority).decode("latin-1")
        method = head.method.decode("ascii")
        return passing, RequestFacts(method, head.target, judged, host, origin.client, origin.scheme)

    def let_through_before(self, head: RequestHead, options: frozenset[bytes], sent: ForwardedHead) -> Permit:
        """The permit of a request that was let through on the word of an earlier one like it, and sent: for whatever is
        left to be done. Nothing is decided here."""
        origin = self._shared.forwarding.origin(self._peer, head.host, head.headers)
        _, facts = self._read(head, options, origin)
        return Permit(head, facts, sent, Returning())

    def _note(self, decision: Decision) -> None:
        record = self.record
        record.shadow = decision.shadow
        if decision.target is not None:
            record.path = decision.target.path
        if decision.route is not None:
            record.route = decision.route.path
        if decision.principal is not None:
            record.subject, record.issuer = decision.principal.subject, decision.principal.issuer_name
            record.client = decision.principal.client or ""

    def _overdue(self) -> bool:
        since = self._shared.load.draining_since
        return since is not None and trio.current_time() > since + self._shared.timeouts.drain_s


def _origin_named(headers: Headers) -> bytes | None:
    """The one Origin of a request; several are nobody's."""
    origins = values(headers, b"origin")
    return origins[0] if len(origins) == 1 else None


def _least(*limits: int | None) -> int | None:
    return min((limit for limit in limits if limit is not None), default=None)


def _waits(route: Route) -> tuple[float | None, ...]:
    waits = route.timeout_ms, route.idle_timeout_ms, route.total_timeout_ms
    return tuple(None if wait is None else wait / 1000 for wait in waits)
