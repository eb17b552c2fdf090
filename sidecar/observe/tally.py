"""How the requests of each version went, for control's judgement of a rollout: a few counts, and nothing of who asked.

A request belongs to the version that decided it. *Denied* are those that its policy refused (401, 403, 404, 405, 429,
made by the sidecar), *failed* the 5xx, whoever made them; no request is both. What is malformed or cut short by the
caller counts as a request and no more. Counts wait here until they are taken, and take no more room meanwhile.
"""

import math
from collections.abc import Callable

from sidecar.contract.messages import Report
from sidecar.contract.reasons import Reason, status_of

from .record import Record

MAX_VERSIONS = 16
"""With the oldest the counts go that nobody took."""

_DENIED = frozenset(reason for reason in Reason if status_of(reason) in (401, 403, 404, 405, 429))


class Tally:
    """``clock`` is monotonic, in seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock, self._since = clock, clock()
        self._counts: dict[int, list[int]] = {}  # version -> requests, denied, failed

    def finished(self, record: Record) -> None:
        """Count one exchange, if a snapshot decided it."""
        if record.version is None:
            return
        counts = self._counts.get(record.version)
        if counts is None:
            if len(self._counts) >= MAX_VERSIONS:
                del self._counts[min(self._counts)]
            counts = self._counts[record.version] = [0, 0, 0]
        counts[0] += 1
        if record.status >= 500:
            counts[2] += 1
        elif record.reason in _DENIED:
            counts[1] += 1

    def take(self) -> list[Report]:
        """One for each version that decided something since this was last asked, the oldest first."""
        now = self._clock()
        seconds, self._since = max(1, math.ceil(now - self._since)), now
        taken, self._counts = self._counts, {}
        return [
            Report(version, all_, denied, failed, seconds) for version, (all_, denied, failed) in sorted(taken.items())
        ]
