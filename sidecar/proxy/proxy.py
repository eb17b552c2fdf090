"""Connections in, exchanges one after the other, and an orderly end.

A bug in one exchange ends its own connection and is logged; the others never notice. ``drain`` lets everything
that has begun end, tells clients to go elsewhere as they are answered, and closes what is idle.
"""

import contextlib
import math
import time
from collections.abc import Callable, Sequence
from functools import partial

import trio

from sidecar.contract.reasons import Reason
from sidecar.http1.errors import DisconnectedError
from sidecar.http1.limits import Limits, Timeouts
from sidecar.http1.server import ServerConnection
from sidecar.observe.decisions import Decisions
from sidecar.observe.observer import Observer

from .exchange import Exchange
from .express.engine import Engine, Resume
from .gate import Gate
from .ids import Ids
from .origin import Forwarding
from .pool import Pool
from .refusals import Refusal, answer
from .shared import Load, Shared
from .upstream import Upstream

REQUEST_GRACE_S = 1.0
"""While draining, how long a connection may take to send a request: it may be on its way already."""
TURNED_AWAY = 16
"""Connections beyond the limit that are told why. Each takes a descriptor for up to ``linger_s``, which a flood would
take from those who are being served."""
GOODBYE_S = 1.0
"""How long TLS's closing message may take."""


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
        refresh: Callable[[str], None] = lambda _issuer: None,
        decisions: Decisions | None = None,
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
            decisions=decisions,
            refresh=refresh,
        )
        self.engine = Engine(self._shared, self._converse, self._left)
        """Carries the ordinary exchanges of plain sockets, while it runs."""
        self.failed_handshakes = 0
        self._idle: set[trio.CancelScope] = set()
        self._empty = trio.Event()

    async def serve(
        self,
        listeners: Sequence[trio.abc.Listener[trio.SocketStream]],
        *,
        task_status: trio.TaskStatus[object] = trio.TASK_STATUS_IGNORED,
    ) -> None:
        """Serve every connection that ``listeners`` accept until cancelled; closes them in the end."""
        try:
            async with trio.open_nursery() as nursery:
                await nursery.start(self.engine.run)
                for listener in listeners:
                    nursery.start_soon(self._accept, listener, nursery)
                task_status.started(list(listeners))
        finally:
            await self.pool.aclose()

    async def _accept(self, listener: trio.abc.Listener[trio.SocketStream], tasks: trio.Nursery) -> None:
        async with listener:
            while True:
                stream = await listener.accept()
                tasks.start_soon(self.handle, stream, peer_address(stream))

    async def handle(self, stream: trio.abc.Stream, peer_address: str) -> None:
        """Serve one connection to its end, and close it; or leave it to the engine, which does."""
        downstream = ServerConnection(stream, self._shared.timeouts, self._shared.limits)
        self.load.connections += 1
        await self._converse(downstream, peer_address, partial(self._admit, downstream))

    async def _admit(self, downstream: ServerConnection) -> bool:
        """May it begin?"""
        if self.load.connections > self._shared.limits.connections:
            await self._turn_away(downstream)
            return False
        return await self._shake_hands(downstream.wire.stream)

    async def _converse(self, downstream: ServerConnection, peer: str, first: Resume | None) -> None:
        """One exchange after the other, until the end or until the engine can go on. ``first``: what comes before,
        which says if anything comes after it."""
        adopted = False
        try:
            going_on = first is None or await first()
            while going_on:
                if adopted := self.engine.adopt(downstream, peer):
                    return
                going_on = await self._wait(downstream) and await Exchange(self._shared, downstream, peer).run()
            await _say_goodbye(downstream.wire.stream)
        except DisconnectedError:
            pass
        except Exception as error:  # a bug, perhaps several in a group: it may end this connection and no other
            self._shared.observer.bug(error)
        finally:
            if not adopted:
                self._left()
                await downstream.aclose()

    def _left(self) -> None:
        self.load.connections -= 1
        if not self.load.connections:
            self._empty.set()

    async def _shake_hands(self, stream: trio.abc.Stream) -> bool:
        """TLS, where it is spoken; True unless that failed."""
        if not isinstance(stream, trio.SSLStream):
            return True
        with trio.move_on_after(self._shared.timeouts.tls_handshake_s):
            try:
                await stream.do_handshake()
            except trio.BrokenResourceError:
                pass
            else:
                return True
        self.failed_handshakes += 1
        return False

    async def _wait(self, downstream: ServerConnection) -> bool:
        """Wait for a request; False when there will be none."""
        if downstream.wire.buffer:
            return True
        with trio.move_on_after(self._shared.timeouts.keep_alive_idle_s) as idle:
            self._idle.add(idle)
            if self.load.draining_since is not None:
                self._shorten(idle)
            try:
                return await downstream.wait_for_request(math.inf)
            finally:
                self._idle.discard(idle)
        return False

    async def _turn_away(self, downstream: ServerConnection) -> None:
        over = self.load.connections - self._shared.limits.connections
        if over > TURNED_AWAY or isinstance(downstream.wire.stream, trio.SSLStream):
            return  # a handshake costs more than what it would be refused for
        refused = answer(Refusal(Reason.OVERLOADED), self._shared.ids.decision_id(), self._shared.gate.version)
        body = refused.body
        await downstream.send_head(refused.status, refused.phrase, refused.headers, len(body), close=True, first=body)
        await downstream.linger()

    def drain(self) -> None:
        """Begin to end: each response is its connection's last, and what stays idle closes. May be called again."""
        if self.load.draining_since is None:
            self.load.draining_since = trio.current_time()
            self.engine.drain()
            for idle in self._idle:
                self._shorten(idle)

    async def drained(self) -> bool:
        """After ``drain``: wait until no connection is left, or ``drain_s`` have passed since; True if none is left."""
        since = self.load.draining_since
        if since is None:
            raise AssertionError("drained() before drain()")
        with trio.move_on_at(since + self._shared.timeouts.drain_s):
            while self.load.connections:
                self._empty = trio.Event()
                await self._empty.wait()
        return not self.load.connections

    def _shorten(self, idle: trio.CancelScope) -> None:
        idle.deadline = min(idle.deadline, trio.current_time() + REQUEST_GRACE_S)


async def _say_goodbye(stream: trio.abc.Stream) -> None:
    """In TLS the end is said (RFC 8446 section 6.1), or a client may take what it got for cut short."""
    if isinstance(stream, trio.SSLStream):
        with trio.move_on_after(GOODBYE_S), contextlib.suppress(trio.BrokenResourceError):
            await stream.aclose()


def peer_address(stream: trio.SocketStream) -> str:
    """The address at the other end: an IP address, or ``unix``."""
    try:
        name = stream.socket.getpeername()
    except OSError:
        return "unknown"
    return str(name[0]) if isinstance(name, tuple) else "unix"
