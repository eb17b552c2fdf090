"""Frames over a trio stream, control's end. Knows lengths and deadlines, not messages."""

from typing import Protocol, runtime_checkable

import trio

from sidecar.contract.framing import FrameBuffer
from sidecar.contract.strict import ContractError

CHUNK = 16 * 1024


@runtime_checkable
class SendsAtOnce(Protocol):
    """What ``TlsStream`` can do beside what every stream can."""

    def send_nowait(self, data: bytes) -> bool:
        """False if ``flush`` must follow."""
        ...

    async def flush(self) -> None:
        """What ``send_nowait`` left."""
        ...


class FrameStream:
    """Bodies in, frames out. Neither direction waits longer than it is told to (``trio.TooSlowError``)."""

    def __init__(self, stream: trio.abc.Stream, max_body: int) -> None:
        self._stream = stream
        self._at_once = stream if isinstance(stream, SendsAtOnce) else None
        self._buffer = FrameBuffer(max_body)
        self._unsent: bytes | None = None
        self._ready: list[bytes] = []  # the next one last

    async def receive(self) -> bytes | None:
        """The next whole body, or None at a clean end. Who is cancelled here has lost nothing: the rest of the body
        may be received later."""
        while not self._ready:
            data = await self._stream.receive_some(CHUNK)
            if not data:
                if self._buffer.unfinished:
                    raise ContractError("truncated", "the connection ended within a frame")
                return None
            self._ready = self._buffer.feed(data)[::-1]
        return self._ready.pop()

    async def receive_within(self, timeout_s: float) -> bytes | None:
        """The same, or TooSlowError. The time is for all of it: single bytes are no sign of life."""
        with trio.move_on_after(timeout_s):
            return await self.receive()
        raise trio.TooSlowError

    async def send(self, frame: bytes, timeout_s: float) -> None:
        """All of ``frame``, after what ``send_nowait`` left. TooSlowError: the stream is of no more use."""
        with trio.fail_after(timeout_s):
            await self._flush()
            await self._stream.send_all(frame)

    def send_nowait(self, frame: bytes) -> bool:
        """As much of ``frame`` as can go at once. False if that was not all: then ``flush`` first."""
        if self._at_once is not None:
            return self._at_once.send_nowait(frame)
        self._unsent = frame
        return False

    async def flush(self, timeout_s: float) -> None:
        """What ``send_nowait`` left, or TooSlowError."""
        with trio.fail_after(timeout_s):
            await self._flush()

    async def _flush(self) -> None:
        if self._at_once is not None:
            await self._at_once.flush()
        elif self._unsent is not None:
            frame, self._unsent = self._unsent, None
            await self._stream.send_all(frame)
