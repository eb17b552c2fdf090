"""Lines of JSON over a socket pair between the parent and one worker, both ours: trusted, and still taken apart."""

import json
import socket
from typing import Any

import trio

READ_BYTES = 64 * 1024


class Channel:
    """``send`` and ``receive`` whole messages; the other end closing is None."""

    def __init__(self, end: socket.socket) -> None:
        self._stream = trio.SocketStream(trio.socket.from_stdlib_socket(end))
        self._buffer = bytearray()
        self._turn = trio.Lock()
        self._torn = False

    async def send(self, message: dict[str, Any]) -> None:
        """Write it; nothing happens if nobody is there any more."""
        data = json.dumps(message, separators=(",", ":")).encode() + b"\n"
        try:
            async with self._turn:
                await self._write(data)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            pass  # whoever receives will notice

    async def _write(self, data: bytes) -> None:
        if self._torn:
            return
        self._torn = True  # until the whole line is written: half a line spoils every one that follows
        await self._stream.send_all(data)
        self._torn = False

    async def receive(self) -> dict[str, Any] | None:
        """The next message, or None at the end."""
        searched = 0
        while (end := self._buffer.find(b"\n", searched)) < 0:
            searched = len(self._buffer)
            try:
                data = await self._stream.receive_some(READ_BYTES)
            except (trio.BrokenResourceError, trio.ClosedResourceError):
                return None
            if not data:
                return None
            self._buffer += data
        message: dict[str, Any] = json.loads(self._buffer[:end])
        del self._buffer[: end + 1]
        return message

    async def aclose(self) -> None:
        """Close."""
        await self._stream.aclose()
