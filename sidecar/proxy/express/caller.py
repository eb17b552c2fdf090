"""A caller's connection in the engine's hands, and the one exchange that it may have under way.

    IDLE -> a request is there: ruled on, sent to the service -> (UPLOADING, while more of its body comes) -> WAITING
         -> the response's head is there: sent to the caller -> (PASSING, while more of its body comes)
         -> recorded -> IDLE

At every arrow what is not ordinary leaves for ``handover``. A bug ends this connection and no other.
"""

import select
import struct
from enum import Enum
from os import read, write, writev
from socket import SO_LINGER, SOL_SOCKET
from typing import TYPE_CHECKING

import trio

from sidecar.contract.reasons import Reason
from sidecar.http1.fields import Headers, render_fields
from sidecar.observe.record import Record

from ..forwarding import told_on
from ..shared import Shared
from .asked import Asked
from .asking import judged_anew, let_through, refused
from .handover import Under, judged, passing, unread, unsent, uploading, waiting
from .rulings import Ruling, Rulings
from .service import Service

if TYPE_CHECKING:
    from .engine import Engine

READ_BYTES = 16 * 1024
UPLOAD_BYTES = 128 * 1024
PIECE_BYTES = 96 * 1024
"""Read of a response at a time: its head and 64 KiB of its body, which is what many a service sends, in one."""
SMALL_BYTES = 16 * 1024
PIECES = 16
"""Pieces of a body passed on before it is somebody else's turn."""
ALLOWED = Reason.ALLOWED.value
_ENDED = select.EPOLLRDHUP | select.EPOLLHUP | select.EPOLLERR
_CUT_OFF = struct.pack("ii", 1, 0)


class State(Enum):
    """What is awaited: a request, more of its body, the head of a response, more of its body."""

    IDLE = 1
    UPLOADING = 2
    WAITING = 3
    PASSING = 4


IDLE, UPLOADING, WAITING, PASSING = State
_IN, _OUT = select.EPOLLIN, select.EPOLLOUT


class Caller:
    """``stream`` is a plain socket, whose address at the other end is ``peer``."""

    __slots__ = (
        "_engine",
        "_host",
        "_more",
        "_state",
        "_told",
        "_trusted",
        "_under",
        "_unsent",
        "descriptor",
        "peer",
        "stream",
    )

    def __init__(self, engine: "Engine", stream: trio.SocketStream, peer: str) -> None:
        self._engine, self.stream, self.peer = engine, stream, peer
        self.descriptor = stream.socket.fileno()
        self._state, self._more = IDLE, False
        self._under: Under | None = None
        self._unsent = b""
        self._trusted = engine.shared.forwarding.trusts(peer)
        self._host = self._told = b""

    @property
    def shared(self) -> Shared:
        """What all exchanges share."""
        return self._engine.shared

    def ready(self, events: int) -> None:
        """The socket has something to say."""
        try:
            if self._state is IDLE:
                self._receive(events)
                return
            under = self._under
            if under is None or under.service is None:
                return  # it was over before its turn came again
            if self._state is UPLOADING:
                if not under.unsent:
                    self._upload(under, under.service)
                return
            if events & ~_OUT:
                self._more = True  # looked at when this exchange is over, or by the task that it becomes
            if self._unsent:
                self._send_rest(under, under.service)
        except Exception as error:  # a bug: it may end this connection and no other
            self._engine.shared.observer.bug(error)
            self.cut()

    def late(self) -> None:
        """Whatever it waits for has not come: the next request, or something of the exchange that is under way."""
        try:
            if self._under is None:
                self.close()
            else:
                self._hand_over()
        except Exception as error:  # as above
            self._engine.shared.observer.bug(error)
            self.cut()

    def answer_ready(self, events: int = _IN) -> None:
        """The service has something to say, or can be sent more."""
        try:
            under = self._under
            if under is None or under.service is None:
                return  # it was over before its turn came again
            if self._state is UPLOADING:
                if events & ~_OUT:
                    self._hand_over()  # before it has heard everything
                elif under.unsent:
                    self._upload(under, under.service)
            elif self._state is WAITING:
                self._answer(under, under.service)
            else:
                self._pass_on(under, under.service)
        except Exception as error:  # as above
            self._engine.shared.observer.bug(error)
            self.cut()

    # A request

    def _receive(self, events: int) -> None:
        try:
            data = read(self.descriptor, READ_BYTES)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self.close()
            return
        self._more = len(data) == READ_BYTES or bool(events & _ENDED)
        engine, shared = self._engine, self._engine.shared
        end = data.find(b"\r\n\r\n") + 4
        if (
            end < 4
            or end > shared.limits.head_bytes
            or engine.draining
            or data.find(b"\r\n") > shared.limits.request_line_bytes
        ):
            unread(self, data)
            return
        self._ask(data, end)

    def _ask(self, data: bytes, end: int) -> None:
        engine, shared = self._engine, self._engine.shared
        rulings, now = engine.rulings(), shared.clock()
        asked = rulings.asked.read(data[:end]) if rulings is not None else None
        if asked is not None and asked.hops and self._trusted:
            asked = None
        if asked is not None and asked.length < len(data) - end:
            unread(self, data)
            return
        load = shared.load
        if rulings is not None and asked is not None and load.in_flight - load.tunnels < shared.limits.in_flight:
            ruling = rulings.find(asked, now)
            if isinstance(ruling, Ruling):
                if self._host != asked.host:
                    self._host, self._told = asked.host, told_on(shared.forwarding, self.peer, asked.host)
                began, version = engine.clock(), rulings.evaluator.snapshot.version
                under = let_through(shared.ids, self.peer, self._told, data, end, asked, ruling, version, now, began)
                self._send(under)
                return
            if ruling is not None and asked.length == len(data) - end:  # what is to come of its body is no request
                decision_id = shared.ids.decision_id()
                record = refused(ruling, decision_id, self.peer, len(data), rulings.evaluator.snapshot.version, now)
                self._refuse(record, rulings.refusal(decision_id), engine.clock())
                return
        self._judge(data, end, asked, rulings, now)

    def _refuse(self, record: Record, out: bytes, began: float) -> None:
        """On the word of an earlier one like it."""
        engine = self._engine
        try:
            record.bytes_out = write(self.descriptor, out)
        except OSError:  # he has gone, or reads nothing of what he is told
            record.complete = False
        if record.bytes_out < len(out):
            record.complete, record.detail = False, "the client's connection broke"
        record.duration_ms = (engine.clock() - began) * 1000
        engine.shared.observer.finished(record)
        if record.complete:
            self._wait()
        else:
            self.close()

    def _judge(self, data: bytes, end: int, asked: Asked | None, rulings: Rulings | None, now: float) -> None:
        """By asking."""
        engine = self._engine
        outcome = judged_anew(engine.shared, self.peer, data, end, asked, rulings, now, engine.clock())
        if outcome is None:
            unread(self, data)
        elif isinstance(outcome, Under):
            self._send(outcome)
        else:
            judged(self, outcome)

    def _send(self, under: Under) -> None:
        engine = self._engine
        service = engine.service()
        if service is None:  # the last one has just gone
            unsent(self, under)
            return
        engine.shared.load.in_flight += 1
        under.service, service.caller = service, self
        service.connection.exchanges += 1
        self._state, self._under = UPLOADING if under.to_come else WAITING, under
        engine.idle.pop(self, None)
        engine.slow[self] = under.began + engine.slow_s
        if self._give(under, service, under.sent) and under.to_come:
            self._upload(under, service)

    def _give(self, under: Under, service: Service, data: bytes) -> bool:
        """Send it to the service; True if that took all of it."""
        try:
            sent = write(service.descriptor, data)
        except BlockingIOError:
            sent = 0
        except OSError:  # it closed just now, which whoever reads from it will see
            self._hand_over()
            return False
        if sent == len(data):
            return True
        under.unsent = data[sent:]
        if self._state is UPLOADING:
            self._engine.watch_writing(service.descriptor)
        else:
            self._hand_over()
        return False

    def _upload(self, under: Under, service: Service) -> None:
        """More of the request's body, unless the service has to take what it has been sent first."""
        if under.unsent:
            data, under.unsent = under.unsent, b""
            if not self._give(under, service, data):
                return
        for _ in range(PIECES):
            if not under.to_come:
                self._state, self._more = WAITING, True
                engine = self._engine
                under.sent_at = engine.clock()
                engine.slow.pop(self, None)
                engine.slow[self] = under.sent_at + engine.slow_s
                return
            wanted = min(under.to_come, UPLOAD_BYTES)
            try:
                data = read(self.descriptor, wanted)
            except BlockingIOError:
                return
            except OSError:
                data = b""
            if not data:  # he has left
                self._hand_over()
                return
            under.to_come -= len(data)
            under.taken += len(data)
            if not self._give(under, service, data) or (under.to_come and len(data) < wanted):
                return
        self._engine.again.append(self._upload_on)

    def _upload_on(self) -> None:
        if self._state is UPLOADING:
            self.ready(_IN)

    # Its response

    def _answer(self, under: Under, service: Service) -> None:
        engine = self._engine
        data = self._take(service)
        if data is None:
            return
        end = data.find(b"\r\n\r\n")
        fits = 0 <= end <= engine.shared.limits.head_bytes - 4
        answered = engine.answered.read(data[:end]) if fits else None
        if answered is None:
            under.received = data
            self._hand_over()
            return
        record = under.record
        record.status, record.reason, record.detail = answered.status, ALLOWED, ""
        record.upstream_ms = (engine.clock() - under.began) * 1000
        at_hand = len(data) - end - 4
        if at_hand > answered.length:
            at_hand, service.ended = answered.length, True
        under.answered, under.left = answered, answered.length - at_hand
        rendered = answered.rendered
        if under.permit is not None:
            fields: Headers = [(line.name, line.value) for line in answered.lines]
            rendered = [render_fields(under.permit.returning.from_service(fields, keep_length=False))]
        self._state, head = PASSING, (answered.first, *rendered, b"content-length: %d\r\n\r\n" % answered.length)
        if at_hand < SMALL_BYTES:
            self._pass(under, b"".join((*head, data[end + 4 : end + 4 + at_hand])))
        else:  # not copied
            self._pass(under, b"".join(head), memoryview(data)[end + 4 : end + 4 + at_hand])
        if len(data) == PIECE_BYTES and self._under is under:
            self._pass_on(under, service)

    def _pass_on(self, under: Under, service: Service) -> None:
        """More of the body, unless the caller has to take what he has been sent first."""
        for _ in range(PIECES):
            if self._unsent:
                service.readable = True
                return
            data = self._take(service)
            if data is None:
                return
            if not data:  # too early
                self._hand_over()
                return
            if len(data) > under.left:
                data, service.ended = data[: under.left], True
            under.left -= len(data)
            self._pass(under, data)
            if self._under is not under or len(data) < PIECE_BYTES:
                return
        self._engine.again.append(self.answer_ready)

    def _take(self, service: Service) -> bytes | None:
        """What the service has sent; None: nothing yet; b"": it has ended."""
        try:
            data = read(service.descriptor, PIECE_BYTES)
        except BlockingIOError:
            return None
        except OSError:
            data = b""
        if not data:
            service.ended = True
        return data

    def _pass(self, under: Under, data: bytes, more: memoryview | bytes = b"") -> None:
        """Send it to the caller. What he does not take yet is kept; if he has gone, the exchange is over."""
        try:
            sent = writev(self.descriptor, (data, more)) if more else write(self.descriptor, data)
        except BlockingIOError:
            sent = 0
        except OSError:
            under.record.complete, under.record.detail = False, "the client's connection broke"
            self._over(under)
            self.close()
            return
        under.record.bytes_out += sent
        if sent < len(data) + len(more):
            self._unsent = b"".join((data[sent:], more[max(0, sent - len(data)) :]))
            self._engine.watch_writing(self.descriptor)
        elif not under.left:
            self._over(under)
            self._wait()
            return
        if sent:
            slow, under.moved_at = self._engine.slow, self._engine.clock()
            slow.pop(self, None)
            slow[self] = under.moved_at + self._engine.slow_s

    def _send_rest(self, under: Under, service: Service) -> None:
        data, self._unsent = self._unsent, b""
        self._pass(under, data)
        if self._under is under and not self._unsent and service.readable:
            service.readable = False
            self._pass_on(under, service)

    # Its end

    def _wait(self) -> None:
        """For the next request."""
        engine = self._engine
        self._state = IDLE
        engine.idle.pop(self, None)
        engine.idle[self] = engine.clock() + engine.shared.timeouts.keep_alive_idle_s
        if self._more:
            self._more = False
            engine.again.append(self._look_again)

    def _look_again(self) -> None:
        if self._state is IDLE and self in self._engine.idle:
            self.ready(_IN | select.EPOLLRDHUP)

    def _over(self, under: Under) -> None:
        """Record it, and give the connection to the service back."""
        engine, record, service = self._engine, under.record, under.service
        self._under, self._unsent = None, b""
        engine.slow.pop(self, None)
        engine.shared.load.in_flight -= 1
        now = engine.clock()
        if service is not None:
            service.caller, service.readable = None, False
            if record.complete and not under.left and not service.ended:
                engine.pool.put_now(service.connection, now)
            else:
                engine.pool.close_now(service.connection)
        record.bytes_in = under.taken
        record.duration_ms = (now - under.began) * 1000
        engine.carried += 1
        if record.status:
            engine.shared.observer.finished(record)

    def close(self) -> None:
        """Close, with no exchange under way."""
        self.leave()
        self.stream.socket.close()
        self._engine.left()

    def cut(self) -> None:
        """Close in the middle of whatever it is: the engine ends, or has a bug."""
        under = self._under
        if under is not None:
            under.record.complete = False
            if self._engine.draining:
                under.record.reason = Reason.DRAINING
            self.stream.setsockopt(SOL_SOCKET, SO_LINGER, _CUT_OFF)
            self._over(under)
        self.close()

    def leave(self) -> "Engine":
        """Out of the engine's books."""
        engine = self._engine
        engine.idle.pop(self, None)
        engine.slow.pop(self, None)
        engine.unwatch(self.descriptor)
        return engine

    def _hand_over(self) -> None:
        """The exchange goes on as a task."""
        under, rest = self._under, self._unsent
        if under is None or under.service is None:
            raise AssertionError("there is nothing to hand over")
        self._engine.look_away(under.service.connection)
        if self._state is WAITING:
            waiting(self, under, under.service)
        elif self._state is UPLOADING:
            uploading(self, under, under.service)
        else:
            passing(self, under, under.service, rest)
        self._under, self._unsent = None, b""  # the task's from here on; until here a bug would leave it to us to end
