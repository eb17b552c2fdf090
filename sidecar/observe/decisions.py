"""The decision log: a line of JSON for each decision, with all that it depended on, so that another policy can be tried
on it (``control replay``). Off unless it is asked for, since a line has the caller's claims.

Never a token, an API key, a query as it came or a header that no rule looks at. The reason is the decision's own: what
became of the exchange is in the access log, under the same ``decision_id``.
"""

import json
from typing import Any

from sidecar.authz.decision import Decision, RequestFacts
from sidecar.authz.evaluator import Evaluator
from sidecar.contract.secrets import masked

from .accesslog import AccessLog

_ENCODER = json.JSONEncoder(separators=(",", ":"))


class Decisions:
    """Writes into the access log's queue, and is dropped and counted with it."""

    def __init__(self, log: AccessLog) -> None:
        self._log = log

    def note(
        self, evaluator: Evaluator, request: RequestFacts, decision: Decision, decision_id: str, now: float
    ) -> None:
        """One decision."""
        self._log.put(line(evaluator, request, decision, decision_id, now))


def line(evaluator: Evaluator, request: RequestFacts, decision: Decision, decision_id: str, now: float) -> str:
    """One line. What looks like a credential in a name or a path is masked, as in the access log."""
    who, asked = decision.principal, evaluator.asked(request, decision.principal)
    path = decision.target.path if decision.target else request.target.partition(b"?")[0].decode("latin-1")
    told: dict[str, Any] = {
        "kind": "decision",
        "time": round(now, 6),
        "decision_id": decision_id,
        "service": evaluator.snapshot.service,
        "version": evaluator.snapshot.version,
        "method": request.method,
        "path": path,
        "host": request.host,
        "address": request.address,
        "scheme": request.scheme,
        "headers": asked.headers,
        "query": asked.query,
        "issuer": who.issuer_name if who else "",
        "claims": who.claims if who else None,
        "callers": asked.callers,
        "reason": decision.reason,
        "route": decision.route.path if decision.route else "",
    }
    return masked(_ENCODER.encode(told) + "\n")
