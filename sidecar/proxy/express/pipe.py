"""A pipe of the system, through which bytes go from one socket to another without a copy of them in this process.

It is empty between calls: what the second socket does not take comes back as bytes, and so does everything where the
system has no such way between the two. Knows nothing of exchanges.
"""

import errno
from contextlib import suppress
from fcntl import F_SETPIPE_SZ, fcntl
from os import O_CLOEXEC, O_NONBLOCK, close, pipe2, read, splice

PIPE_BYTES = 128 * 1024
"""What it holds, if the system lets it: twice what Linux gives it by itself."""
_SPLICE_F_NONBLOCK = 2
_NO_WAY = frozenset({errno.EINVAL, errno.ENOSYS, errno.EPERM, errno.EOPNOTSUPP})


class Pipe:
    """Of one process, in which one call at a time uses it. To be closed."""

    def __init__(self) -> None:
        self._splices, self._held = True, 0
        self._out, self._in = pipe2(O_NONBLOCK | O_CLOEXEC)
        with suppress(OSError):  # the user's pipes are at their limit: it takes less at a time
            fcntl(self._in, F_SETPIPE_SZ, PIPE_BYTES)

    def close(self) -> None:
        """Both ends."""
        close(self._in)
        close(self._out)

    def move(self, source: int, target: int, count: int) -> tuple[int, bytes] | None:
        """Takes up to ``count`` bytes from ``source`` and gives them to ``target``: how many were taken, and those of
        them that ``target`` did not take; none, where ``source`` has ended or broke. None: there are none yet."""
        if self._held:  # a bug ended the last call halfway: what it left is somebody else's
            self._empty()
        try:
            taken = self._take(source, count) if self._splices else None
            data = read(source, count) if taken is None else b""
        except BlockingIOError:
            return None
        except OSError:
            return 0, b""
        return (len(data), data) if taken is None else (taken, self._pour(target))

    def _empty(self) -> None:
        """Not by another pipe, for which there may be no descriptors left."""
        with suppress(BlockingIOError):
            while read(self._out, PIPE_BYTES):
                pass
        self._held = 0

    def _take(self, source: int, count: int) -> int | None:
        """How many bytes are held now; None if the system has no way from there."""
        self._held = count  # for all that is known until the next line is through
        try:
            self._held = splice(source, self._in, count, flags=_SPLICE_F_NONBLOCK)
        except OSError as error:
            self._held = 0
            if error.errno not in _NO_WAY:
                raise
            self._splices = False
            return None
        return self._held

    def _pour(self, target: int) -> bytes:
        try:
            while self._held and (given := splice(self._out, target, self._held, flags=_SPLICE_F_NONBLOCK)):
                self._held -= given
        except OSError as error:  # whoever writes the rest to it will see what is the matter
            self._splices = error.errno not in _NO_WAY
        rest = read(self._out, self._held) if self._held else b""
        self._held -= len(rest)
        if self._held:
            raise AssertionError("a pipe did not give back what it held")
        return rest
