"""What a sidecar would decide, found by the sidecar's own code over the very bytes that it was sent."""

from collections.abc import Mapping
from dataclasses import dataclass

from sidecar.authz.evaluator import Decision, Evaluator, RequestFacts
from sidecar.contract.envelope import Sealed
from sidecar.contract.snapshot import decode


@dataclass(frozen=True, slots=True)
class Explanation:
    """What the sidecar of ``service`` decides under ``version``, and how it gets there."""

    version: int
    service: str
    decision: Decision
    steps: list[str]


def explained(
    sealed: Sealed, now: float, method: str, path: str, token: str | None, headers: Mapping[str, str]
) -> Explanation:
    """The decision about one request under this snapshot."""
    lines = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    if token is not None:
        lines.append((b"authorization", b"Bearer " + token.encode()))
    snapshot = decode(sealed.payload)
    steps: list[str] = []
    decision = Evaluator(snapshot).evaluate(RequestFacts(method, path.encode(), lines), now, steps)
    return Explanation(snapshot.version, snapshot.service, decision, steps)
