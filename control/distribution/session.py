"""One admitted sidecar: what it should run, what it says it runs, and the two tasks that make these agree.

The mailbox has one slot and the newest wins, so a slow sidecar costs nobody else anything and skips what it was too
slow for. A push is sent the moment the slot is filled, by whoever fills it if the socket takes it at once, else by the
sender, who pings every heartbeat; the reader takes answers. Increments that do not fit what is there are followed by
all of the chain, once. A write that does not finish in time, or silence, ends the session.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import lru_cache

import trio

from sidecar.contract.messages import Ack, Hello, InUse, Nack, Refresh, Refuse, Report
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
    _filled: trio.Event = field(default_factory=trio.Event)
    _idle: tuple[FrameStream, Conversation] | None = None  # while the sender has nothing under way

    @property
    def acked(self) -> int:
        """The version that is known to be in force here, 0 for none."""
        return 0 if self.differs else self.version

    def end(self, code: str, message: str) -> None:
        """Cut it off, and say why."""
        self.refusal = self.refusal or Refuse(code, message)
        self.why = self.why or f"{code}: {message}"
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
        if self._idle is None or not self._send_at_once(*self._idle, desired):
            self._filled.set()

    def _send_at_once(self, wire: FrameStream, talk: Conversation, desired: Target) -> bool:
        """Without the sender, if the socket takes all of it: for thousands of sessions, waking each is what takes long.
        False: the sender has something to do."""
        self._slot = None
        try:
            return wire.send_nowait(self._push(talk, desired))
        except ContractError as error:
            self.end(error.code, str(error))
            return True

    async def send(self, wire: FrameStream, talk: Conversation, pace: Pace) -> None:
        """The sender: for ever, newest first."""
        while True:
            self._idle = (wire, talk) if wire.sends_at_once else None
            with trio.move_on_after(pace.heartbeat_s):
                await self._filled.wait()
            self._idle = None
            was_woken, self._filled = self._filled.is_set(), trio.Event()
            await wire.flush(pace.write_timeout_s)
            desired, self._slot = self._slot, None
            if desired is not None:
                await wire.send(self._push(talk, desired), pace.write_timeout_s)
            elif not was_woken:
                await wire.send(talk.ping(), pace.write_timeout_s)

    def _push(self, talk: Conversation, desired: Target) -> bytes:
        packed, self._sent_all = desired.from_place(self._place)
        self._place = desired.place
        return talk.push(desired.version, packed)

    async def read(
        self, wire: FrameStream, talk: Conversation, pace: Pace, now: Callable[[], float], watch: Watch
    ) -> None:
        """The reader: until the sidecar closes."""
        while (body := await wire.receive(MISSED_HEARTBEATS * pace.heartbeat_s)) is not None:
            message = talk.receive(body)
            self.seen_at = now()
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
            self._filled.set()


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
