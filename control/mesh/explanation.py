"""What a sidecar would decide, found by the sidecar's own code over the very bytes that it was sent."""

from collections.abc import Mapping
from dataclasses import dataclass

from sidecar.authz.evaluator import Decision, Evaluator, RequestFacts
from sidecar.contract.increment import Chain, extended, open_increments
from sidecar.contract.snapshot import decode


@dataclass(frozen=True, slots=True)
class Explanation:
    """What the sidecar of ``service`` decides under ``version``, and how it gets there."""

    version: int
    service: str
    decision: Decision
    steps: list[str]


def explained(
    chain: Chain,
    signing_key: bytes,
    now: float,
    method: str,
    path: str,
    token: str | None,
    headers: Mapping[str, str],
    host: str = "",
    address: str = "",
) -> Explanation:
    """The decision about one request under what this chain says."""
    lines = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    if token is not None:
        scheme = b"ApiKey " if token.startswith("sgk_") else b"Bearer "
        lines.append((b"authorization", scheme + token.encode()))
    said = host or next((value for name, value in headers.items() if name.lower() == "host"), "")
    snapshot = extended(decode(chain.snapshot.payload), open_increments(chain.increments, signing_key), now)
    steps: list[str] = []
    decision = Evaluator(snapshot).evaluate(RequestFacts(method, path.encode(), lines, said, address), now, steps)
    return Explanation(snapshot.version, snapshot.service, decision, steps)
