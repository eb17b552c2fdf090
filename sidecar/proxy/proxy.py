"""Connections in, exchanges one after the other, and an orderly end.

A bug in one exchange ends its own connection and is logged; the others never notice. ``drain`` lets everything
that has begun end, tells clients to go elsewhere as they are answered, and closes what is idle.
"""

import time
from collections.abc import Callable, Sequence

import trio

from sidecar.contract.reasons import Reason
from sidecar.http1.errors import DisconnectedError
from sidecar.http1.limits import Limits, Timeouts
from sidecar.http1.server import ServerConnection
from sidecar.observe.observer import Observer

from .exchange import Exchange
from .gate import Gate
from .ids import Ids
from .origin import Forwarding
from .pool import Pool
from .refusals import Refusal, answer
from .shared import Load, Shared
from .upstream import Upstream

FIRST_REQUEST_GRACE_S = 1.0
"""While draining, how long a new connection may take to send the request that it was surely opened for."""


class Proxy:
    """The data plane of one process. ``handle`` serves one connection and never raises for what a peer does."""

    def __init__(
        self,
        gate: Gate,
        upstream: Upstream,
        timeouts: Timeouts | None = None,
        limits: Limits | None = None,
        observer: Observer | None = None,
        clock: Callable[[], float] = time.time,
        ids: Ids | None = None,
        forwarding: Forwarding | None = None,
    ) -> None:
        timeouts, limits = timeouts or Timeouts(), limits or Limits()
        self.pool = Pool(upstream, timeouts, limits)
        self.load = Load()
        self._shared = Shared(
            gate=gate,
            pool=self.pool,
            authority=upstream.authority,
            timeouts=timeouts,
            limits=limits,
            observer=observer or Observer(),
            clock=clock,
            ids=ids or Ids(),
            load=self.load,
            forwarding=forwarding or Forwarding(),
        )
        self._idle: dict[trio.CancelScope, bool] = {}
        self._empty = trio.Event()

    async def serve(
        self,
        listeners: Sequence[trio.abc.Listener[trio.SocketStream]],
        *,
        task_status: trio.TaskStatus[object] = trio.TASK_STATUS_IGNORED,
    ) -> None:
        """Serve every connection that ``listeners`` accept until cancelled; closes them in the end."""
        try:
            await trio.serve_listeners(self._accepted, list(listeners), task_status=task_status)
        finally:
            await self.pool.aclose()

    async def _accepted(self, stream: trio.SocketStream) -> None:
        await self.handle(stream, peer_address(stream))

    async def handle(self, stream: trio.abc.Stream, peer_address: str) -> None:
        """Serve one connection to its end, and close it."""
        shared = self._shared
        downstream = ServerConnection(stream, shared.timeouts, shared.limits)
        self.load.connections += 1
        try:
            if self.load.connections > shared.limits.connections:
                await self._turn_away(downstream)
                return
            first = True
            while await self._wait(downstream, first) and await Exchange(shared, downstream, peer_address).run():
                first = False
        except DisconnectedError:
            pass
        except Exception as error:  # a bug, perhaps several in a group: it may end this connection and no other
            shared.observer.bug(error)
        finally:
            self.load.connections -= 1
            self._see_whether_empty()
            await downstream.aclose()

    async def _wait(self, downstream: ServerConnection, first: bool) -> bool:
        """Wait for a request; False when there will be none."""
        if downstream.wire.buffer:
            return True
        with trio.CancelScope() as idle:
            self._idle[idle] = first
            if self.load.draining_since is not None:
                self._shorten(idle, first)
            try:
                return await downstream.wait_for_request()
            finally:
                del self._idle[idle]
        return False

    async def _turn_away(self, downstream: ServerConnection) -> None:
        refused = answer(Refusal(Reason.OVERLOADED), self._shared.ids.decision_id(), self._shared.gate.version)
        body = refused.body
        await downstream.send_head(refused.status, refused.phrase, refused.headers, len(body), close=True, first=body)
        await downstream.linger()

    def drain(self) -> None:
        """Begin to end: idle connections close, each response is its connection's last. May be called again."""
        if self.load.draining_since is None:
            self.load.draining_since = trio.current_time()
            for idle, first in self._idle.items():
                self._shorten(idle, first)
            self._see_whether_empty()

    async def drained(self) -> bool:
        """After ``drain``: wait until no connection is left, or ``drain_s`` have passed since; True if none is left."""
        since = self.load.draining_since
        if since is None:
            raise AssertionError("drained() before drain()")
        with trio.move_on_at(since + self._shared.timeouts.drain_s):
            await self._empty.wait()
        return not self.load.connections

    def _shorten(self, idle: trio.CancelScope, first: bool) -> None:
        idle.deadline = trio.current_time() + (FIRST_REQUEST_GRACE_S if first else 0)

    def _see_whether_empty(self) -> None:
        if self.load.draining_since is not None and not self.load.connections:
            self._empty.set()


def peer_address(stream: trio.SocketStream) -> str:
    """The address at the other end: an IP address, or ``unix``."""
    try:
        name = stream.socket.getpeername()
    except OSError:
        return "unknown"
    return str(name[0]) if isinstance(name, tuple) else "unix"
