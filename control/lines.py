"""The two lines of a version while a canary runs: what most sidecars get, and what a few of them try.

Which line a sidecar is on follows from its id alone, so that every control over one store says the same, and says it
again after a restart.
"""

import hashlib
from dataclasses import dataclass

from sidecar.contract.envelope import Sealed
from sidecar.contract.increment import Chain

SHARES = 10_000
"""A canary's share is counted in these: 1,000 are 10%."""


def place_of(sidecar_id: str) -> int:
    """From 0 to ``SHARES`` - 1, evenly spread, the same for ever. Whoever is below the share tries what is new."""
    return int.from_bytes(hashlib.sha256(sidecar_id.encode()).digest()[:8]) % SHARES


def is_chosen(sidecar_id: str, share: int) -> bool:
    """Is it one of those that try the candidate?"""
    return place_of(sidecar_id) < share


@dataclass(frozen=True, slots=True)
class Lines:
    """What one service's sidecars get. Both chains end at the same version, and revocations follow on both in the same
    bytes. ``candidate`` is None if no canary runs, or if it says the same for this service."""

    stable: Chain
    candidate: Chain | None = None
    share: int = 0

    def plus(self, increments: tuple[Sealed, ...]) -> "Lines":
        """Longer ones."""
        candidate = None if self.candidate is None else self.candidate.plus(increments)
        return Lines(self.stable.plus(increments), candidate, self.share)
