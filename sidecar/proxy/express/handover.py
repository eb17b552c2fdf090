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

from ..exchange import Exchange
from ..forwarding import ForwardedHead, connection_options
from ..judge import Judge, Verdict
from ..permit import Permit
from ..relay import Relay
from ..shared import Shared
from .service import Service

if TYPE_CHECKING:
    from .caller import Caller
    from .under import Under


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
    downstream.begun_elsewhere(data, caller.waited_s)
    engine.start(downstream, caller.peer, None)


def judged(caller: "Caller", outcome: Judged) -> None:
    """A request that is to be refused, answered, or let through in a way that is not the engine's."""
    engine, data = caller.leave(), outcome.data
    downstream = _downstream(caller, engine.shared)
    downstream.read_elsewhere(outcome.head, len(data), None, data[outcome.end :])
    exchange = Exchange(engine.shared, downstream, caller.peer, outcome.judge)
    began = outcome.began - caller.waited_s
    engine.start(downstream, caller.peer, partial(exchange.judged, outcome.head, outcome.verdict, began))


def unsent(under: "Under") -> None:
    """A request that was let through, and for which there is no connection."""
    judge, head, permit = _restored(under)
    judged(under.caller, Judged(under.data, under.end, under.began, judge, head, permit))


def waiting(under: "Under", service: Service) -> None:
    """A request that was sent on, all of it or but for ``under.unsent``."""
    caller = under.caller
    engine = caller.leave()
    judge, head, permit = _restored(under)
    downstream, connection = _downstream(caller, engine.shared), service.connection
    service.under = None
    downstream.read_elsewhere(head, under.taken, 0)
    connection.sent_elsewhere(head.method, whole=True)
    connection.wire.buffer += under.received
    connection.wire.bytes_in += len(under.received)
    exchange = Exchange(engine.shared, downstream, caller.peer, judge)

    async def stage(relay: Relay) -> None:
        await relay.wait_on(connection, under.began, under.sent_at or under.began, under.unsent)

    engine.start(downstream, caller.peer, partial(exchange.under_way, permit, stage, _first_byte_at(under)))


def uploading(under: "Under", service: Service) -> None:
    """A request that was sent on, but for ``under.unsent`` and the rest of its body."""
    caller = under.caller
    engine = caller.leave()
    judge, head, permit = _restored(under)
    downstream, connection = _downstream(caller, engine.shared), service.connection
    service.under = None
    waited_s = 0.0 if under.unsent else engine.clock() - under.began  # for the caller, and not for the service
    downstream.read_elsewhere(head, under.taken, under.to_come, waited_s=waited_s)
    connection.sent_elsewhere(head.method, whole=False)
    exchange = Exchange(engine.shared, downstream, caller.peer, judge)

    async def stage(relay: Relay) -> None:
        await relay.upload_on(connection, under.began, under.unsent)

    engine.start(downstream, caller.peer, partial(exchange.under_way, permit, stage, _first_byte_at(under)))


def passing(under: "Under", service: Service) -> None:
    """A response that has been sent in part."""
    caller, answered, rest = under.caller, under.answered, under.untaken
    engine = caller.leave()
    if answered is None:
        raise AssertionError("a response is passed on before its head")
    judge, head, permit = _restored(under)
    downstream, connection = _downstream(caller, engine.shared), service.connection
    service.under = None
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

    engine.start(downstream, caller.peer, partial(exchange.under_way, permit, stage, _first_byte_at(under)))


def _first_byte_at(under: "Under") -> float:
    """When the request began to come; at ``began`` its head was there."""
    return under.began - under.caller.waited_s


def _restored(under: "Under") -> tuple[Judge, RequestHead, Permit]:
    """What the judge's ruling was on, and what it came to."""
    if under.judge is not None and under.head is not None and under.permit is not None:
        return under.judge, under.head, under.permit
    shared = under.caller.shared
    head = parse_request(under.data[: under.end], shared.limits)
    judge = Judge(shared, under.record, under.caller.peer)
    return judge, head, judge.let_through_before(head, connection_options(head), _forwarded(under))


def _forwarded(under: "Under") -> ForwardedHead:
    first, *lines = under.sent[: under.sent.find(b"\r\n\r\n")].split(b"\r\n")
    method, target, _ = first.split(b" ")
    fields = [field for field in map(parse_field, lines) if field[0] != b"content-length"]
    return ForwardedHead(method, target, fields, under.record.request_id.encode("ascii"))


def _downstream(caller: "Caller", shared: Shared) -> ServerConnection:
    return ServerConnection(caller.stream, shared.timeouts, shared.limits)
