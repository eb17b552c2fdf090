"""How a process is told to end, and to look again: signals and requests, as three things that can happen.

*drain*: finish what has begun (SIGTERM, SIGINT, ``POST /drain``). *cut*: end now (a second signal). *reload*: look at
files again (SIGHUP). Whoever cares waits; nobody is interrupted.
"""

import signal
from collections.abc import Callable

import trio


class Life:
    """``drain`` and ``cut`` happen once; ``reload`` calls whoever asked to be called, each time."""

    def __init__(self) -> None:
        self.drain, self.cut = trio.Event(), trio.Event()
        self._reloaders: list[Callable[[], None]] = []

    def on_reload(self, reloader: Callable[[], None]) -> None:
        """Call this at each reload; it must not block."""
        self._reloaders.append(reloader)

    def reload(self) -> None:
        """Look at files again."""
        for reloader in self._reloaders:
            reloader()

    def end(self) -> None:
        """The end now, without waiting for anything."""
        self.drain.set()
        self.cut.set()

    async def listen(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Hear signals until cancelled. The second one that asks for the end cuts; a drain that was asked for over
        HTTP does not count, because an orchestrator's hook asks first and its signal follows."""
        asked = False
        with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT, signal.SIGHUP) as signals:
            task_status.started()
            async for number in signals:
                if number == signal.SIGHUP:
                    self.reload()
                elif asked:
                    self.end()
                else:
                    asked = True
                    self.drain.set()
