"""A stream, what was read ahead of it, and a time limit on each wait. Knows bytes and where a head ends, no more.

Nothing is read unless somebody waits for it, so a slow reader slows its writer down: at most one read (64 KiB) and
one head are ever held. A wait that is cancelled loses no byte.
"""

import math
import os
import select
import socket
import struct
from collections.abc import Callable
from contextlib import nullcontext
from types import TracebackType

import trio

READ_BYTES = 64 * 1024
LOOK_EVERY_S = 1.0
_END = b"\r\n\r\n"
_ENDED = getattr(select, "POLLRDHUP", select.POLLHUP)
"""A FIN, where the system tells it apart (Linux); a reset shows everywhere."""


class HeadTooLongError(ValueError):
    """No end of a head within the limit."""


def has_spoken(descriptor: int) -> bool:
    """Is there something to be read from this socket, its end included? Does not wait."""
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(0))


class Within:
    """``trio.fail_after`` without the cycle that it leaves when the time is up: it is a generator, whose frame holds
    the Cancelled that holds the frame, and with it all that was read, until a full collection, which is rare."""

    __slots__ = ("_scope",)

    def __init__(self, seconds: float) -> None:
        self._scope = trio.move_on_after(seconds)

    def __enter__(self) -> None:
        self._scope.__enter__()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> bool:
        caught = bool(self._scope.__exit__(kind, error, traceback))
        if self._scope.cancelled_caught:
            raise trio.TooSlowError from None
        return caught


class Wire:
    """``buffer`` is what has come and was not used yet; ``bytes_in`` and ``bytes_out`` count what has passed."""

    def __init__(self, stream: trio.abc.Stream) -> None:
        self.stream = stream
        self.buffer = bytearray()
        self.bytes_in = 0
        self.bytes_out = 0
        self._torn = False

    async def fill(self, within_s: float) -> bool:
        """Wait for more bytes. False at the end of the stream, trio.TooSlowError when the time is over,
        trio.BrokenResourceError when the stream breaks."""
        if within_s == math.inf:
            data = await self._receive()
        else:
            with Within(within_s):
                data = await self._receive()
        self.buffer += data
        self.bytes_in += len(data)
        return bool(data)

    async def _receive(self) -> bytes | bytearray:
        """What the stream says next. Of a socket it is read when the loop says that it is there: a try before that
        fails nearly always, and costs a turn of the loop when it does not."""
        if type(self.stream) is not trio.SocketStream:
            return await self.stream.receive_some(READ_BYTES)
        peer = self.stream.socket
        while True:
            await trio.lowlevel.wait_readable(peer)
            try:
                return os.read(peer.fileno(), READ_BYTES)
            except BlockingIOError:
                pass  # somebody else was first, or the loop was mistaken
            except OSError as error:
                raise trio.BrokenResourceError(str(error)) from error

    async def take(self) -> bytes:
        """What has come, or else what comes next; b"" at the end of the stream."""
        if self.buffer:
            data = bytes(self.buffer)
            self.buffer.clear()
            return data
        data = bytes(await self.stream.receive_some(READ_BYTES))
        self.bytes_in += len(data)
        return data

    async def write(self, data: bytes, within_s: float) -> None:
        """Write all of it, or raise trio.TooSlowError or trio.BrokenResourceError."""
        if self._torn:
            raise trio.BrokenResourceError("a write was given up halfway: what follows would be read as its rest")
        self._torn = True
        sent = self._send_at_once(data)
        if sent < len(data):
            with Within(within_s):
                await self.stream.send_all(memoryview(data)[sent:] if sent else data)
        self._torn = False
        self.bytes_out += len(data)

    def _send_at_once(self, data: bytes) -> int:
        """How much a socket takes without waiting, which is nearly always all."""
        if type(self.stream) is not trio.SocketStream or (descriptor := self.stream.socket.fileno()) < 0:
            return 0
        try:
            return os.write(descriptor, data)
        except BlockingIOError:
            return 0
        except OSError as error:
            raise trio.BrokenResourceError(str(error)) from error

    async def wait_until_ended(self) -> None:
        """Return when the peer has closed its side, without reading on: by the state of the socket, where there is
        one, which nobody tells while there are bytes to be read."""
        stream = self.stream.transport_stream if isinstance(self.stream, trio.SSLStream) else self.stream
        if not isinstance(stream, trio.SocketStream):
            await trio.sleep_forever()
        poll = select.poll()
        poll.register(stream.socket.fileno(), _ENDED)
        while not poll.poll(0):  # noqa: ASYNC110  # readable it is all the time
            await trio.sleep(LOOK_EVERY_S)

    async def read_head(
        self, limit: int, within_s: float, inspect: Callable[[bytearray, int], None] = lambda _buffer, _seen: None
    ) -> bytes | None:
        """One head, CRLFCRLF included; None if the stream ends before it does. ``inspect(buffer, seen)`` may raise
        early over a head that is still growing, of which it has looked at the first ``seen`` bytes before."""
        seen, buffer = 0, self.buffer
        if (head := self.head_at_hand(limit)) is not None:
            return head
        with Within(within_s) if within_s < math.inf else nullcontext():
            while buffer.find(_END, max(0, seen - 3), limit) < 0:
                inspect(buffer, seen)
                if len(buffer) >= limit:
                    raise HeadTooLongError(f"no head within {limit} bytes")
                seen = len(buffer)
                if not await self.fill(within_s):
                    return None
        return self.head_at_hand(limit)

    def head_at_hand(self, limit: int) -> bytes | None:
        """One head, if all of it has come."""
        end = self.buffer.find(_END, 0, limit)
        if end < 0:
            return None
        head = bytes(self.buffer[: end + 4])
        del self.buffer[: end + 4]
        return head

    async def aclose(self) -> None:
        """Close at once; never waits for the peer."""
        await trio.aclose_forcefully(self.stream)

    async def cut(self) -> None:
        """Close so that the peer cannot take what it has for whole: with a reset, where there is a socket."""
        stream = self.stream.transport_stream if isinstance(self.stream, trio.SSLStream) else self.stream
        if isinstance(stream, trio.SocketStream):
            stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        await self.aclose()
