"""How long control has been silent, and the opt-in bound on it (``max_staleness``).

Off by default: a sidecar keeps enforcing what it was last told. Where an operator prefers refusal to old policy,
the gate is shut once control has been silent for longer than the bound. What counts is the last word from control,
also across restarts: it is kept as the modification time of the last-good file.
"""

import contextlib
import os
from collections.abc import Callable
from pathlib import Path

import trio

from .contract.reasons import Reason
from .observe.status import Status
from .proxy.gate import Gate

CHECKS_PER_BOUND = 20


class Staleness:
    """``heard()`` gives the unix time of control's last frame in this run, 0 for none yet."""

    def __init__(
        self,
        bound_s: float,
        gate: Gate,
        status: Status,
        last_good: Path,
        heard: Callable[[], float],
        now: Callable[[], float],
    ) -> None:
        self._bound_s, self._gate, self._status, self._last_good = bound_s, gate, status, last_good
        self._heard, self._now = heard, now
        self._before = min(self._modified(), now())  # a time that is yet to come would be fresh for ever

    def _modified(self) -> float:
        try:
            return self._last_good.stat().st_mtime
        except OSError:
            return 0.0

    def silent_s(self) -> float:
        """Seconds since control was last heard."""
        return max(0.0, self._now() - max(self._heard(), self._before))

    def check(self) -> None:
        """Shut the gate when the bound is passed, open it when control is back."""
        silent = self.silent_s()
        self._status.staleness_s, self._status.stale = silent, silent > self._bound_s
        self._gate.closed_for = Reason.STALE_SNAPSHOT if self._status.stale else None

    async def run(self) -> None:
        """For ever."""
        while True:
            self.check()
            if self._heard():
                await trio.to_thread.run_sync(self._remember, self._heard())
            await trio.sleep(self._bound_s / CHECKS_PER_BOUND)

    def _remember(self, when: float) -> None:
        with contextlib.suppress(OSError):  # not there, or a disk that takes nothing: only a restart would miss it
            os.utime(self._last_good, (when, when))
