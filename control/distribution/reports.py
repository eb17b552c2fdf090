"""What one sidecar reported since it connected: for each version, how many requests there were and how they went.

The counts are the sidecar's word and nothing more: whoever judges a rollout by them decides how far one sidecar may tip
the scale. The last versions are kept, so that a session takes no more room the longer it lives; a sidecar that reports
more often than ours ever would is cut off.
"""

import math
from dataclasses import dataclass

from sidecar.contract.messages import Report
from sidecar.contract.strict import ContractError

EVERY_S = 10.0
MAX_VERSIONS = 16
MAX_PER_SESSION = 2 * MAX_VERSIONS
"""Reports within ``EVERY_S``: twice what a sidecar of ours sends at the most."""


@dataclass(frozen=True, slots=True)
class Traffic:
    """How the requests of one version went. ``seconds``: the time that was reported on."""

    requests: int = 0
    denied: int = 0
    failed: int = 0
    seconds: int = 0

    def plus(self, report: Report) -> "Traffic":
        """With what came now."""
        requests, seconds = self.requests + report.requests, self.seconds + report.seconds
        return Traffic(requests, self.denied + report.denied, self.failed + report.failed, seconds)


class Reports:
    """``by_version`` has the totals."""

    __slots__ = ("_count", "_since", "by_version")

    def __init__(self) -> None:
        self.by_version: dict[int, Traffic] = {}
        self._since, self._count = -math.inf, 0

    def add(self, report: Report, now: float) -> None:
        """``now`` is trio's; ContractError ``flood`` if it is one too many."""
        if now - self._since >= EVERY_S:
            self._since, self._count = now, 0
        self._count += 1
        if self._count > MAX_PER_SESSION:
            raise ContractError("flood", f"{self._count} reports within {EVERY_S:g} s")
        known = self.by_version
        known[report.version] = known.get(report.version, Traffic()).plus(report)
        if len(known) > MAX_VERSIONS:
            del known[min(known)]
