"""Token buckets: how many requests a caller may make, counted in one process and in bounded memory.

A bucket that nobody has touched for long is full, which is as good as none; so the one that was touched longest ago is
forgotten first. A clock that is set back takes nothing away and gives nothing.
"""

from dataclasses import dataclass

MAX_BUCKETS = 100_000
_ALMOST = 1e-9


@dataclass(frozen=True, slots=True)
class Rate:
    """``per_s`` tokens a second, at most ``burst``."""

    per_s: float
    burst: int


class Buckets:
    """Many buckets, by key."""

    def __init__(self, most: int = MAX_BUCKETS) -> None:
        self._most = most
        self._levels: dict[bytes, tuple[float, float]] = {}

    def __len__(self) -> int:
        return len(self._levels)

    def level(self, key: bytes, rate: Rate, now: float) -> float:
        """How many requests may be made at once."""
        level, then = self._levels.get(key, (float(rate.burst), now))
        return min(float(rate.burst), level + max(0.0, now - then) * rate.per_s)

    def wait_s(self, key: bytes, rate: Rate, now: float) -> float:
        """How long until there is one; 0 if there is."""
        lacking = 1.0 - self.level(key, rate, now)
        return lacking / rate.per_s if lacking > _ALMOST else 0.0

    def take(self, key: bytes, rate: Rate, now: float) -> None:
        """Take one."""
        level = max(0.0, self.level(key, rate, now) - 1.0)
        self._levels.pop(key, None)  # so that it goes to the end
        if len(self._levels) >= self._most:
            del self._levels[next(iter(self._levels))]
        self._levels[key] = (level, now)
