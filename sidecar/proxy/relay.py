"""An allowed request on its way to the service, and the response on its way back.

    run -> _without_body | _with_body -> _download: the final head -> _respond | _switch
                  (_upload beside it)

Beside the response stands whatever may end it: the upload, a client that leaves, and, where the response is open for
long, the permission itself. Knows nothing of why the request was allowed.
"""

import math
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from functools import partial

import trio

from sidecar.contract.reasons import Reason
from sidecar.http1.client import ClientConnection
from sidecar.http1.errors import DisconnectedError, RequestError, UpstreamError
from sidecar.http1.fields import Headers, values
from sidecar.http1.framing import Unsized
from sidecar.http1.response import ResponseHead
from sidecar.http1.server import ServerConnection
from sidecar.http1.trailers import announced_trailers, passable, trailers_wanted
from sidecar.http1.upgrade import granted_upgrade
from sidecar.observe.record import Record

from .forwarding import response_headers
from .permit import Permit
from .shared import Shared
from .standing import check_permitted, until_withdrawn
from .tunnel import Tunnel
from .watched import EndedError, Fault, watched

IDEMPOTENT = frozenset({b"GET", b"HEAD", b"OPTIONS", b"PUT", b"DELETE"})
WATCH_AFTER_S = 1.0
"""How long a service may take before we begin to look whether its client still waits."""


class Relay:
    """One permitted request of ``downstream``. ``last``: its response is the connection's last."""

    def __init__(self, shared: Shared, downstream: ServerConnection, permit: Permit, record: Record) -> None:
        self.last = not permit.head.keep_alive or shared.load.draining_since is not None
        self._shared = shared
        self._down = downstream
        self._permit = permit
        self._head = permit.head
        self._record = record
        self._timeouts = shared.timeouts
        if permit.idle_s is not None:
            self._timeouts = replace(self._timeouts, response_idle_s=permit.idle_s, tunnel_idle_s=permit.idle_s)
        self._patience = trio.CancelScope()
        self._simple = self._head.framing == 0 and permit.timeout_s is None and not self._head.upgrade
        """Waits for the response's head and for nothing beside it: then ``_due`` bounds that wait, and ``_patience``,
        which bounds whatever is under way, is not needed."""
        self._due = math.inf
        self._watched_from = math.inf
        self._upstream: ClientConnection | None = None
        self._began = trio.current_time()
        self._wanted, self._uploaded = trio.Event(), trio.Event()
        if not downstream.expects_continue:
            self._wanted.set()

    async def run(self) -> None:
        """Until the response is passed on whole. UpstreamError, RequestError, DisconnectedError, EndedError if that
        cannot be; whether a response had begun by then, the downstream connection knows."""
        if self._permit.timeout_s is not None:
            self._patience.deadline = self._began + self._permit.timeout_s
        if self._permit.total_s is None:
            await self._patiently()
            return
        with trio.move_on_after(self._permit.total_s) as whole:
            await self._patiently()
        if whole.cancelled_caught:
            raise UpstreamError(Reason.UPSTREAM_TIMEOUT, "the exchange took longer than its route allows")

    async def wait_on(self, connection: ClientConnection, began: float, sent_at: float, unsent: bytes) -> None:
        """As ``run``, for a request that the express engine began to send on ``connection`` at ``began`` and had sent,
        but for ``unsent``, at ``sent_at`` (trio time)."""
        self._began, self._watched_from = began, sent_at + WATCH_AFTER_S
        with self._patience:
            await self._first_or_again(connection, sent_at, unsent)
        if self._patience.cancelled_caught:
            raise UpstreamError(Reason.UPSTREAM_TIMEOUT, "no response head in time")

    async def upload_on(self, connection: ClientConnection, began: float, unsent: bytes) -> None:
        """As ``run``, for a request of which the engine has sent the head and some of the body; ``unsent`` goes
        first."""
        self._began = began
        with self._patience:
            async with self._shared.pool.lent(connection):
                self._upstream = connection
                await watched(partial(self._download, connection), partial(self._upload, connection, unsent))
        if self._patience.cancelled_caught:
            raise UpstreamError(Reason.UPSTREAM_TIMEOUT, "no response head in time")

    async def _first_or_again(self, connection: ClientConnection, sent_at: float, unsent: bytes) -> None:
        try:
            async with self._shared.pool.lent(connection):
                self._upstream = connection
                if unsent:
                    await connection.send_raw(unsent)
                self._request_sent(sent_at)
                self._uploaded.set()
                await self._download(connection)
        except UpstreamError as error:
            if error.reason is Reason.UPSTREAM_TIMEOUT or self._head.framing != 0 or not self._may_retry():
                raise
        else:
            return
        self._watched_from = math.inf
        await self._attempt(self._shared.pool.connection(fresh=True))

    async def pass_on(self, connection: ClientConnection, unsent: bytes, moved_at: float) -> None:
        """As ``run``, for a response of which the engine has sent the head and some of the body, the last of it at
        ``moved_at`` (trio time); ``unsent`` goes first."""
        self.last = False  # whatever has begun since: its head says nothing of an end
        async with self._shared.pool.lent(connection):
            if unsent:
                await self._down.send_raw(unsent)
            idle_s, waited_s = self._timeouts.response_idle_s, trio.current_time() - moved_at
            if data := await connection.receive_body(idle_s if unsent else max(0.0, idle_s - waited_s)):
                await self._down.send_body(data)
                await self._pass_body(connection, idle_s)
            await self._down.finish()

    async def _patiently(self) -> None:
        if self._simple:
            await self._without_body()
            return
        with self._patience:
            if self._head.framing != 0:
                await self._with_body()
            else:
                await self._without_body()
        if self._patience.cancelled_caught:
            raise UpstreamError(Reason.UPSTREAM_TIMEOUT, "no response head in time")

    async def _without_body(self) -> None:
        pool = self._shared.pool
        try:
            await self._attempt(pool.apart() if self._head.upgrade else pool.connection())
        except UpstreamError as error:
            if error.reason is Reason.UPSTREAM_TIMEOUT or not self._may_retry():
                raise
        else:
            return
        await self._attempt(pool.connection(fresh=True))

    def _may_retry(self) -> bool:
        """RFC 9112 section 9.3.1: a kept connection may close just as it is used again. Only then, only what does no
        harm twice, and only if not a byte was answered."""
        connection = self._upstream
        reused = connection is not None and connection.exchanges > 1 and not connection.answered
        return reused and self._head.method in IDEMPOTENT

    async def _attempt(self, connecting: AbstractAsyncContextManager[ClientConnection]) -> None:
        self._began, sent = trio.current_time(), self._permit.sent
        async with connecting as connection:
            self._upstream = connection
            await connection.send_head(sent.method, sent.target, self._sent_headers(), 0, upgrade=self._head.upgrade)
            self._request_sent()
            self._uploaded.set()
            await self._download(connection)

    async def _with_body(self) -> None:
        self._began, sent = trio.current_time(), self._permit.sent
        async with self._shared.pool.connection() as connection:
            await connection.send_head(sent.method, sent.target, self._sent_headers(), self._head.framing)
            await watched(partial(self._download, connection), partial(self._upload, connection))

    def _sent_headers(self) -> Headers:
        """What is between hops and yet goes on, since its answer is passed back: an expectation, a wish."""
        fields = list(self._permit.sent.headers)
        if self._down.expects_continue:
            fields.append((b"expect", b"100-continue"))
        if self._wants_trailers:
            fields += [(b"te", b"trailers"), (b"connection", b"TE")]
        return fields

    @property
    def _wants_trailers(self) -> bool:
        return not self._head.upgrade and trailers_wanted(self._head.headers, self._head.version)

    async def _upload(self, connection: ClientConnection, unsent: bytes = b"") -> Fault | None:
        await self._wanted.wait()
        try:
            if unsent:
                await connection.send_raw(unsent)
            while data := await self._down.receive_body():
                await connection.send_body(data)
            await connection.finish()
        except (RequestError, DisconnectedError) as error:
            return error
        except UpstreamError as error:
            # A service that reads no further may have answered already: what it says, or that it says nothing, is
            # found out by the download. One that stands still is given up.
            if error.reason is Reason.UPSTREAM_TIMEOUT:
                return error
        self._request_sent()
        self._uploaded.set()
        return None

    def _request_sent(self, at: float | None = None) -> None:
        """The response head is now due, unless a route's own timeout rules, or it has come."""
        if self._due == math.inf and self._patience.deadline == math.inf and not self._down.responding:
            self._due = (trio.current_time() if at is None else at) + self._shared.timeouts.response_head_s
            if not self._simple:
                self._patience.deadline = self._due

    async def _download(self, connection: ClientConnection) -> None:
        record = self._record
        response = await self._final_head(connection)
        if self._patience.cancel_called:
            raise UpstreamError(Reason.UPSTREAM_TIMEOUT, "the response head came too late")
        if not self._simple:
            self._patience.deadline = math.inf
        record.upstream_ms = (trio.current_time() - self._began) * 1000
        if response.switching or _is_event_stream(response):
            check_permitted(self._shared.gate, self._permit.facts, self._shared.clock())
        record.status, record.reason, record.detail = response.status, Reason.ALLOWED, ""
        if response.switching:
            await self._switch(connection, response)
        else:
            await self._respond(connection, response)

    async def _final_head(self, connection: ClientConnection) -> ResponseHead:
        while (response := await self._next_head(connection)).interim:
            # RFC 9110 section 15.2: passed on, but for a 100 that the client did not ask for, or has been sent.
            if response.status == 100:
                await self._want_body()
            else:
                headers = response_headers(response.headers, keep_length=False)
                await self._down.send_interim(response.status, response.phrase, headers)
        return response

    async def _next_head(self, connection: ClientConnection) -> ResponseHead:
        """The next head; when it is slow in coming, with an eye on whether the client is still there, and, if it holds
        its body back, with an end to that."""
        if not self._wanted.is_set():
            with trio.move_on_after(self._shared.timeouts.continue_s):
                return await connection.read_head()
            await self._want_body()
        due = self._due if self._simple else math.inf
        with trio.CancelScope(deadline=min(due, self._watched_from, trio.current_time() + WATCH_AFTER_S)):
            return await connection.read_head()
        with trio.CancelScope(deadline=due):
            return await watched(connection.read_head, self._until_gone)
        raise UpstreamError(Reason.UPSTREAM_TIMEOUT, "no response head in time")

    async def _want_body(self) -> None:
        await self._down.ask_for_body()
        self._wanted.set()

    async def _until_gone(self) -> Fault:
        await self._uploaded.wait()  # until then the upload notices
        await self._down.wait_until_gone()
        return DisconnectedError("the client left before the end of the response")

    async def _until_withdrawn(self) -> EndedError:
        return await until_withdrawn(self._shared.gate, self._permit.facts, self._shared.clock)

    async def _respond(self, connection: ClientConnection, response: ResponseHead) -> None:
        down, bodiless = self._down, self._head.method == b"HEAD" or response.status in (204, 304)
        # Asked again: a drain may have begun meanwhile.
        draining = self._shared.load.draining_since is not None
        self.last = self.last or draining or not down.request_finished
        returning = self._permit.returning
        headers = returning.from_service(response.headers, keep_length=bodiless and response.status != 204)
        announced: tuple[bytes, ...] = ()
        if self._wants_trailers and response.framing is Unsized.CHUNKED:
            announced = tuple(name for name in announced_trailers(response.headers) if returning.keeps(name))
        if announced:
            headers.append((b"trailer", b", ".join(announced)))
        framing, first = None if bodiless else response.framing, connection.body_at_hand()
        await down.send_head(response.status, response.phrase, headers, framing, close=self.last, first=first)
        if not bodiless and _is_event_stream(response):
            await self._pass_events(connection)
        else:
            await self._pass_body(connection, self._timeouts.response_idle_s)
        await down.finish(passable(connection.trailers, announced))

    async def _pass_body(self, connection: ClientConnection, idle_s: float) -> None:
        while data := await connection.receive_body(idle_s):
            await self._down.send_body(data)

    async def _pass_events(self, connection: ClientConnection) -> None:
        """A stream may be silent for long; so long as its client is there, and may listen."""
        load, self._record.lasting = self._shared.load, True
        count = 0 if self._head.upgrade else 1  # it has been counted as a tunnel
        load.event_streams += count
        try:
            work = partial(self._pass_body, connection, self._timeouts.tunnel_idle_s)
            await watched(work, self._until_withdrawn, self._until_gone)
        finally:
            load.event_streams -= count

    async def _switch(self, connection: ClientConnection, response: ResponseHead) -> None:
        self.last = self._record.lasting = True
        protocol = granted_upgrade(response.headers, self._head.upgrade)
        headers = self._permit.returning.from_service(response.headers, keep_length=False)
        await self._down.switch(response.phrase, headers, protocol)
        tunnel = Tunnel(self._down.wire, connection.wire, self._timeouts)
        await watched(tunnel.run, self._until_withdrawn)


def _is_event_stream(response: ResponseHead) -> bool:
    types = [value.partition(b";")[0].strip(b" \t").lower() for value in values(response.headers, b"content-type")]
    return b"text/event-stream" in types
