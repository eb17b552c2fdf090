"""An exchange under way: a request that was let through, on its way to the service, and its response on the way back.

    ADMITTED -> sent to the service at the end of the round -> (UPLOADING, while more of its body comes) -> WAITING
        -> the response's head is there -> ANSWERED, if all of a small body is: sent at the end of the round -> SENT
                                        -> PASSING, while more of its body comes
        -> recorded

At every arrow what is not ordinary leaves for ``handover``. A bug ends this exchange's connection and no other.
"""

import select
from dataclasses import dataclass
from enum import Enum
from os import write, writev
from typing import TYPE_CHECKING

from sidecar.contract.reasons import Reason
from sidecar.http1.fields import Headers, render_fields
from sidecar.http1.request import RequestHead
from sidecar.observe.record import Record

from ..judge import Judge
from ..permit import Permit
from .answered import Answered
from .handover import passing, unsent, uploading, waiting
from .pipe import PIPE_BYTES
from .service import PIECE_BYTES, Service

if TYPE_CHECKING:
    from .caller import Caller

SMALL_BYTES = 16 * 1024
PIECES = 16
"""Pieces of a body passed on before it is somebody else's turn."""
ALLOWED = Reason.ALLOWED.value
_IN, _OUT = select.EPOLLIN, select.EPOLLOUT


class State(Enum):
    """What is awaited: the end of the round, more of the request's body, the response's head, the end of the round
    once more, that the others of this round are sent, more of the response's body."""

    ADMITTED = 1
    UPLOADING = 2
    WAITING = 3
    ANSWERED = 4
    SENT = 5
    PASSING = 6


ADMITTED, UPLOADING, WAITING, ANSWERED, SENT, PASSING = State


@dataclass(slots=True, eq=False)
class Under:
    """``data``: of ``caller``'s request, what came at first, whose head ends at ``end``. ``sent``: what the service
    gets of that. ``taken``: of the whole request, of whose body ``to_come`` bytes are not there yet; the last of them
    was sent at ``sent_at``. ``judge``, ``head`` and ``permit``: where the judge was asked; otherwise they are made from
    the rest when they are needed. ``unsent``: of what the service gets. ``received``: of a response that the engine
    does not read. ``untaken``: of what the caller gets. ``left``: of the response's body, of which something was last
    sent at ``moved_at``."""

    caller: "Caller"
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
    state: State = ADMITTED
    service: Service | None = None
    unsent: bytes = b""
    received: bytes = b""
    answered: Answered | None = None
    untaken: bytes = b""
    left: int = 0
    moved_at: float = 0.0
    sent_at: float = 0.0

    def speak(self) -> None:
        """The round is over: send what waited for that."""
        if self.state is ADMITTED:
            self._send()
        elif self.state is ANSWERED:
            data, self.untaken = self.untaken, b""
            self._pass(data)

    def settle(self) -> None:
        """Whatever the round had to say is sent, in one go, since those who are woken by it would fall asleep
        meanwhile: now the books."""
        if self.state is SENT:
            self._end()

    def caller_ready(self) -> None:
        """The caller has something to say, or can be sent more."""
        service = self.service
        if service is None:
            return
        if self.state is UPLOADING:
            if not self.unsent:
                self._upload(service)
        elif self.state is PASSING and self.untaken:
            self._send_rest(service)

    def service_ready(self, events: int = _IN) -> None:
        """The service has something to say, or can be sent more."""
        caller, service = self.caller, self.service
        try:
            if service is None or caller.under is not self:
                return  # it was over before its turn came again
            if self.state is UPLOADING:
                if events & ~_OUT:
                    self.hand_over()  # before it has heard everything
                elif self.unsent:
                    self._upload(service)
            elif self.state is WAITING:
                self._answer(service)
            elif self.state is PASSING:
                self._pass_on(service)
        except Exception as error:  # a bug: it may end this connection and no other
            caller.broken_by(error)

    # The request

    def _send(self) -> None:
        engine = self.caller.engine
        service = engine.service()
        if service is None:  # the last one has just gone
            unsent(self)
            engine.shared.load.in_flight -= 1
            self.caller.under = None
            return
        self.service, service.under = service, self
        service.connection.exchanges += 1
        self.state = UPLOADING if self.to_come else WAITING
        if self._give(service, self.sent) and self.to_come:
            self._upload(service)

    def _give(self, service: Service, data: bytes) -> bool:
        """Send it to the service; True if that took all of it."""
        try:
            sent = write(service.descriptor, data)
        except BlockingIOError:
            sent = 0
        except OSError:  # it closed just now, which whoever reads from it will see
            self.hand_over()
            return False
        if sent == len(data):
            return True
        self.unsent = data[sent:]
        if self.state is UPLOADING:
            self.caller.engine.watch_writing(service.descriptor)
        else:
            self.hand_over()
        return False

    def _upload(self, service: Service) -> None:
        """More of the request's body, unless the service has to take what it has been sent first."""
        caller = self.caller
        engine = caller.engine
        if self.unsent:
            data, self.unsent = self.unsent, b""
            if not self._give(service, data):
                return
        for _ in range(PIECES):
            if not self.to_come:
                self.state, caller.more = WAITING, True
                self.sent_at = self._wait_anew()
                return
            moved = engine.pipe.move(caller.descriptor, service.descriptor, min(self.to_come, PIPE_BYTES))
            if moved is None:
                return
            taken, rest = moved
            if not taken:  # he has left
                self.hand_over()
                return
            self.to_come -= taken
            self.taken += taken
            if rest and not self._give(service, rest):
                return
        engine.again.append(self._upload_on)

    def _upload_on(self) -> None:
        if self.state is UPLOADING and self.caller.under is self:
            self.caller.ready(_IN)

    # Its response

    def _answer(self, service: Service) -> None:
        engine = self.caller.engine
        data = service.take()
        if data is None:
            return
        end = data.find(b"\r\n\r\n")
        fits = 0 <= end <= engine.shared.limits.head_bytes - 4
        answered = engine.answered.read(data[:end]) if fits else None
        if answered is None:
            self.received = data
            self.hand_over()
            return
        record = self.record
        record.status, record.reason, record.detail = answered.status, ALLOWED, ""
        record.upstream_ms = (engine.clock() - self.began) * 1000
        at_hand = len(data) - end - 4
        if at_hand > answered.length:
            at_hand, service.ended = answered.length, True
        self.answered, self.left = answered, answered.length - at_hand
        rendered = answered.rendered
        if self.permit is not None:
            fields: Headers = [(line.name, line.value) for line in answered.lines]
            rendered = [render_fields(self.permit.returning.from_service(fields, keep_length=False))]
        head = (answered.first, *rendered, b"content-length: %d\r\n\r\n" % answered.length)
        self.state = PASSING
        if at_hand >= SMALL_BYTES:  # not copied
            self._pass(b"".join(head), memoryview(data)[end + 4 : end + 4 + at_hand])
        elif not self.left:
            self.state, self.untaken = ANSWERED, b"".join((*head, data[end + 4 : end + 4 + at_hand]))
            engine.later.append(self.caller)
            return
        else:
            self._pass(b"".join((*head, data[end + 4 :])))
        if len(data) == PIECE_BYTES and self.caller.under is self:
            self._pass_on(service)

    def _pass_on(self, service: Service) -> None:
        """More of the body, unless the caller has to take what he has been sent first."""
        for _ in range(PIECES):
            if self.untaken:
                service.readable = True
                return
            if self.left > PIPE_BYTES:  # its end is read, and with it what should not follow
                if not self._pour(service):
                    return
                continue
            data = service.take()
            if data is None:
                return
            if not data:  # too early
                self.hand_over()
                return
            if len(data) > self.left:
                data, service.ended = data[: self.left], True
            self.left -= len(data)
            self._pass(data)
            if self.caller.under is not self or len(data) < PIECE_BYTES:
                return
        self.caller.engine.again.append(self.service_ready)

    def _pour(self, service: Service) -> bool:
        """Much more of it; True if there may be more still."""
        caller = self.caller
        moved = caller.engine.pipe.move(service.descriptor, caller.descriptor, PIPE_BYTES)
        if moved is None:
            return False
        taken, rest = moved
        if not taken:  # too early
            service.ended = True
            self.hand_over()
            return False
        self.left -= taken
        self.record.bytes_out += taken - len(rest)
        if len(rest) < taken:
            self.moved_at = self._wait_anew()
        if rest:
            self._pass(rest)
        return caller.under is self

    def _pass(self, data: bytes, more: memoryview | bytes = b"") -> None:
        """Send it to the caller. What he does not take yet is kept; if he has gone, the exchange is over."""
        caller = self.caller
        try:
            sent = writev(caller.descriptor, (data, more)) if more else write(caller.descriptor, data)
        except BlockingIOError:
            sent = 0
        except OSError:
            self.record.complete, self.record.detail = False, "the client's connection broke"
            self.over(caller.engine.clock())
            caller.close()
            return
        self.record.bytes_out += sent
        if sent < len(data) + len(more):
            self.state, self.untaken = PASSING, b"".join((data[sent:], more[max(0, sent - len(data)) :]))
            caller.engine.watch_writing(caller.descriptor)
        elif self.state is ANSWERED:
            self.state = SENT
            return
        elif not self.left:
            self._end()
            return
        if sent:
            self.moved_at = self._wait_anew()

    def _wait_anew(self) -> float:
        """Whoever is waited for has all of the time again; now."""
        engine = self.caller.engine
        now = engine.clock()
        engine.slow.pop(self.caller, None)
        engine.slow[self.caller] = now + engine.slow_s
        return now

    def _send_rest(self, service: Service) -> None:
        data, self.untaken = self.untaken, b""
        self._pass(data)
        if self.caller.under is self and not self.untaken and service.readable:
            service.readable = False
            self._pass_on(service)

    # Its end

    def _end(self) -> None:
        """The caller has it all."""
        now = self.caller.engine.clock()
        self.over(now)
        self.caller.wait(now)

    def over(self, now: float) -> None:
        """Record it, and give the connection to the service back."""
        caller, record, service = self.caller, self.record, self.service
        engine = caller.engine
        caller.under = None
        engine.slow.pop(caller, None)
        engine.shared.load.in_flight -= 1
        if service is not None:
            service.under, service.readable = None, False
            if record.complete and not self.left and not service.ended:
                engine.pool.put_now(service.connection, now)
            else:
                engine.pool.close_now(service.connection)
        record.bytes_in = self.taken
        record.duration_ms = (now - self.began + caller.waited_s) * 1000
        engine.carried += 1
        if record.status:
            engine.shared.observer.finished(record)

    def hand_over(self) -> None:
        """It goes on as a task."""
        if self.service is None:
            raise AssertionError("there is nothing to hand over")
        self.caller.engine.look_away(self.service.connection)
        if self.state is WAITING:
            waiting(self, self.service)
        elif self.state is UPLOADING:
            uploading(self, self.service)
        else:
            passing(self, self.service)
        self.caller.under = None  # the task's from here on; until here a bug would leave it to us to end
