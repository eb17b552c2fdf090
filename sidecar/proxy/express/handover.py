"""Back to the coroutines: a connection leaves the engine at the point that its exchange has reached, and goes on as a
task that knows all that was done.
"""

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from sidecar.http1.fields import parse_field
from sidecar.http1.request import RequestHead, parse_request
from sidecar.http1.response import ResponseHead
from sidecar.http1.server import ServerConnection
from sidecar.observe.record import Record

from ..exchange import Exchange
from ..forwarding import ForwardedHead, connection_options
from ..judge import Judge, Verdict
from ..permit import Permit
from ..relay import Relay
from ..shared import Shared
from .answered import Answered
from .service import Service

if TYPE_CHECKING:
    from .caller import Caller


@dataclass(slots=True)
class Under:
    """An exchange under way. ``data``: of the request, what came at first, whose head ends at ``end``. ``sent``: what
    the service gets of that. ``taken``: of the whole request, of whose body ``to_come`` bytes are not there yet; the
    last of them was sent at ``sent_at``. ``judge``, ``head`` and ``permit``: where the judge was asked; otherwise they
    are made from the rest when they are needed. ``unsent``: of what the service gets. ``received``: of a response that
    the engine does not read. ``left``: of the response's body, of which something was last sent at ``moved_at``."""

    data: bytes
    end: int
    record: Record
    began: float
    sent: bytes
    taken: int
    to_come: int
    judge: Judge | None = None
    head: RequestHead | None = None
    permit: Permit | None = None
    service: Service | None = None
    unsent: bytes = b""
    received: bytes = b""
    answered: Answered | None = None
    left: int = 0
    moved_at: float = 0.0
    sent_at: float = 0.0

    def restored(self, shared: Shared, peer: str) -> tuple[Judge, RequestHead, Permit]:
        """What the judge's ruling was on, and what it came to."""
        if self.judge is not None and self.head is not None and self.permit is not None:
            return self.judge, self.head, self.permit
        head, judge = parse_request(self.data[: self.end], shared.limits), Judge(shared, self.record, peer)
        return judge, head, judge.let_through_before(head, connection_options(head), self._forwarded())

    def _forwarded(self) -> ForwardedHead:
        first, *lines = self.sent[: self.sent.find(b"\r\n\r\n")].split(b"\r\n")
        method, target, _ = first.split(b" ")
        fields = [field for field in map(parse_field, lines) if field[0] != b"content-length"]
        return ForwardedHead(method, target, fields, self.record.request_id.encode("ascii"))


@dataclass(frozen=True, slots=True)
class Judged:
    """A request that was judged, and of which nothing else was done."""

    data: bytes
    end: int
    began: float
    judge: Judge
    head: RequestHead
    verdict: Verdict


def unread(caller: "Caller", data: bytes) -> None:
    """A request of which nothing was done. ``data``: what has come of it."""
    engine = caller.leave()
    downstream = _downstream(caller, engine.shared)
    downstream.wire.buffer += data
    downstream.wire.bytes_in = len(data)
    engine.start(downstream, caller.peer, None)


def judged(caller: "Caller", outcome: Judged) -> None:
    """A request that is to be refused, answered, or let through in a way that is not the engine's."""
    engine, data = caller.leave(), outcome.data
    downstream = _downstream(caller, engine.shared)
    downstream.read_elsewhere(outcome.head, len(data), None, data[outcome.end :])
    exchange = Exchange(engine.shared, downstream, caller.peer, outcome.judge)
    engine.start(downstream, caller.peer, partial(exchange.judged, outcome.head, outcome.verdict, outcome.began))


def unsent(caller: "Caller", under: Under) -> None:
    """A request that was let through, and for which there is no connection."""
    judge, head, permit = under.restored(caller.shared, caller.peer)
    judged(caller, Judged(under.data, under.end, under.began, judge, head, permit))


def waiting(caller: "Caller", under: Under, service: Service) -> None:
    """A request that was sent on, all of it or but for ``under.unsent``."""
    engine = caller.leave()
    judge, head, permit = under.restored(engine.shared, caller.peer)
    downstream, connection = _downstream(caller, engine.shared), service.connection
    service.caller = None
    downstream.read_elsewhere(head, under.taken, 0)
    connection.sent_elsewhere(head.method, whole=True)
    connection.wire.buffer += under.received
    connection.wire.bytes_in += len(under.received)
    exchange = Exchange(engine.shared, downstream, caller.peer, judge)

    async def stage(relay: Relay) -> None:
        await relay.wait_on(connection, under.began, under.sent_at or under.began, under.unsent)

    engine.start(downstream, caller.peer, partial(exchange.under_way, permit, stage, under.began))


def uploading(caller: "Caller", under: Under, service: Service) -> None:
    """A request that was sent on, but for ``under.unsent`` and the rest of its body."""
    engine = caller.leave()
    judge, head, permit = under.restored(engine.shared, caller.peer)
    downstream, connection = _downstream(caller, engine.shared), service.connection
    service.caller = None
    waited_s = 0.0 if under.unsent else engine.clock() - under.began  # for the caller, and not for the service
    downstream.read_elsewhere(head, under.taken, under.to_come, waited_s=waited_s)
    connection.sent_elsewhere(head.method, whole=False)
    exchange = Exchange(engine.shared, downstream, caller.peer, judge)

    async def stage(relay: Relay) -> None:
        await relay.upload_on(connection, under.began, under.unsent)

    engine.start(downstream, caller.peer, partial(exchange.under_way, permit, stage, under.began))


def passing(caller: "Caller", under: Under, service: Service, rest: bytes) -> None:
    """A response that has been sent in part. ``rest``: of what was read of it."""
    answered, engine = under.answered, caller.leave()
    if answered is None:
        raise AssertionError("a response is passed on before its head")
    judge, head, permit = under.restored(engine.shared, caller.peer)
    downstream, connection = _downstream(caller, engine.shared), service.connection
    service.caller = None
    downstream.read_elsewhere(head, under.taken, 0)
    downstream.head_sent_elsewhere(under.left)
    downstream.wire.bytes_out = under.record.bytes_out
    fields = [(line.name, line.value) for line in answered.lines]
    response = ResponseHead(answered.status, b"", b"1.1", fields, answered.length, not service.ended)
    connection.sent_elsewhere(head.method, whole=True)
    connection.received_elsewhere(response, under.left)
    exchange = Exchange(engine.shared, downstream, caller.peer, judge)

    async def stage(relay: Relay) -> None:
        await relay.pass_on(connection, rest, under.moved_at)

    engine.start(downstream, caller.peer, partial(exchange.under_way, permit, stage, under.began))


def _downstream(caller: "Caller", shared: Shared) -> ServerConnection:
    return ServerConnection(caller.stream, shared.timeouts, shared.limits)
