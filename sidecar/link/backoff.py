"""How long to wait before the next attempt: exponential with full jitter, so that a fleet that lost control
together does not come back together. Pure: the randomness is handed in."""

from random import Random

BASE_S = 0.2
CAP_S = 10.0
GOOD_SESSION_S = 10.0
"""A session that lived this long was good: the next attempt begins at ``BASE_S`` again."""


class Backoff:
    """The waits of one link. ``failed()`` and ``refused()`` give seconds; ``reset()`` after a good session."""

    def __init__(self, rng: Random, base_s: float = BASE_S, cap_s: float = CAP_S) -> None:
        self._rng, self._base_s, self._cap_s = rng, base_s, cap_s
        self._failures = 0

    def failed(self) -> float:
        """After a round in which no address answered, or a session that broke."""
        ceiling = min(self._cap_s, self._base_s * 2 ** min(self._failures, 32))
        self._failures += 1
        return self._rng.uniform(0, ceiling)

    def refused(self) -> float:
        """After control said no: only an operator can change that, so longer, and never at once."""
        return self._rng.uniform(self._cap_s / 2, self._cap_s * 3)

    def reset(self) -> None:
        """The last session was good."""
        self._failures = 0
