"""Frames over a trio stream, the sidecar's end. Knows lengths and deadlines, not messages."""

import math
from collections import deque

import trio

from sidecar.contract.framing import FrameBuffer
from sidecar.contract.strict import ContractError

CHUNK = 64 * 1024


class FrameStream:
    """Bodies in, frames out. Neither direction waits longer than it is told to (``trio.TooSlowError``)."""

    def __init__(self, stream: trio.abc.Stream, max_body: int) -> None:
        self._stream = stream
        self._buffer = FrameBuffer(max_body)
        self._ready: deque[bytes] = deque()
        self._sending = trio.Lock()

    async def receive(self, silence_s: float = math.inf) -> bytes | None:
        """The next body, or None at a clean end. A large frame may take long, silence within it may not."""
        while not self._ready:
            with trio.fail_after(silence_s):
                data = await self._stream.receive_some(CHUNK)
            if not data:
                if self._buffer.unfinished:
                    raise ContractError("truncated", "the connection ended within a frame")
                return None
            self._ready.extend(self._buffer.feed(data))
        return self._ready.popleft()

    async def send(self, frame: bytes, timeout_s: float) -> None:
        """All of ``frame``, or TooSlowError; after that the stream is of no more use."""
        with trio.fail_after(timeout_s):
            async with self._sending:
                await self._stream.send_all(frame)
