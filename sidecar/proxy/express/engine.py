"""The loop: what is ready is called, and a few clocks are looked at now and then.

Sockets are registered once, edge-triggered: each is told of anew only when something has come since, so that nothing
has to be switched off while an exchange is under way. A round takes what is ready; rounds go on while there is more, up
to ``TURN_S``, and then it is the other tasks' turn. What a round has to write, it writes at its end: whoever waits for
it is then woken once, which costs as much as the writing, and finds all of it. Waits are kept in the order in which
they end (every wait of a kind is of the same length), so that looking at the first of each is enough.
"""

import select
import time
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import closing
from itertools import islice

import trio

from sidecar.http1.client import ClientConnection
from sidecar.http1.express import SWITCH
from sidecar.http1.request import may_grow
from sidecar.http1.server import ServerConnection

from ..shared import Shared
from .answered import AnsweredReader
from .caller import Caller
from .pipe import Pipe
from .rulings import Rulings
from .service import Service

TURN_S = 0.005
ROUND = 64
"""Events taken at a time: no more, since what the first of them brings about is written after the last."""
TICK_S = 0.25
LATE_AT_ONCE = 4
"""Made tasks in one turn of all tasks, since a crowd whose time is up at once would take a long one."""
SLOW_S = 1.0
"""What has waited so long, for the service or for its caller, goes on as a task of its own; sooner, where a wait that
the task would have is shorter."""
GRACE_S = 1.0
"""While draining, how long a connection may take to send a request: it may be on its way already."""

Resume = Callable[[], Awaitable[bool]]
Converse = Callable[[ServerConnection, str, Resume | None], Awaitable[None]]


class Engine:
    """Of one process. ``converse`` serves a connection as a task; ``left`` is told that one has gone."""

    def __init__(self, shared: Shared, converse: Converse, left: Callable[[], None]) -> None:
        self.shared, self.pool = shared, shared.pool
        self.clock: Callable[[], float] = time.monotonic
        self.answered = AnsweredReader(shared.limits.header_count)
        self.idle: dict[Caller, float] = {}
        self.begun: dict[Caller, float] = {}
        """Callers of whose request's head a part has come, and when each is given up."""
        waits = shared.timeouts
        self.slow_s = min(SLOW_S, waits.response_head_s, waits.response_idle_s, waits.body_idle_s, waits.write_idle_s)
        self.slow: dict[Caller, float] = {}
        """Callers whose exchange is under way, and when each is handed over. Those that move go to the end."""
        self.again: deque[Callable[[], None]] = deque()
        self.later: list[Caller] = []
        """Those whose exchange has something to say when the round is over."""
        self.carried = 0
        """Exchanges that were begun here and ended here."""
        self._left, self._converse = left, converse
        self._rulings: Rulings | None = None
        self._services: dict[ClientConnection, Service] = {}
        self._ready: dict[int, Callable[[int], None]] = {}
        self._tasks: trio.Nursery | None = None
        self._draining = False

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Carry exchanges until cancelled. Where the system has no epoll, none is carried here."""
        if not hasattr(select, "epoll"):
            task_status.started()
            return
        self.clock = trio.lowlevel.current_clock().current_time
        with select.epoll() as self._epoll, closing(Pipe()) as self.pipe:
            try:
                async with trio.open_nursery() as tasks:
                    self._tasks = tasks
                    self.pool.released = self.look_away
                    tasks.start_soon(self._tick)
                    task_status.started()
                    await self._turn()
            finally:
                self._tasks = None
                for caller in [*self.idle, *self.begun, *self.slow]:
                    caller.cut()
                for connection in list(self._services):
                    self.look_away(connection)

    async def _turn(self) -> None:
        while True:
            await trio.lowlevel.wait_readable(self._epoll.fileno())
            while not self._rounds():
                await trio.lowlevel.checkpoint()

    def _rounds(self) -> bool:
        """Serve what is ready; True if nothing more is."""
        poll, ready, again = self._epoll.poll, self._ready, self.again
        until = time.monotonic() + TURN_S
        while time.monotonic() < until:
            events = poll(0, ROUND)
            if not events and not again:
                return True
            for descriptor, mask in events:
                call = ready.get(descriptor)
                if call is not None:
                    call(mask)
            for _ in range(len(again)):
                again.popleft()()
            later, self.later = self.later, []
            for caller in later:
                caller.speak()
            for caller in later:
                caller.settle()
        return False

    async def _tick(self) -> None:
        while True:
            await trio.sleep(TICK_S)
            now = self.clock()
            while late := [
                caller
                for waiting, most in ((self.idle, ROUND), (self.begun, LATE_AT_ONCE), (self.slow, LATE_AT_ONCE))
                for caller, until in islice(waiting.items(), most)
                if until <= now
            ]:
                for caller in late:
                    caller.late()
                await trio.lowlevel.checkpoint()

    def adopt(self, downstream: ServerConnection, peer: str) -> bool:
        """Take a connection that waits for a request, or for more of its head; False if it is for a task to serve."""
        stream, begun, shared = downstream.wire.stream, downstream.wire.buffer, self.shared
        if (
            self._tasks is None
            or self._draining
            or not self.pool.plain
            or not SWITCH.open
            or type(stream) is not trio.SocketStream
            or downstream.head_waited_s
            or not may_grow(begun, shared.limits)
        ):
            return False
        caller = Caller(self, stream, peer)
        if begun:
            caller.begun = bytearray(begun)
            self.begun[caller] = self.clock() + shared.timeouts.head_read_s
        else:
            self.idle[caller] = self.clock() + shared.timeouts.keep_alive_idle_s
        self.watch(caller.descriptor, caller.ready)
        return True

    def drain(self) -> None:
        """Nothing begins here any more: what is under way goes on as tasks, what is idle has a moment left, and a head
        of which a part has come the rest of its time."""
        self._draining = True
        for caller in list(self.slow):
            caller.late()
        end = self.clock() + GRACE_S
        for caller, until in self.idle.items():
            self.idle[caller] = min(end, until)

    @property
    def watched(self) -> frozenset[int]:
        """The descriptors that are registered."""
        return frozenset(self._ready)

    @property
    def draining(self) -> bool:
        """Is every request a task's?"""
        return self._draining

    def rulings(self) -> Rulings | None:
        """What the judge has said under what is in force; None if the judge is always to be asked: because
        nothing may pass, or because every decision is written down."""
        gate = self.shared.gate
        evaluator = gate.evaluator
        if evaluator is None or gate.closed_for is not None or self.shared.decisions is not None:
            return None
        rulings = self._rulings
        if rulings is None or rulings.evaluator is not evaluator:
            limits = self.shared.limits
            rulings = self._rulings = Rulings(evaluator, limits.header_count, limits.body_bytes, rulings)
        return rulings

    def service(self) -> Service | None:
        """An idle connection to the service, now in use."""
        connection = self.pool.take_now(self.clock())
        if connection is None:
            return None
        service = self._services.get(connection)
        if service is None:
            descriptor = connection.descriptor()
            service = self._services[connection] = Service(self, connection, descriptor)
            self.watch(descriptor, service.ready)
        return service

    def watch(self, descriptor: int, ready: Callable[[int], None]) -> None:
        """Call ``ready`` whenever something has come."""
        self._ready[descriptor] = ready
        self._epoll.register(descriptor, select.EPOLLIN | select.EPOLLRDHUP | select.EPOLLET)

    def watch_writing(self, descriptor: int) -> None:
        """Tell it also when something can be written again."""
        self._epoll.modify(descriptor, select.EPOLLIN | select.EPOLLOUT | select.EPOLLRDHUP | select.EPOLLET)

    def unwatch(self, descriptor: int) -> None:
        """No more of this socket: it closes, or is another's."""
        if self._ready.pop(descriptor, None) is not None:
            self._epoll.unregister(descriptor)

    def look_away(self, connection: ClientConnection) -> None:
        """A connection to the service is no longer the engine's, or closes."""
        service = self._services.pop(connection, None)
        if service is not None:
            self.unwatch(service.descriptor)

    def start(self, downstream: ServerConnection, peer: str, resume: Resume | None) -> None:
        """The connection goes on as a task."""
        if self._tasks is None:
            raise AssertionError("handed over although the engine has ended")
        self._tasks.start_soon(self._converse, downstream, peer, resume)

    def left(self) -> None:
        """A caller's connection has closed."""
        self._left()
