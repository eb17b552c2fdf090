"""One connection to control, from the hello to its end. Works on any trio stream; TLS is ``dial``'s affair.

A pushed snapshot is verified, decoded, compiled and swapped, then written to disk, and only then acknowledged. One
that cannot be is refused with its reason, and what runs goes on. If only the disk fails the snapshot is in force
all the same: that is acknowledged, and said loudly.
"""

import logging
import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import Enum, auto

import trio

from sidecar.contract.envelope import Sealed
from sidecar.contract.messages import (
    MAX_FRAME_TO_SIDECAR,
    PROTOCOL,
    Ack,
    Hello,
    InUse,
    Nack,
    Ping,
    Push,
    Refuse,
    Welcome,
    decode_to_sidecar,
    frame,
)
from sidecar.contract.snapshot import Snapshot
from sidecar.contract.strict import ContractError

from .admission import admit_push
from .conversation import State, after
from .journal import record
from .state import StateDir
from .threads import InThread, in_thread
from .wire import FrameStream

WELCOME_TIMEOUT_S = 15.0
WRITE_TIMEOUT_S = 30.0
MISSED_HEARTBEATS = 3

Apply = Callable[[Snapshot, Sealed, str], None]
"""Compile and swap, or raise ContractError and leave what runs alone. The last argument says where it came from."""


class Ending(Enum):
    """How an attempt to hold a session ended."""

    FAILED = auto()  # there never was one
    BROKEN = auto()  # it was live
    CLOSED = auto()  # by control
    REFUSED = auto()  # by control, in words
    RENEWAL = auto()  # by us, to come back with a CSR


class Enforced:
    """What the sidecar enforces now; it outlives every session."""

    def __init__(self, service: str, apply: Apply, state: StateDir, blocking: InThread = in_thread) -> None:
        self.service, self._apply, self._state, self._blocking = service, apply, state, blocking
        self.in_use: InUse | None = None

    def use(self, snapshot: Snapshot, sealed: Sealed, source: str) -> None:
        """Compile and swap; ContractError if it cannot be compiled, and then nothing has changed."""
        self._apply(snapshot, sealed, source)
        self.in_use = InUse(snapshot.version, sealed.digest)

    async def take(self, push: Push, signing_key: bytes) -> None:
        """Put a pushed snapshot in force and on disk; ContractError if it is refused."""
        snapshot = admit_push(push, signing_key, self.service, self.in_use)
        if self.in_use is None or self.in_use.digest != push.sealed.digest:
            self.use(snapshot, push.sealed, "push")
        try:
            await self._blocking(self._state.save_last_good, push.sealed)
        except OSError as error:
            record(logging.ERROR, "last_good_not_written", version=snapshot.version, why=str(error))


@dataclass(frozen=True, slots=True)
class Watch:
    """Who is told: of the welcome (may raise ContractError to end the session), of each frame, of each outcome."""

    welcomed: Callable[[Welcome], Awaitable[bytes]]
    """Takes the welcome in and gives the signing key to verify by."""
    heard: Callable[[], None]
    settled: Callable[[int, str], None]
    """Version and reason, "" for an ACK."""


class Session:
    """``await run()`` until the connection ends. Raises what the stream raises, TooSlowError for silence, and
    ContractError for a control that does not speak the protocol."""

    def __init__(self, stream: trio.abc.Stream, hello: Hello, enforced: Enforced, watch: Watch) -> None:
        self._wire = FrameStream(stream, MAX_FRAME_TO_SIDECAR)
        self._hello, self._enforced, self._watch = hello, enforced, watch
        self._state = State.AWAITING_WELCOME
        self._signing_key = b""
        self._silence_s = math.inf
        self.refusal: Refuse | None = None

    async def run(self) -> Ending:
        """Hello, then whatever control says."""
        await self._wire.send(frame(self._hello), WRITE_TIMEOUT_S)
        with trio.fail_after(WELCOME_TIMEOUT_S):
            going_on = await self._next()
        while going_on:
            going_on = await self._next()
        return Ending.CLOSED if self.refusal is None else Ending.REFUSED

    async def _next(self) -> bool:
        body = await self._wire.receive(self._silence_s)
        if body is None:
            return False
        message = decode_to_sidecar(body)
        self._state = after(self._state, message)
        self._watch.heard()
        match message:
            case Welcome():
                await self._welcome(message)
            case Refuse():
                self.refusal = message
            case Push():
                await self._push(message)
            case Ping():
                await self._wire.send(frame(message), WRITE_TIMEOUT_S)
        return self._state is not State.ENDED

    async def _welcome(self, welcome: Welcome) -> None:
        if welcome.protocol != PROTOCOL:
            raise ContractError("protocol", f"control answered in protocol {welcome.protocol}; this is {PROTOCOL}")
        self._signing_key = await self._watch.welcomed(welcome)
        self._silence_s = MISSED_HEARTBEATS * welcome.heartbeat_s

    async def _push(self, push: Push) -> None:
        reason = ""
        try:
            await self._enforced.take(push, self._signing_key)
        except ContractError as error:
            reason = f"{error.code}: {error}"
        except Exception as error:  # a bug in the compiler: it must not stop what runs, and control must hear of it
            logging.getLogger("sidegate.link").exception("compiling version %d failed", push.version)
            reason = f"internal: {type(error).__name__}"
        self._watch.settled(push.version, reason)
        if not reason:
            await self._wire.send(frame(Ack(push.nonce, push.version)), WRITE_TIMEOUT_S)
            return
        running = 0 if self._enforced.in_use is None else self._enforced.in_use.version
        await self._wire.send(frame(Nack(push.nonce, push.version, running, reason)), WRITE_TIMEOUT_S)
