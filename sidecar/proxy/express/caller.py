"""A caller's connection in the engine's hands: idle, or with the one exchange that it may have under way.

    idle -> (BEGUN, while more of a head comes) -> a request is there: ruled on
         -> let through (``under``), refused, or left to ``handover``
         -> its exchange is over -> idle

A bug ends this connection and no other.
"""

import select
import struct
from os import read, write
from socket import SO_LINGER, SOL_SOCKET
from typing import TYPE_CHECKING

import trio

from sidecar.contract.reasons import Reason
from sidecar.http1.request import is_hopeless
from sidecar.http1.wire import has_spoken
from sidecar.observe.record import Record

from ..forwarding import told_on
from ..shared import Shared
from .asked import Asked
from .asking import judged_anew, let_through, refused
from .handover import judged, unread
from .rulings import Ruling, Rulings
from .under import Under

if TYPE_CHECKING:
    from .engine import Engine

READ_BYTES = 16 * 1024
_IN, _OUT = select.EPOLLIN, select.EPOLLOUT
_ENDED = select.EPOLLRDHUP | select.EPOLLHUP | select.EPOLLERR
_CUT_OFF = struct.pack("ii", 1, 0)


class Caller:
    """``stream`` is a plain socket, whose address at the other end is ``peer``. ``begun``: what has come of a head that
    comes in pieces. ``under``: the exchange under way. ``more``: may there be something to read that no event will tell
    of? ``waited_s``: between the first byte of its request and the end of the head. ``told``: where its requests come
    from, as the service is told."""

    __slots__ = (
        "_host",
        "_trusted",
        "begun",
        "descriptor",
        "engine",
        "more",
        "peer",
        "stream",
        "told",
        "under",
        "waited_s",
    )

    def __init__(self, engine: "Engine", stream: trio.SocketStream, peer: str) -> None:
        self.engine, self.stream, self.peer = engine, stream, peer
        self.descriptor = stream.socket.fileno()
        self.more = False
        self.begun: bytearray | None = None
        self.waited_s = 0.0
        self.under: Under | None = None
        self._trusted = engine.shared.forwarding.trusts(peer)
        self._host = self.told = b""

    @property
    def shared(self) -> Shared:
        """What all exchanges share."""
        return self.engine.shared

    def ready(self, events: int) -> None:
        """The socket has something to say."""
        try:
            under = self.under
            if under is None:
                self._receive(events)
                return
            if events & ~_OUT:
                self.more = True  # looked at when this exchange is over, or by the task that it becomes
            under.caller_ready()
        except Exception as error:  # a bug: it may end this connection and no other
            self.broken_by(error)

    def speak(self) -> None:
        """The round is over: send what its exchange has to say."""
        try:
            if self.under is not None:
                self.under.speak()
        except Exception as error:  # as above
            self.broken_by(error)

    def settle(self) -> None:
        """All of them have spoken."""
        try:
            if self.under is not None:
                self.under.settle()
        except Exception as error:  # as above
            self.broken_by(error)

    def late(self) -> None:
        """Whatever it waits for has not come: the next request, or something of the exchange that is under way."""
        try:
            if self.under is not None:
                self.under.hand_over()
            elif self.begun is not None:
                self._leave_begun(self.begun)
            elif has_spoken(self.descriptor):  # its turn comes: this process had no processor for a while
                self.engine.idle[self] = self.engine.idle.pop(self) + self.engine.shared.timeouts.keep_alive_idle_s
            else:
                self.close()
        except Exception as error:  # as above
            self.broken_by(error)

    def broken_by(self, error: Exception) -> None:
        """A bug."""
        self.engine.shared.observer.bug(error)
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
        self.more = len(data) == READ_BYTES or bool(events & _ENDED)
        end = data.find(b"\r\n\r\n") + 4 if self.begun is None else 0
        if end >= 4:
            self._take(data, end)
        else:
            self._grow(data)

    def _take(self, data: bytes, end: int) -> None:
        """A whole head."""
        engine = self.engine
        limits = engine.shared.limits
        if end > limits.head_bytes or engine.draining or data.find(b"\r\n") > limits.request_line_bytes:
            unread(self, data)
        else:
            self._ask(data, end)

    def _grow(self, data: bytes) -> None:
        """A part of a head. Were each a task's to wait for, many slow ones would hold up the quick ones."""
        engine, begun = self.engine, self.begun
        if begun is None:
            if engine.draining:
                unread(self, data)
                return
            begun = self.begun = bytearray()
            engine.idle.pop(self, None)
            engine.begun[self] = engine.clock() + engine.shared.timeouts.head_read_s
        limits, seen = engine.shared.limits, len(begun)
        begun += data
        end = begun.find(b"\r\n\r\n", max(0, seen - 3), limits.head_bytes) + 4
        if end >= 4:
            self.waited_s = self._waited_s()
            del engine.begun[self]
            self.begun = None
            self._take(bytes(begun), end)
        elif len(begun) >= limits.head_bytes or is_hopeless(begun, seen, limits):
            self._leave_begun(begun)
        elif self.more:
            self.more = False
            engine.again.append(self._look_again)

    def _leave_begun(self, begun: bytearray) -> None:
        """Its time is up, or it is to be refused: a task says so."""
        self.waited_s = self._waited_s()
        unread(self, bytes(begun))

    def _waited_s(self) -> float:
        engine = self.engine
        return engine.clock() - (engine.begun[self] - engine.shared.timeouts.head_read_s)

    def _ask(self, data: bytes, end: int) -> None:
        engine, shared = self.engine, self.engine.shared
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
                    self._host, self.told = asked.host, told_on(shared.forwarding, self.peer, asked.host)
                version = rulings.evaluator.snapshot.version
                self._begin(let_through(self, data, end, asked, ruling, version, now, engine.clock()))
                return
            if ruling is not None and asked.length == len(data) - end:  # what is to come of its body is no request
                decision_id = shared.ids.decision_id()
                record = refused(ruling, decision_id, self.peer, len(data), rulings.evaluator.snapshot.version, now)
                self._refuse(record, rulings.refusal(decision_id), engine.clock())
                return
        self._judge(data, end, asked, rulings, now)

    def _refuse(self, record: Record, out: bytes, began: float) -> None:
        """On the word of an earlier one like it."""
        engine = self.engine
        try:
            record.bytes_out = write(self.descriptor, out)
        except OSError:  # he has gone, or reads nothing of what he is told
            record.complete = False
        if record.bytes_out < len(out):
            record.complete, record.detail = False, "the client's connection broke"
        now = engine.clock()
        record.duration_ms = (now - began + self.waited_s) * 1000
        engine.shared.observer.finished(record)
        if record.complete:
            self.wait(now)
        else:
            self.close()

    def _judge(self, data: bytes, end: int, asked: Asked | None, rulings: Rulings | None, now: float) -> None:
        """By asking."""
        engine = self.engine
        outcome = judged_anew(self, data, end, asked, rulings, now, engine.clock())
        if outcome is None:
            unread(self, data)
        elif isinstance(outcome, Under):
            self._begin(outcome)
        else:
            judged(self, outcome)

    def _begin(self, under: Under) -> None:
        engine = self.engine
        engine.shared.load.in_flight += 1
        self.under = under
        engine.idle.pop(self, None)
        engine.slow[self] = under.began + engine.slow_s
        engine.later.append(self)

    # Its end

    def wait(self, now: float) -> None:
        """For the next request."""
        engine, self.waited_s = self.engine, 0.0
        engine.idle.pop(self, None)
        engine.idle[self] = now + engine.shared.timeouts.keep_alive_idle_s
        if self.more:
            self.more = False
            engine.again.append(self._look_again)

    def _look_again(self) -> None:
        engine = self.engine
        if self in engine.idle or self in engine.begun:
            self.ready(_IN | select.EPOLLRDHUP)

    def close(self) -> None:
        """Close, with no exchange under way."""
        self.leave()
        self.stream.socket.close()
        self.engine.left()

    def cut(self) -> None:
        """Close in the middle of whatever it is: the engine ends, or has a bug."""
        under = self.under
        if under is not None:
            under.record.complete = False
            if self.engine.draining:
                under.record.reason = Reason.DRAINING
            self.stream.setsockopt(SOL_SOCKET, SO_LINGER, _CUT_OFF)
            under.over(self.engine.clock())
        self.close()

    def leave(self) -> "Engine":
        """Out of the engine's books."""
        engine = self.engine
        for waiting in (engine.idle, engine.begun, engine.slow):
            waiting.pop(self, None)
        engine.unwatch(self.descriptor)
        return engine
