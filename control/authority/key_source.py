"""Where a master key comes from: its own text, a file, or what a command prints. Read once, at start.

The command is an argument list that no shell sees; what it prints is taken within a size and a time.
"""

import os
import select
import signal
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from control.errors import ControlError, Invalid

from .master_key import MAX_TEXT, MasterKey, parse

COMMAND_WITHIN_S = 10.0
MAX_BYTES = 2 * MAX_TEXT


class KeyUnreadable(ControlError):  # noqa: N818 - reads as the sentence it is
    """A master key that was named and cannot be had. The text says what was named and never what was read."""

    code = "master_key"


@dataclass(frozen=True, slots=True)
class KeySource:
    """One of the three. ``said``: how it was given, for sentences."""

    said: str
    text: str | None = field(default=None, repr=False)
    file: Path | None = None
    command: tuple[str, ...] = ()

    def read(self) -> MasterKey:
        """The key; KeyUnreadable."""
        try:
            return parse(self._text())
        except Invalid as error:
            raise KeyUnreadable(f"{self.said}: {error}") from None

    def _text(self) -> str:
        if self.text is not None:
            return self.text
        try:
            read = _printed(self.command) if self.command else _first_bytes(self.file)
        except OSError as error:
            raise Invalid(f"cannot be read: {error.strerror}") from None
        if len(read) > MAX_BYTES:
            raise Invalid(f"holds more than {MAX_BYTES} bytes, and no master key is so long")
        return read.decode("ascii", "replace")


def _first_bytes(file: Path | None) -> bytes:
    if file is None:
        raise AssertionError("a source is one of three")
    with file.open("rb") as opened:
        return opened.read(MAX_BYTES + 1)


def _printed(command: tuple[str, ...]) -> bytes:
    """What ``command`` prints, at most one byte more than is allowed; Invalid if it fails or takes too long."""
    deadline = time.monotonic() + COMMAND_WITHIN_S
    child = subprocess.Popen(  # noqa: S603  # the operator's own, and no shell is asked
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,  # it could hold what must not be in our log
        start_new_session=True,
    )
    try:
        with child:  # which waits for its end, so that whatever takes too long has to be killed within
            try:
                out = _drained(child, deadline)
                code = child.wait(max(0.01, deadline - time.monotonic()))
            except BaseException:
                _end(child)
                raise
    except (TimeoutError, subprocess.TimeoutExpired):
        raise Invalid(f"{command[0]} took longer than {COMMAND_WITHIN_S:.0f} s") from None
    if code and len(out) <= MAX_BYTES:
        raise Invalid(f"{command[0]} failed with exit code {code}")
    return out


def _drained(child: "subprocess.Popen[bytes]", deadline: float) -> bytes:
    """Its output until it ends, or is too long: then it and what it has started are killed. TimeoutError."""
    if child.stdout is None:
        raise AssertionError("its output is a pipe")
    out = b""
    while len(out) <= MAX_BYTES:
        if not select.select([child.stdout], [], [], max(0.0, deadline - time.monotonic()))[0]:
            raise TimeoutError
        if not (chunk := os.read(child.stdout.fileno(), MAX_BYTES + 1 - len(out))):
            return out
        out += chunk
    _end(child)
    return out


def _end(child: "subprocess.Popen[bytes]") -> None:
    with suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)
