"""How long threads waited for a processor: what a busy machine adds to every figure, told apart from what is ours."""

import os
import time


class Queued:
    """How long the threads of some processes have been ready and without a processor, looked at again and again."""

    def __init__(self, *pids: int) -> None:
        self._files = [os.open(f"/proc/{pid}/schedstat", os.O_RDONLY | os.O_CLOEXEC) for pid in pids]
        self._looks: list[tuple[float, list[float]]] = []

    def look(self) -> None:
        """Now."""
        told = [os.pread(file, 64, 0) for file in self._files]
        self._looks.append((time.monotonic(), [int(one.split()[1]) / 1e6 for one in told]))

    def between_ms(self, number: int, begun: float, ended: float) -> float:
        """Of one of them, between two times."""
        if not self._looks or ended <= begun:
            return 0.0
        first, last = (min(self._looks, key=lambda look: abs(look[0] - at)) for at in (begun, ended))
        return max(0.0, last[1][number] - first[1][number])

    def forget(self) -> None:
        """All but how to look."""
        self._looks.clear()
