"""A permission that has to last: upgrades and event streams end when a request like theirs would now be refused.

Asked again before they begin, when a snapshot comes into force, when the gate is shut, and when the token expires. One
exchange is asked after the other, with a turn of the loop between two, so that ten thousand open tunnels hold no
request up when a snapshot comes.
"""

import math
from collections.abc import Callable

import trio

from sidecar.authz.evaluator import Evaluator, RequestFacts

from .gate import Gate
from .watched import EndedError

SOONEST_S = 0.05
LATEST_S = 60.0
"""Bounds on the wait for an expiry: the clock of the wall may be set, and stands apart from the loop's."""


async def until_withdrawn(gate: Gate, facts: RequestFacts, clock: Callable[[], float]) -> EndedError:
    """Wait until ``facts`` would be refused, and say why."""
    while True:
        changed = gate.changed
        async with gate.turns:
            verdict = _verdict(gate, facts, clock())
        if isinstance(verdict, EndedError):
            return verdict
        with trio.move_on_after(verdict):
            await changed.wait()


def check_permitted(gate: Gate, facts: RequestFacts, now: float) -> None:
    """EndedError if ``facts`` would be refused now, although they were allowed before."""
    verdict = _verdict(gate, facts, now)
    if isinstance(verdict, EndedError):
        raise verdict


def _verdict(gate: Gate, facts: RequestFacts, now: float) -> EndedError | float:
    """Why not, or for how long."""
    evaluator = gate.evaluator
    if evaluator is None:
        raise AssertionError("a snapshot went out of force and none took its place")
    if gate.closed_for is not None:
        return EndedError(gate.closed_for, "the gate was shut while it was open")
    decision = evaluator.evaluate(facts, now, spend=False)
    if not decision.allowed:
        return EndedError(decision.reason, f"while it was open: {decision.detail}")
    if decision.principal is None:
        return math.inf
    left = decision.principal.expires_at + _leeway(evaluator, decision.principal.issuer_name) - now
    return min(max(left, SOONEST_S), LATEST_S)


def _leeway(evaluator: Evaluator, issuer_name: str) -> int:
    (leeway,) = (issuer.leeway_s for issuer in evaluator.snapshot.issuers if issuer.name == issuer_name)
    return leeway
