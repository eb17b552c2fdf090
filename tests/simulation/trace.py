"""What happened, in order: a hash by which two runs are compared, and the last lines for whoever looks at a failure."""

import hashlib
from collections import Counter, deque

import trio


class Trace:
    """``tell`` it everything that happens; ``keep`` is how many lines are remembered."""

    def __init__(self, keep: int = 200) -> None:
        self._hash = hashlib.sha256()
        self.lines: deque[str] = deque(maxlen=keep)
        self.counts: Counter[str] = Counter()

    def tell(self, who: str, what: str, *details: object) -> None:
        """``who`` did ``what``; nothing in it may be random but by the seed."""
        line = " ".join((f"{trio.current_time():12.6f}", who, what, *map(str, details)))
        self._hash.update(line.encode() + b"\n")
        self.lines.append(line)
        self.counts[what] += 1

    @property
    def digest(self) -> str:
        """Of all lines so far."""
        return self._hash.hexdigest()
