"""One admitted sidecar: what it should run, what it says it runs, and the task that makes these agree.

The mailbox has one slot and the newest wins, so a slow sidecar costs nobody else anything and skips what it was too
slow for. A push is sent the moment the slot is filled, by whoever fills it; what the socket does not take at once, and
what fills the slot meanwhile, is left to a task that ends when all of it is out. So an idle session is one task, the
reader, who takes answers and pings after every heartbeat in which nothing was sent. Increments that do not fit what is
there are followed by all of the chain, once. A write that does not finish in time, or silence, ends the session.
"""

import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from functools import lru_cache, partial

import trio

from sidecar.contract.messages import Ack, Hello, InUse, Nack, Refresh, Refuse, Report, ToControl
from sidecar.contract.strict import ContractError

from .conversation import Conversation
from .reports import Reports
from .target import Target
from .wire import FrameStream

MISSED_HEARTBEATS = 3
PINGS_A_SECOND = 200
MAX_HEARTBEAT_S = 60


@dataclass(frozen=True, slots=True)
class Pace:
    """A session's waits, in seconds."""

    heartbeat_s: int = 10
    write_timeout_s: float = 30.0

    def among(self, sessions: int) -> "Pace":
        """With so many others. They get ``PINGS_A_SECOND`` together at the most: a fleet of ten thousand that is asked
        every 10 s keeps half a processor busy with saying that it is there."""
        return replace(self, heartbeat_s=max(self.heartbeat_s, min(MAX_HEARTBEAT_S, sessions // PINGS_A_SECOND)))


@dataclass(frozen=True, slots=True)
class Watch:
    """Who is told: of each answer that settles something, and of each request to look at an issuer's keys."""

    answered: Callable[["Session"], None]
    asked: Callable[["Session", str], None]


@dataclass(frozen=True, slots=True)
class Line:
    """What a session speaks over. ``begin`` starts a task that may end the session and no other."""

    wire: FrameStream
    talk: Conversation
    pace: Pace
    begin: Callable[["Session", Callable[[], Awaitable[None]]], None]


class Writing:
    """A frame that is not out yet."""

    def __init__(self) -> None:
        self.scope, self.over = trio.CancelScope(), trio.Event()


@dataclass(eq=False, slots=True)
class Session:
    """A connected sidecar. ``version`` is what it says it enforces, 0 for nothing; ``nacked`` is (version, reason)
    if its last word was no. ``differs``: what it came with is not what we signed under that number. ``greeted``:
    it was looked up what it should run; if ``desired`` is None then, there is nothing. ``reports``: how its requests
    went."""

    sidecar_id: str
    service: str
    instance: str
    agent: str
    address: str
    capabilities: tuple[str, ...]
    protocol: int
    connected_at: float
    seen_at: float
    came_with: InUse | None
    reports: Reports = field(default_factory=Reports)
    version: int = 0
    differs: bool = False
    nacked: tuple[int, str] | None = None
    greeted: bool = False
    desired: Target | None = None
    asking_since: float = -math.inf
    asked: int = 0
    why: str = ""
    refusal: Refuse | None = None
    scope: trio.CancelScope = field(default_factory=trio.CancelScope)
    _slot: Target | None = None
    _place: InUse | None = None  # where it is once it has taken what was sent; None: not known
    _sent_all: bool = True
    _line: Line | None = None  # once it may be pushed to
    _sent_at: float = 0.0
    _writing: Writing | None = None

    @property
    def acked(self) -> int:
        """The version that is known to be in force here, 0 for none."""
        return 0 if self.differs else self.version

    def end(self, code: str, message: str) -> None:
        """Cut it off, and say why."""
        self.refusal = self.refusal or Refuse(code, message)
        self.fail(f"{code}: {message}")

    def fail(self, why: str) -> None:
        """Cut it off; there is nobody to tell why. Nothing more is sent, whatever there is to be sent."""
        self.why, self._line = self.why or why, None
        self.scope.cancel()

    def has_answered(self, version: int) -> bool:
        """Is there nothing to wait for any more: in force, or refused?"""
        return self.acked >= version or (self.nacked is not None and self.nacked[0] >= version)

    def want(self, desired: Target) -> None:
        """This is what it should run now, unless that is old news. What waited in the slot is forgotten."""
        if self.desired is not None and desired.version <= self.desired.version:
            return
        self.desired, self._slot = desired, None
        if self.came_with == desired.place:
            return
        self.differs = self.version >= desired.version
        self._slot = desired
        self._send_next()

    async def live(self, line: Line, now: Callable[[], float], watch: Watch) -> None:
        """The reader, until the sidecar closes."""
        self._line, self._sent_at = line, trio.current_time()
        heard_at, silence_s = self._sent_at, MISSED_HEARTBEATS * line.pace.heartbeat_s
        self._send_next()
        while True:
            # What comes and goes meanwhile only puts off what is due, so one scope serves for all of it: a new one for
            # each frame, and its deadline among those of thousands, was a third of the time of a push.
            with trio.CancelScope(deadline=min(heard_at + silence_s, self._sent_at + line.pace.heartbeat_s)):
                while (body := await line.wire.receive()) is not None:
                    heard_at = trio.current_time()
                    self._heard(line.talk.receive(body), now(), watch)
                return
            if trio.current_time() >= heard_at + silence_s:
                raise trio.TooSlowError
            self._ping(line)

    async def hush(self) -> None:
        """Nobody writes any more, from now on."""
        self._line = None
        if self._writing is not None:
            self._writing.scope.cancel()
            await self._writing.over.wait()

    def _ping(self, line: Line) -> None:
        """If nothing was sent for a heartbeat. Whoever is still writing shows that somebody is here."""
        if trio.current_time() < self._sent_at + line.pace.heartbeat_s:
            return
        if self._writing is None:
            self._send(line, line.talk.ping())
        else:
            self._sent_at = trio.current_time()

    def _send_next(self) -> None:
        """What is in the slot, unless somebody is writing, who will look there."""
        if self._line is None or self._writing is not None or self._slot is None:
            return
        try:
            self._send(self._line, self._next(self._line))
        except ContractError as error:
            self.end(error.code, str(error))

    def _send(self, line: Line, frame: bytes) -> None:
        self._sent_at = trio.current_time()
        if not line.wire.send_nowait(frame):
            writing = self._writing = Writing()
            line.begin(self, partial(self._write_on, line, writing))

    async def _write_on(self, line: Line, writing: Writing) -> None:
        """What was not taken at once, and then what is in the slot."""
        try:
            with writing.scope:
                await line.wire.flush(line.pace.write_timeout_s)
                while self._slot is not None:
                    self._sent_at = trio.current_time()
                    await line.wire.send(self._next(line), line.pace.write_timeout_s)
        finally:
            self._writing = None
            writing.over.set()

    def _next(self, line: Line) -> bytes:
        """The frame of what is in the slot, which is empty then. ContractError: too many went unanswered."""
        desired, self._slot = self._slot, None
        if desired is None:
            raise AssertionError("the slot is empty")
        packed, self._sent_all = desired.from_place(self._place)
        self._place = desired.place
        return line.talk.push(desired.version, packed)

    def _heard(self, message: ToControl | None, at: float, watch: Watch) -> None:
        self.seen_at = at
        match message:
            case Ack():
                self._acked(message)
                watch.answered(self)
            case Nack():
                self.version = message.in_use
                self._refused(message.version, _printable(message.reason))
                watch.answered(self)
            case Refresh():
                watch.asked(self, message.issuer)
            case Report():
                self.reports.add(message, trio.current_time())
            case _:
                pass  # a stale answer or an echo: a sign of life

    def _acked(self, ack: Ack) -> None:
        if self._place == InUse(ack.version, ack.digest):
            self.version, self.differs, self.nacked = ack.version, False, None
        else:
            self.version, self.differs = ack.version, True
            self._refused(ack.version, "differs: it acknowledged other content than was sent")

    def _refused(self, version: int, reason: str) -> None:
        """All of it follows, if it was not that which was refused."""
        self._place = None
        if self._sent_all:
            self.nacked = (version, reason)
        elif self._slot is None and self.desired is not None:
            self._slot = self.desired
            self._send_next()


@lru_cache(64)
def _shared(capabilities: tuple[str, ...]) -> tuple[str, ...]:
    """A fleet has the same ones: kept once."""
    return capabilities


def begin(sidecar_id: str, hello: Hello, address: str, now: float) -> Session:
    """A session as the hello describes it."""
    return Session(
        sidecar_id=sidecar_id,
        service=hello.service,
        instance=hello.instance,
        agent=hello.agent,
        address=address,
        capabilities=_shared(hello.capabilities),
        protocol=hello.protocol,
        connected_at=now,
        seen_at=now,
        came_with=hello.in_use,
        version=0 if hello.in_use is None else hello.in_use.version,
        _place=hello.in_use,
    )


def _printable(text: str) -> str:
    """A sidecar's words, harmless on a terminal."""
    return "".join(character if character.isprintable() else "?" for character in text)
