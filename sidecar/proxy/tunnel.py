"""An upgraded connection: bytes both ways, unread. Nothing is held but one piece each way, so a slow reader slows its
writer down.

A side that ends is passed on as an end, where the other stream can say so, and the other direction may finish; what
ends without order is a fault of the side that did.
"""

import trio

from sidecar.contract.reasons import Reason
from sidecar.http1.errors import DisconnectedError, UpstreamError
from sidecar.http1.limits import Timeouts
from sidecar.http1.wire import Wire

from .watched import EndedError, Fault

IDLE = "tunnel_idle"


class Tunnel:
    """Between two wires that have left HTTP; what they have read ahead goes first."""

    def __init__(self, downstream: Wire, upstream: Wire, timeouts: Timeouts) -> None:
        self._down, self._up = downstream, upstream
        self._timeouts = timeouts
        self._idle_s = timeouts.tunnel_idle_s
        self._scope = trio.CancelScope()
        self._fault: Fault | None = None
        self._over = False

    async def run(self) -> None:
        """Until both sides have ended. EndedError when nothing moves any more; otherwise the fault of a side."""
        self._stir()
        with self._scope:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._carry, self._down, self._up)
                nursery.start_soon(self._carry, self._up, self._down)
            self._over = True
        if self._fault is not None:
            raise self._fault
        if not self._over:
            raise EndedError(IDLE, f"no byte either way for {self._idle_s:g} s")

    def _stir(self) -> None:
        self._scope.deadline = trio.current_time() + self._idle_s

    async def _carry(self, source: Wire, sink: Wire) -> None:
        while data := await self._take(source):
            self._stir()
            await self._give(sink, data)
            self._stir()
        # The rest is one direction alone: a response's wait is enough for it.
        self._idle_s = min(self._idle_s, self._timeouts.response_idle_s)
        self._stir()
        await self._end(sink)

    async def _take(self, source: Wire) -> bytes:
        try:
            return await source.take()
        except trio.BrokenResourceError:
            return await self._fail(source, Reason.UPSTREAM_BROKE, "broke the tunnel")

    async def _give(self, sink: Wire, data: bytes) -> None:
        try:
            await sink.write(data, self._timeouts.write_idle_s)
        except trio.BrokenResourceError:
            await self._fail(sink, Reason.UPSTREAM_BROKE, "broke the tunnel")
        except trio.TooSlowError:
            await self._fail(sink, Reason.UPSTREAM_TIMEOUT, "takes nothing")

    async def _end(self, sink: Wire) -> None:
        if not isinstance(sink.stream, trio.abc.HalfCloseableStream):
            self._over = True
            self._scope.cancel()
            return
        try:
            await sink.stream.send_eof()
        except trio.BrokenResourceError:  # it has ended as well
            self._over = True
            self._scope.cancel()

    async def _fail(self, side: Wire, reason: Reason, detail: str) -> bytes:
        """Ends both directions, and this task with them."""
        down = side is self._down
        self._fault = DisconnectedError(f"the client {detail}") if down else UpstreamError(reason, f"it {detail}")
        self._scope.cancel()
        await trio.sleep_forever()
