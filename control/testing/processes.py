"""Child processes with their logs: started when they say so, killed when the block ends.

For what memory streams cannot show: a crash, a signal, a port, a command line.
"""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType

BIN = Path(sys.executable).parent
READY_WITHIN_S = 120.0
STOPPED_WITHIN_S = 60.0
"""For what hangs: on a machine that has twenty things to do, a start that takes two seconds takes half a minute."""


class ProcessError(Exception):
    """A process did not start, or a command failed. The text holds the end of what it said."""


class Processes:
    """A context manager: whatever was started in it is stopped when it is left, politely first."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def __enter__(self) -> "Processes":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.stop()

    def log(self, name: str) -> str:
        """All that ``name`` has said since it was last started."""
        return (self.folder / f"{name}.log").read_text(errors="replace")

    def pid(self, name: str) -> int:
        """The process id of ``name``."""
        return self._running[name].pid

    def start(
        self, name: str, command: Sequence[str], ready: str, env: Mapping[str, str] | None = None
    ) -> re.Match[str]:
        """Starts it and waits until its log matches the regular expression ``ready``; ProcessError if it never does."""
        path = self.folder / f"{name}.log"
        with path.open("wb") as out:
            child = subprocess.Popen(  # noqa: S603  # the caller's own command
                list(command), env={**os.environ, **(env or {})}, stdout=out, stderr=subprocess.STDOUT
            )
        self._running[name] = child
        deadline = time.monotonic() + READY_WITHIN_S
        while time.monotonic() < deadline:
            if found := re.search(ready, self.log(name)):
                return found
            if child.poll() is not None:
                break
            time.sleep(0.01)  # another process's log is the only thing to watch
        raise ProcessError(f"{name} did not start:\n{self.log(name)[-3000:]}")

    def signal(self, name: str, number: signal.Signals) -> None:
        """Sends a signal and does not wait."""
        self._running[name].send_signal(number)

    def kill(self, name: str) -> None:
        """As a crash would: SIGKILL, and gone when this returns."""
        child = self._running.pop(name)
        child.kill()
        child.wait()

    def terminate(self, name: str) -> int:
        """SIGTERM; the exit code, or ProcessError if it does not stop in time."""
        self.signal(name, signal.SIGTERM)
        return self.wait(name)

    def wait(self, name: str) -> int:
        """The exit code of a process that is on its way out."""
        child = self._running.pop(name)
        try:
            return child.wait(STOPPED_WITHIN_S)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
            raise ProcessError(
                f"{name} did not stop within {STOPPED_WITHIN_S:.0f} s:\n{self.log(name)[-3000:]}"
            ) from None

    def stop(self) -> None:
        """Ends them all; one that ignores SIGTERM is killed."""
        for child in self._running.values():
            child.send_signal(signal.SIGTERM)
        for child in self._running.values():
            try:
                child.wait(STOPPED_WITHIN_S)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
        self._running.clear()


def command(
    *arguments: str, env: Mapping[str, str] | None = None, expect: int | None = 0
) -> "subprocess.CompletedProcess[str]":
    """Runs one command to its end; ProcessError unless it exits with ``expect`` (None: any)."""
    done = subprocess.run(  # noqa: S603  # the caller's own command
        arguments, env={**os.environ, **(env or {})}, capture_output=True, text=True, timeout=60, check=False
    )
    if expect is not None and done.returncode != expect:
        raise ProcessError(f"{' '.join(arguments)}: exit {done.returncode}\n{done.stdout}{done.stderr}")
    return done
