"""One exchange: a request read, judged, forwarded, answered, recorded. It reads top to bottom.

    run -> _serve: read the head -> _judge: limits, snapshot, decision, new head -> _forward -> _download
                                                                     (and _upload beside it, if there is a body)

What goes wrong before the response has begun becomes a refusal; after that the downstream connection is cut, so
that no caller takes half a response for a whole one. The evaluator is pinned once: a policy that changes in the
middle of an exchange rules from the next one on.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import trio

from sidecar.authz.evaluator import Decision, RequestFacts
from sidecar.contract.reasons import Reason, status_of
from sidecar.http1.client import ClientConnection
from sidecar.http1.errors import DisconnectedError, RequestError, UpstreamError
from sidecar.http1.limits import Limits, Timeouts
from sidecar.http1.request import RequestHead
from sidecar.http1.response import ResponseHead
from sidecar.http1.server import ServerConnection
from sidecar.observe.observer import Observer
from sidecar.observe.record import Record

from .forwarding import ForwardedHead, connection_options, forward_request, response_headers
from .gate import Gate
from .identity import UnsafeClaim
from .ids import Ids
from .origin import Forwarding
from .pool import Pool
from .refusals import Refusal, answer, refusal_of

IDEMPOTENT = frozenset({b"GET", b"HEAD", b"OPTIONS", b"PUT", b"DELETE"})
WATCH_AFTER_S = 1.0
"""How long a service may take before we begin to look whether its client still waits."""
CLIENT_GONE = 499
"""The status in the log for a client that did not wait for one."""


@dataclass(slots=True)
class Load:
    """What is going on in this process. ``draining_since`` is trio time."""

    connections: int = 0
    in_flight: int = 0
    draining_since: float | None = None


@dataclass(frozen=True, slots=True)
class Shared:
    """What all exchanges share. ``clock`` is unix time."""

    gate: Gate
    pool: Pool
    authority: bytes
    timeouts: Timeouts
    limits: Limits
    observer: Observer
    clock: Callable[[], float]
    ids: Ids
    load: Load = field(default_factory=Load)
    forwarding: Forwarding = field(default_factory=Forwarding)


class Exchange:
    """One request of ``downstream`` and its response."""

    def __init__(self, shared: Shared, downstream: ServerConnection, peer: str) -> None:
        self._shared = shared
        self._down = downstream
        self._peer = peer
        self._record = Record(shared.clock(), shared.ids.decision_id(), peer, peer)
        self._patience = trio.CancelScope()
        self._upstream: ClientConnection | None = None
        self._upload_fault: Exception | None = None
        self._last = False
        """Is this the connection's last response?"""

    async def run(self) -> bool:
        """Serve it; True if the connection can carry another one."""
        record, wire, load = self._record, self._down.wire, self._shared.load
        began, bytes_in, bytes_out = trio.current_time(), wire.bytes_in - len(wire.buffer), wire.bytes_out
        load.in_flight += 1
        try:
            return await self._serve()
        except DisconnectedError as error:
            self._note(record.status or CLIENT_GONE, record.reason or "client_gone", str(error))
            record.complete = False
            return False
        finally:
            load.in_flight -= 1
            record.bytes_in, record.bytes_out = wire.bytes_in - len(wire.buffer) - bytes_in, wire.bytes_out - bytes_out
            record.duration_ms = (trio.current_time() - began) * 1000
            if record.status:
                self._shared.observer.finished(record)

    async def _serve(self) -> bool:
        try:
            head = await self._down.read_request()
            if head is None:
                return False
            self._record.method, self._record.path = head.method.decode(), head.target.partition(b"?")[0].decode()
            options = connection_options(head)
        except RequestError as error:
            return await self._refuse(None, Refusal(error.reason, error.detail))
        verdict = self._judge(head, options)
        if isinstance(verdict, Refusal):
            return await self._refuse(head, verdict)
        return await self._forward(head, verdict)

    def _judge(self, head: RequestHead, options: frozenset[bytes]) -> ForwardedHead | Refusal:
        """Everything between the head received and the head sent; the one place where a request is let through."""
        shared, record = self._shared, self._record
        origin = shared.forwarding.origin(self._peer, head.host or shared.authority, head.headers)
        record.address = origin.client
        if self._overdue():
            return Refusal(Reason.DRAINING)
        if shared.load.in_flight > shared.limits.in_flight:
            return Refusal(Reason.OVERLOADED, "too many exchanges in flight")
        evaluator = shared.gate.evaluator
        if evaluator is None:
            return Refusal(Reason.NO_SNAPSHOT)
        if shared.gate.closed_for is not None:
            return Refusal(shared.gate.closed_for)
        facts = RequestFacts(head.method.decode("ascii"), head.target, head.headers)
        decision = evaluator.evaluate(facts, shared.clock())
        record.version = evaluator.snapshot.version
        self._record_decision(decision)
        if not decision.allowed:
            return refusal_of(decision)
        policy = evaluator.snapshot.forward
        try:
            sent = forward_request(head, options, decision, policy, origin, shared.authority, shared.ids)
        except UnsafeClaim as error:
            return Refusal(Reason.INVALID_TOKEN, str(error))
        record.request_id = sent.request_id.decode()
        timeout_ms = decision.route.timeout_ms if decision.route else None
        if timeout_ms is not None:
            self._patience.deadline = trio.current_time() + timeout_ms / 1000
        return sent

    def _record_decision(self, decision: Decision) -> None:
        record = self._record
        if decision.target is not None:
            record.path = decision.target.path
        if decision.route is not None:
            record.route = decision.route.path
        if decision.principal is not None:
            record.subject, record.issuer = decision.principal.subject, decision.principal.issuer_name
            record.client = decision.principal.client or ""

    def _overdue(self) -> bool:
        since = self._shared.load.draining_since
        return since is not None and trio.current_time() > since + self._shared.timeouts.drain_s

    async def _refuse(self, head: RequestHead | None, refusal: Refusal) -> bool:
        """Send a refusal. ``head`` None: the request was not understood, so that nothing after it can be."""
        record, down, limits = self._record, self._down, self._shared.limits
        self._note(status_of(refusal.reason), refusal.reason, refusal.detail)
        said = answer(refusal, record.decision_id, record.version)
        large = head is not None and isinstance(head.framing, int) and head.framing > limits.discard_bytes
        last = head is None or large or down.expects_continue or not self._may_go_on(head)
        framing = None if head is not None and head.method == b"HEAD" else len(said.body)
        first = b"" if framing is None else said.body
        await down.send_head(said.status, said.phrase, said.headers, framing, close=last, first=first)
        await down.finish()
        if not last and await down.discard_body(limits.discard_bytes):
            return True
        await down.linger()
        return False

    def _may_go_on(self, head: RequestHead) -> bool:
        return head.keep_alive and self._shared.load.draining_since is None

    def _note(self, status: int, reason: str, detail: str) -> None:
        self._record.status, self._record.reason, self._record.detail = status, str(reason), detail

    async def _forward(self, head: RequestHead, sent: ForwardedHead) -> bool:
        """Pass the request on and the response back."""
        down = self._down
        try:
            with self._patience:
                if head.framing == 0:
                    await self._without_body(head, sent)
                else:
                    await self._with_body(head, sent)
            if self._patience.cancelled_caught:
                raise UpstreamError(Reason.UPSTREAM_TIMEOUT, "no response head in time")
        except (UpstreamError, RequestError) as error:
            if not down.responding:
                fault_is_ours = isinstance(error, RequestError)
                return await self._refuse(None if fault_is_ours else head, Refusal(error.reason, error.detail))
            self._note(self._record.status, error.reason, error.detail)
            self._record.complete = False
            await down.cut()
            return False
        if down.request_finished and not self._last:
            return True
        if not down.request_finished:
            await down.linger()
        return False

    async def _without_body(self, head: RequestHead, sent: ForwardedHead) -> None:
        try:
            await self._attempt(head, sent, fresh=False)
        except UpstreamError:
            if not self._may_retry(head):
                raise
        else:
            return
        await self._attempt(head, sent, fresh=True)

    def _may_retry(self, head: RequestHead) -> bool:
        """RFC 9112 section 9.3.1: a kept connection may close just as it is used again. Only then, only what does no
        harm twice, and only if not a byte was answered."""
        connection = self._upstream
        reused = connection is not None and connection.exchanges > 1 and not connection.answered
        return reused and head.method in IDEMPOTENT

    async def _attempt(self, head: RequestHead, sent: ForwardedHead, *, fresh: bool) -> None:
        began = trio.current_time()
        async with self._shared.pool.connection(fresh=fresh) as connection:
            self._upstream = connection
            await connection.send_head(sent.method, sent.target, sent.headers, 0)
            self._request_sent()
            await self._download(connection, head, began)

    async def _with_body(self, head: RequestHead, sent: ForwardedHead) -> None:
        fault: Exception | None = None
        began = trio.current_time()
        async with self._shared.pool.connection() as connection:
            await connection.send_head(sent.method, sent.target, sent.headers, head.framing)
            await self._down.ask_for_body()
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._upload, connection, nursery.cancel_scope)
                try:
                    await self._download(connection, head, began)
                except (UpstreamError, DisconnectedError) as error:  # kept, so that the nursery wraps nothing
                    fault = error
                nursery.cancel_scope.cancel()
        fault = self._upload_fault or fault
        if fault is not None:
            raise fault

    async def _upload(self, connection: ClientConnection, exchange: trio.CancelScope) -> None:
        try:
            while data := await self._down.receive_body():
                await connection.send_body(data)
            await connection.finish()
        except (RequestError, DisconnectedError) as error:
            self._upload_fault = error
            exchange.cancel()
        except UpstreamError as error:
            # A service that reads no further may have answered already: what it says, or that it says nothing, is
            # found out by the download. One that stands still is given up.
            if error.reason is Reason.UPSTREAM_TIMEOUT:
                self._upload_fault = error
                exchange.cancel()
        self._request_sent()

    def _request_sent(self) -> None:
        """The response head is now due, unless a route's own timeout rules, or it has come."""
        if self._patience.deadline == math.inf and not self._down.responding:
            self._patience.deadline = trio.current_time() + self._shared.timeouts.response_head_s

    async def _download(self, connection: ClientConnection, head: RequestHead, began: float) -> None:
        down, record = self._down, self._record
        response = await self._final_head(connection, head)
        if self._patience.cancel_called:
            raise UpstreamError(Reason.UPSTREAM_TIMEOUT, "the response head came too late")
        self._patience.deadline = math.inf
        record.upstream_ms = (trio.current_time() - began) * 1000
        self._note(response.status, Reason.ALLOWED, "")
        bodiless = head.method == b"HEAD" or response.status in (204, 304)
        self._last = not self._may_go_on(head) or not down.request_finished
        await down.send_head(
            response.status,
            response.phrase,
            response_headers(response.headers, keep_length=bodiless and response.status != 204),
            None if bodiless else response.framing,
            close=self._last,
            first=connection.body_at_hand(),
        )
        while data := await connection.receive_body():
            await down.send_body(data)
        await down.finish()

    async def _final_head(self, connection: ClientConnection, head: RequestHead) -> ResponseHead:
        while (response := await self._next_head(connection, head)).interim:
            # RFC 9110 section 15.2: passed on, but for the 100 that is between the service and us.
            if response.status != 100:
                headers = response_headers(response.headers, keep_length=False)
                await self._down.send_interim(response.status, response.phrase, headers)
        return response

    async def _next_head(self, connection: ClientConnection, head: RequestHead) -> ResponseHead:
        """The next head; when it is slow in coming, with an eye on whether the client is still there."""
        if head.framing != 0:
            return await connection.read_head()
        with trio.move_on_after(WATCH_AFTER_S):
            return await connection.read_head()
        response: ResponseHead | None = None
        fault: Exception = DisconnectedError("the client left before the response")
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._watch, nursery.cancel_scope)
            try:
                response = await connection.read_head()
            except UpstreamError as error:  # kept, so that the nursery wraps nothing
                fault = error
            nursery.cancel_scope.cancel()
        if response is None:
            raise fault
        return response

    async def _watch(self, exchange: trio.CancelScope) -> None:
        await self._down.wait_until_gone()
        exchange.cancel()
