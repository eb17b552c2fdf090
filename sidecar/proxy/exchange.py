"""One exchange: a request read, judged, forwarded, answered, recorded. It reads top to bottom.

    run -> _serve: read the head -> judge: limits, snapshot, decision -> _forward (relay) | _answer | _refuse

What goes wrong before the response has begun becomes a refusal; after that the downstream connection is cut, so
that no caller takes half a response for a whole one. The evaluator is pinned once: a policy that changes in the
middle of an exchange rules from the next one on, but for what stays open for long (see ``standing``).
"""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial

import trio

from sidecar.contract.reasons import Reason, status_of
from sidecar.http1.errors import DisconnectedError, RequestError, UpstreamError
from sidecar.http1.request import RequestHead
from sidecar.http1.server import ServerConnection
from sidecar.observe.record import Record

from .answers import BODILESS, Answer
from .forwarding import connection_options, refuse_override
from .judge import Judge, Verdict
from .permit import Permit
from .refusals import Refusal, answer
from .relay import Relay
from .returning import with_cors
from .shared import Shared
from .watched import EndedError

CLIENT_GONE = 499
"""The status in the log for a client that did not wait for one."""


class Exchange:
    """One request of ``downstream`` and its response."""

    def __init__(self, shared: Shared, downstream: ServerConnection, peer: str, judge: Judge | None = None) -> None:
        self._shared = shared
        self._down = downstream
        self._judge = judge or Judge(shared, Record(shared.clock(), shared.ids.decision_id(), peer, peer), peer)
        self._record = self._judge.record
        self._tunnels = 0

    async def run(self) -> bool:
        """Serve it; True if the connection can carry another one."""
        wire, began = self._down.wire, trio.current_time() - self._down.head_waited_s
        return await self._recorded(self._serve, began, wire.bytes_in - len(wire.buffer), wire.bytes_out)

    async def judged(self, head: RequestHead, verdict: Verdict, began: float) -> bool:
        """As ``run``, for one that the engine has read and judged; ``began`` is trio time."""
        return await self._recorded(partial(self._carry_out, head, verdict), began, 0, 0)

    async def under_way(self, permit: Permit, stage: Callable[[Relay], Awaitable[None]], began: float) -> bool:
        """As ``run``, for one that the engine has let through, counted as in flight, and sent: ``stage`` is what is
        left to be done."""
        return await self._recorded(partial(self._finish_forwarding, permit, stage), began, 0, 0)

    async def _finish_forwarding(self, permit: Permit, stage: Callable[[Relay], Awaitable[None]]) -> bool:
        try:
            return await self._forward(permit, stage)
        finally:
            self._shared.load.in_flight -= 1

    async def _recorded(self, work: Callable[[], Awaitable[bool]], began: float, bytes_in: int, bytes_out: int) -> bool:
        record, wire, load = self._record, self._down.wire, self._shared.load
        ended = False
        try:
            going_on = await work()
            ended = True
        except DisconnectedError as error:
            self._note(record.status or CLIENT_GONE, record.reason or "client_gone", str(error))
            record.complete, ended = False, True
            return False
        else:
            return going_on
        finally:
            if not ended:  # cancelled, because the time to drain is over; or a bug
                record.complete = False
                record.reason = Reason.DRAINING if load.draining_since is not None else record.reason
            load.tunnels -= self._tunnels
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
            refuse_override(head)
        except RequestError as error:
            return await self._refuse(None, Refusal(error.reason, error.detail))
        return await self._carry_out(head, self._judge.verdict(head, options))

    async def _carry_out(self, head: RequestHead, verdict: Verdict) -> bool:
        if isinstance(verdict, Permit) and head.upgrade and not self._take_tunnel():
            verdict = Refusal(Reason.OVERLOADED, "too many tunnels")
        if isinstance(verdict, Refusal):
            return await self._refuse(head, verdict)
        if isinstance(verdict, Answer):
            self._note(verdict.status, Reason.ALLOWED, "answered here")
            return await self._answer(head, verdict)
        self._down.body_limit = verdict.body_bytes
        # Counted from here on: who is still asking, or was refused, takes no place from those who may pass.
        self._shared.load.in_flight += 1
        try:
            return await self._forward(verdict, Relay.run)
        finally:
            self._shared.load.in_flight -= 1

    def _take_tunnel(self) -> bool:
        load = self._shared.load
        if load.tunnels >= self._shared.limits.tunnels:
            return False
        self._tunnels = 1
        load.tunnels += 1
        return True

    async def _refuse(self, head: RequestHead | None, refusal: Refusal) -> bool:
        """Send a refusal. ``head`` None: the request was not understood, so that nothing after it can be."""
        record = self._record
        self._note(status_of(refusal.reason), refusal.reason, refusal.detail)
        said = answer(refusal, record.decision_id, record.version)
        return await self._answer(head, replace(said, headers=with_cors(said.headers, self._judge.cors)))

    async def _answer(self, head: RequestHead | None, said: Answer) -> bool:
        """Send what is said here, and read past the request's body, if that is not too much."""
        down, limits = self._down, self._shared.limits
        large = head is not None and isinstance(head.framing, int) and head.framing > limits.discard_bytes
        last = head is None or large or down.expects_continue or not self._may_go_on(head)
        framing = None if down.asked_head or said.status in BODILESS else len(said.body)
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

    async def _forward(self, permit: Permit, stage: Callable[[Relay], Awaitable[None]]) -> bool:
        """Pass the request on and the response back, as far as that is still to be done."""
        down, relay = self._down, Relay(self._shared, self._down, permit, self._record)
        try:
            await stage(relay)
        except (UpstreamError, RequestError) as error:
            if not down.responding:
                understood = None if isinstance(error, RequestError) else permit.head
                return await self._refuse(understood, Refusal(error.reason, error.detail))
            return await self._cut(error.reason, error.detail)
        except EndedError as error:
            if not down.responding:
                return await self._refuse(permit.head, Refusal(Reason(error.reason), error.detail))
            return await self._cut(error.reason, error.detail)
        if down.request_finished and not relay.last:
            return True
        if not down.request_finished:
            await down.linger()
        return False

    async def _cut(self, reason: str, detail: str) -> bool:
        """Nothing can be said any more but that this is not the whole response."""
        self._note(self._record.status, reason, detail)
        self._record.complete = False
        await self._down.cut()
        return False
