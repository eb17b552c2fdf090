"""One connection to control, from the hello to its end. Works on any trio stream; TLS is ``dial``'s affair.

What is pushed is put in force by ``enforced``, then kept on disk, and only then acknowledged; what cannot be enforced
is answered with a NACK that says why.
"""

import logging
import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import trio

from sidecar.contract.messages import (
    MAX_FRAME_TO_SIDECAR,
    REPORT_SINCE,
    Ack,
    Hello,
    Increments,
    Nack,
    Ping,
    Push,
    Refresh,
    Refuse,
    Report,
    Welcome,
    decode_to_sidecar,
    frame,
)
from sidecar.contract.strict import ContractError

from .conversation import Action, State, after
from .enforced import Enforced
from .refreshes import Refreshes
from .wire import FrameStream

WELCOME_TIMEOUT_S = 15.0
WRITE_TIMEOUT_S = 30.0
KEEP_AGAIN_S = 10.0
MISSED_HEARTBEATS = 3
REPORT_EVERY_S = 10.0


@dataclass(frozen=True, slots=True)
class Watch:
    """Who is told: of the welcome (may raise ContractError to end the session), of each frame, of each outcome; and who
    has something to tell."""

    welcomed: Callable[[Welcome], Awaitable[bytes]]
    """Takes the welcome in and gives the signing key to verify by."""
    heard: Callable[[], None]
    settled: Callable[[int, str], None]
    """Version and reason, "" for an ACK."""
    reports: Callable[[], list[Report]] = list
    """Takes what is to be told of the requests since it was last asked."""


class Session:
    """``await run()`` until the connection ends. Raises what the stream raises, TooSlowError for silence, and
    ContractError for a control that does not speak the protocol."""

    def __init__(
        self, stream: trio.abc.Stream, hello: Hello, enforced: Enforced, watch: Watch, refreshes: Refreshes
    ) -> None:
        self._wire = FrameStream(stream, MAX_FRAME_TO_SIDECAR)
        self.protocol = hello.protocol
        self._hello, self._enforced, self._watch, self._refreshes = hello, enforced, watch, refreshes
        self.state = State.AWAITING_WELCOME
        self._signing_key = b""
        self._silence_s = math.inf
        self._acks: list[Ack] = []
        self._taken = trio.Event()
        self.refusal: Refuse | None = None

    async def run(self) -> None:
        """Hello, then whatever control says, until it closes; ``refusal`` has its last word."""
        await self._wire.send(frame(self._hello), WRITE_TIMEOUT_S)
        with trio.fail_after(WELCOME_TIMEOUT_S):
            going_on = await self._next()
        if going_on:
            await self._live()

    async def _live(self) -> None:
        failures: list[Exception] = []
        async with trio.open_nursery() as nursery:

            async def until_it_ends(work: Callable[[], Awaitable[None]]) -> None:
                try:
                    await work()
                except Exception as error:  # raised again outside of the nursery, which would wrap it
                    failures.append(error)
                nursery.cancel_scope.cancel()

            nursery.start_soon(until_it_ends, self._tell_refreshes)
            nursery.start_soon(until_it_ends, self._keep_and_acknowledge)
            if self.protocol >= REPORT_SINCE:
                nursery.start_soon(until_it_ends, self._tell_reports)
            await until_it_ends(self._listen)
        with trio.CancelScope(shield=True):
            await self._enforced.keep()
        if failures:
            raise failures[0]

    async def _listen(self) -> None:
        while await self._next():
            pass

    async def _tell_refreshes(self) -> None:
        self._refreshes.connected = True
        try:
            while True:
                message = Refresh(await self._refreshes.next())
                await self._wire.send(frame(message), WRITE_TIMEOUT_S)
        finally:
            self._refreshes.disconnected()

    async def _tell_reports(self) -> None:
        while True:
            await trio.sleep(REPORT_EVERY_S)
            for report in self._watch.reports():
                await self._wire.send(frame(report), WRITE_TIMEOUT_S)

    async def _keep_and_acknowledge(self) -> None:
        """What came while the disk was busy is written together; what a full disk did not take, when it does."""
        while True:
            with trio.move_on_after(math.inf if self._enforced.kept else KEEP_AGAIN_S):
                await self._taken.wait()
            self._taken = trio.Event()
            acks, self._acks = self._acks, []
            await self._enforced.keep()
            for ack in acks:
                self._watch.settled(ack.version, "")
                await self._wire.send(frame(ack), WRITE_TIMEOUT_S)

    async def _next(self) -> bool:
        body = await self._wire.receive(self._silence_s)
        if body is None:
            return False
        message = decode_to_sidecar(body)
        state, action = after(self.state, message)
        self._watch.heard()
        match message, action:
            case Welcome(), Action.TAKE_IN:
                await self._welcome(message)
            case Refuse(), Action.HEED:
                self.refusal = message
            case Push() | Increments(), Action.ENFORCE:
                await self._push(message)
            case Ping(), Action.ECHO:
                await self._wire.send(frame(message), WRITE_TIMEOUT_S)
        self.state = state
        return state is not State.ENDED

    async def _welcome(self, welcome: Welcome) -> None:
        if welcome.protocol != self.protocol:
            said = f"control answered in protocol {welcome.protocol}; the hello said {self.protocol}"
            raise ContractError("protocol", said)
        self._signing_key = await self._watch.welcomed(welcome)
        self._silence_s = MISSED_HEARTBEATS * welcome.heartbeat_s

    async def _push(self, push: Push | Increments) -> None:
        reason = ""
        try:
            await self._enforced.take(push, self._signing_key)
        except ContractError as error:
            reason = f"{error.code}: {error}"
        except Exception as error:  # a bug in the compiler: it must not stop what runs, and control must hear of it
            logging.getLogger("sidegate.link").exception("compiling version %d failed", push.version)
            reason = f"internal: {type(error).__name__}"
        in_use = self._enforced.in_use
        if not reason and in_use is not None:
            self._acks.append(Ack(push.nonce, push.version, in_use.digest))
            self._taken.set()
            return
        self._watch.settled(push.version, reason)
        running = 0 if in_use is None else in_use.version
        await self._wire.send(frame(Nack(push.nonce, push.version, running, reason)), WRITE_TIMEOUT_S)
