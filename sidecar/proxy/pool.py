"""Connections to the service: the one used last is used next, so that the others can age and go."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import trio

from sidecar.contract.reasons import Reason
from sidecar.http1.client import ClientConnection
from sidecar.http1.errors import UpstreamError
from sidecar.http1.limits import Limits, Timeouts
from sidecar.http1.wire import Within

from .upstream import Upstream

CLOSE_S = 1.0
"""For closing idle connections at the end; closing waits for nobody, so this is never reached."""


class _Given(AbstractAsyncContextManager[ClientConnection]):
    """A connection that was taken before."""

    def __init__(self, pool: "Pool", connection: ClientConnection) -> None:
        self._pool, self._connection = pool, connection

    async def __aenter__(self) -> ClientConnection:
        return self._connection

    async def __aexit__(self, *raised: object) -> None:
        await self._pool.put(self._connection)


class _Lent(AbstractAsyncContextManager[ClientConnection]):
    """A connection for as long as an exchange lasts."""

    def __init__(self, pool: "Pool", fresh: bool) -> None:
        self._pool, self._fresh = pool, fresh

    async def __aenter__(self) -> ClientConnection:
        self._connection = await self._pool.take(self._fresh)
        return self._connection

    async def __aexit__(self, *raised: object) -> None:
        await self._pool.put(self._connection)


class Pool:
    """``open`` counts every connection, ``idle`` those that wait."""

    def __init__(self, upstream: Upstream, timeouts: Timeouts, limits: Limits) -> None:
        self.open = 0
        self._apart = 0
        self._upstream = upstream
        self._timeouts = timeouts
        self._limits = limits
        self._idle: list[ClientConnection] = []
        self.released: Callable[[ClientConnection], None] = lambda _connection: None
        """Told, before a connection that was idle is lent to a task or closed: whoever watches it is to look away."""

    @property
    def plain(self) -> bool:
        """Are these connections plain sockets?"""
        return self._upstream.plain

    @property
    def idle(self) -> int:
        """How many wait to be used again."""
        return len(self._idle)

    def connection(self, *, fresh: bool = False) -> AbstractAsyncContextManager[ClientConnection]:
        """A connection for one exchange, a new one if it must be ``fresh``. Afterwards it is kept if both sides
        finished cleanly, and closed otherwise. UpstreamError if there is none to be had."""
        return _Lent(self, fresh)

    def lent(self, connection: ClientConnection) -> AbstractAsyncContextManager[ClientConnection]:
        """As ``connection``, for one that ``take_now`` has given."""
        return _Given(self, connection)

    def take_now(self, now: float) -> ClientConnection | None:
        """An idle connection of a plain socket that the service has neither closed nor spoken on, if there is one.
        Waits for nothing; ``put_now`` or ``lent`` gets it back. ``now`` is trio time."""
        idle = self._idle
        while idle:
            connection = idle.pop()
            if type(connection.wire.stream) is not trio.SocketStream:
                idle.append(connection)
                return None
            if now - connection.opened_at < self._upstream.max_age_s and not connection.has_spoken():
                return connection
            self.close_now(connection)
        return None

    def put_now(self, connection: ClientConnection, now: float) -> None:
        """Keep a connection on which both sides finished cleanly, or close it."""
        idle, max_age_s = self._idle, self._upstream.max_age_s
        if len(idle) < self._limits.idle_upstream and now - connection.opened_at < max_age_s:
            idle.append(connection)
        else:
            self.close_now(connection)
        while idle and now - idle[0].opened_at >= max_age_s and type(idle[0].wire.stream) is trio.SocketStream:
            self.close_now(idle.pop(0))

    def forget(self, connection: ClientConnection) -> None:
        """Close one that is idle."""
        if connection in self._idle:
            self._idle.remove(connection)
            self.close_now(connection)

    def close_now(self, connection: ClientConnection) -> None:
        """Close one of a plain socket that is not idle."""
        self.open -= 1
        self.released(connection)
        stream = connection.wire.stream
        if isinstance(stream, trio.SocketStream):
            stream.socket.close()

    async def take(self, fresh: bool) -> ClientConnection:
        """One to be used now, which ``put`` gets back."""
        connection = None if fresh else await self._idle_one()
        return connection or await self._connect()

    @asynccontextmanager
    async def apart(self) -> AsyncIterator[ClientConnection]:
        """A new connection for one upgrade, which counts in ``open`` but not against its bound, and is not kept."""
        self._apart += 1
        try:
            connection = await self._reach()
            try:
                yield connection
            finally:
                await self._close(connection)
        finally:
            self._apart -= 1

    async def _idle_one(self) -> ClientConnection | None:
        while self._idle:
            connection = self._idle.pop()
            if not self._expired(connection) and not await connection.gone():
                self.released(connection)
                return connection
            await self._close(connection)
        return None

    async def _connect(self) -> ClientConnection:
        if self.open - self._apart >= self._limits.upstream_connections:
            if not self._idle:
                raise UpstreamError(Reason.OVERLOADED, "too many connections to the service")
            await self._close(self._idle.pop(0))
        return await self._reach()

    async def _reach(self) -> ClientConnection:
        self.open += 1
        try:
            with Within(self._timeouts.connect_s):
                stream = await self._upstream.connect()
        except BaseException as error:  # counted down whatever it was; what is no failure to connect goes on as it is
            self.open -= 1
            if isinstance(error, trio.TooSlowError):
                raise UpstreamError(Reason.UPSTREAM_TIMEOUT, "no connection in time") from error
            if isinstance(error, OSError | trio.BrokenResourceError):
                raise UpstreamError(Reason.UPSTREAM_REFUSED, str(error)) from error
            raise
        return ClientConnection(stream, self._timeouts, self._limits, trio.current_time())

    async def put(self, connection: ClientConnection) -> None:
        """Keep it if it can be used again, or close it."""
        if connection.reusable and len(self._idle) < self._limits.idle_upstream and not self._expired(connection):
            self._idle.append(connection)
        else:
            await self._close(connection)
        while self._idle and self._expired(self._idle[0]):
            await self._close(self._idle.pop(0))

    def _expired(self, connection: ClientConnection) -> bool:
        return trio.current_time() - connection.opened_at >= self._upstream.max_age_s

    async def _close(self, connection: ClientConnection) -> None:
        self.open -= 1
        self.released(connection)
        await connection.aclose()

    async def aclose(self) -> None:
        """Close what is idle, all of it, even when cancelled."""
        with trio.CancelScope(deadline=trio.current_time() + CLOSE_S, shield=True):
            while self._idle:
                await self._close(self._idle.pop())
