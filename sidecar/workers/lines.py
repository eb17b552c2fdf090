"""Lines of several processes on one standard output. A pipe takes PIPE_BUF bytes at once or not at all (POSIX), so
lines are written in pieces of whole lines that are no larger; only a line that is longer itself could be torn."""

import os
import select


class WholeLines:
    """A sink for the access log. Blocks, as any write does."""

    def __init__(self, descriptor: int, limit: int = select.PIPE_BUF) -> None:
        self._descriptor, self._limit = descriptor, limit

    def write(self, text: str, /) -> None:
        """Write whole lines."""
        piece = b""
        for line in text.encode().splitlines(keepends=True):
            if piece and len(piece) + len(line) > self._limit:
                self._put(piece)
                piece = b""
            piece += line
        self._put(piece)

    def _put(self, data: bytes) -> None:
        while data:
            data = data[os.write(self._descriptor, data) :]

    def flush(self) -> None:
        """Nothing is held."""
