"""The push server: connections in, sessions out.

A connection has four parts, each with its own time and size: TLS, the hello, its judgement, the session. Whatever
goes wrong in one ends that one connection. Nothing here decides who may come in (``admission``) or what anyone
should run (``desired``).
"""

import errno
import logging
import math
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial

import trio

from control.errors import Denied
from sidecar.contract.messages import MAX_FRAME_TO_CONTROL, Hello, Refuse, Welcome, frame
from sidecar.contract.strict import ContractError

from .admission import Admission, Admitted
from .conversation import Conversation
from .core import Core
from .fleet import Fleet
from .journal import record
from .knock import address_of, has_hung_up, has_spoken
from .session import Line, Pace, Session, Watch, begin
from .threads import Threads
from .tls import TlsStream
from .waiting_room import Seat, WaitingRoom
from .wire import FrameStream

TROUBLE = (trio.BrokenResourceError, trio.ClosedResourceError, trio.TooSlowError, OSError)
"""What a connection can end with that is nobody's fault here."""

_NO_ROOM = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOBUFS})
ACCEPT_AGAIN_S = 0.1
FAREWELL_S = 1.0
"""How long a Refuse may take."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Every bound of the push server."""

    connections: int = 20_000
    silent: int = 4096
    unauthenticated: int = 256
    line: int = 1024
    fair_s: float = 2.0
    handshake_timeout_s: float = 10.0
    hello_timeout_s: float = 10.0
    core_threads: int = 8
    pace: Pace = field(default_factory=Pace)


Opening = Callable[[], Awaitable[tuple[trio.abc.Stream, bytes | None]]]
"""Makes a stream ready; gives the verified client certificate with it, if one was shown."""


class PushServer(Fleet):
    """``await serve(listeners)``; what ``Fleet`` answers may be asked from the same trio thread at any time."""

    def __init__(
        self,
        core: Core,
        *,
        limits: Limits | None = None,
        now: Callable[[], float] = time.time,
        threads: Threads | None = None,
    ) -> None:
        self._limits, self._now = limits or Limits(), now
        super().__init__(core, threads or Threads(self._limits.core_threads), now)
        self._admission = Admission(core, self._threads)
        self._lobby = WaitingRoom(self._limits.silent, 0, self._limits.fair_s)
        self._waiting = WaitingRoom(self._limits.unauthenticated, self._limits.line, self._limits.fair_s)
        self._open = 0
        self._writers: trio.Nursery | None = None
        self._watch = Watch(self._answered, self._refreshes.ask)
        self._turned_away, self._say_so_from = 0, -math.inf

    async def serve(
        self,
        listeners: Sequence[trio.abc.Listener[trio.SocketStream]],
        *,
        task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
    ) -> None:
        """Accept for ever. Takes responsibility for the listeners."""
        async with trio.open_nursery() as nursery:
            await nursery.start(self.distribute)
            for listener in listeners:
                nursery.start_soon(self._accept, listener, nursery)
            task_status.started()

    async def distribute(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Hand on what changes; ``serve`` without the listening."""
        async with trio.open_nursery() as nursery:
            self._writers = nursery
            nursery.start_soon(self._admission.run)
            nursery.start_soon(self._refreshes.run)
            nursery.start_soon(self._sightings.run)
            await nursery.start(self._orders.run)
            task_status.started()

    async def _accept(self, listener: trio.abc.Listener[trio.SocketStream], nursery: trio.Nursery) -> None:
        """While the line is full, newcomers wait in the kernel, where they cost nothing: turned away, a fleet would
        come again and again until nothing else was done."""
        async with listener:
            while True:
                await self._waiting.has_place()
                try:
                    raw = await listener.accept()
                except OSError as error:
                    if error.errno not in _NO_ROOM:
                        raise
                    record(logging.ERROR, "accept_failed", why=_said(error))
                    await trio.sleep(ACCEPT_AGAIN_S)
                else:
                    nursery.start_soon(self._accepted, raw)

    async def _accepted(self, raw: trio.SocketStream) -> None:
        address = address_of(raw)

        async def tls() -> tuple[trio.abc.Stream, bytes | None]:
            if has_hung_up(raw):
                raise trio.BrokenResourceError("it did not wait for its turn")
            stream = TlsStream(raw, self._core.server_context())
            streams.append(stream)
            # Not fail_after, which leaves a cycle with all of the stream in it for each who was too slow.
            with trio.move_on_after(self._limits.handshake_timeout_s):
                await stream.do_handshake()
                return stream, stream.certificate()
            raise trio.TooSlowError

        streams: list[trio.abc.AsyncResource] = [raw]
        try:
            if await self._speaks(raw, address):
                await self.connection(tls, address)
        finally:
            await trio.aclose_forcefully(streams[-1])

    async def _speaks(self, raw: trio.SocketStream, address: str) -> bool:
        """TLS begins with the client's hello (RFC 8446 section 4.1.2). Who has not begun takes nobody's seat."""
        if has_spoken(raw):
            return True
        spoke = False
        async with self._lobby.wait() as place:
            if place is None:
                self._turn_away(address, "too many silent connections")
                return False
            with trio.move_on_after(self._limits.handshake_timeout_s):
                await trio.lowlevel.wait_readable(raw.socket)
                spoke = True
        return spoke

    async def connection(self, opening: Opening, address: str) -> None:
        """One connection from its first byte to its last. Never raises: what goes wrong concerns nobody else."""
        if self._open >= self._limits.connections:
            self._turn_away(address, "too many connections")
            return
        self._open += 1
        try:
            await self._converse(opening, address)
        except TROUBLE as error:
            record(logging.INFO, "connection_failed", address=address, why=_said(error))
        except Exception:  # a bug, or the store: it ends this connection and not its siblings
            logging.getLogger("sidegate.control.push").exception("a connection failed")
        finally:
            self._open -= 1

    async def _converse(self, opening: Opening, address: str) -> None:
        entered: tuple[Session, Admitted, FrameStream, Conversation] | None = None
        async with self._waiting.wait() as seat:
            if seat is None:
                self._turn_away(address, "too many unauthenticated connections")
                return
            stream, presented = await opening()
            entered = await self._enter(seat, FrameStream(stream, MAX_FRAME_TO_CONTROL), presented, address)
        if entered is None:
            return
        session, admitted, wire, talk = entered
        try:
            await self._stay(session, admitted, wire, talk)
        finally:
            self._leave(session)
        if session.refusal is not None:
            await self._refuse(wire, session.refusal, address)

    def _turn_away(self, address: str, why: str) -> None:
        """One line a second at most: a crowd at the door shall not fill the log instead."""
        self._turned_away += 1
        if trio.current_time() >= self._say_so_from:
            record(logging.WARNING, "turned_away", address=address, why=why, count=self._turned_away)
            self._turned_away, self._say_so_from = 0, trio.current_time() + 1

    async def _enter(
        self, seat: Seat, wire: FrameStream, presented: bytes | None, address: str
    ) -> tuple[Session, Admitted, FrameStream, Conversation] | None:
        """From the hello to a place in the registry."""
        talk = Conversation()
        try:
            body = await wire.receive_within(self._limits.hello_timeout_s)
            hello = None if body is None else talk.receive(body)
            if not isinstance(hello, Hello):
                return None
            seat.has_spoken()
            admitted = await self._admission.admit(hello, presented, address)
            if self._orders.is_revoked(admitted.sidecar.id):
                raise Denied("this sidecar was taken out of the mesh", "revoked")
            session = begin(admitted.sidecar.id, hello, address, self._now())
            if not self._registry.add(session):
                raise Denied("this sidecar is connected too many times", "too_many")
            self._rollouts.expect(session)
            self._sightings.note(session)
        except (Denied, ContractError) as error:
            await self._refuse(wire, Refuse(error.code, str(error)), address)
            return None
        return session, admitted, wire, talk

    async def _stay(self, session: Session, admitted: Admitted, wire: FrameStream, talk: Conversation) -> None:
        """From the welcome to the end, for which ``session`` then holds the reason."""
        line = Line(wire, talk, self._limits.pace.among(len(self._registry)), self._begin)
        with session.scope:
            session.scope.deadline = trio.current_time() + admitted.not_after - self._now()
            await self._ending(session, partial(self._serve, session, admitted.certificate, line))
        await session.hush()
        if session.scope.cancelled_caught and not session.why:
            session.end("expired", "the certificate has expired: come back with a request for the next one")

    async def _serve(self, session: Session, certificate: bytes | None, line: Line) -> None:
        pace, key = line.pace, self._core.signing_public_key
        welcome = Welcome(session.sidecar_id, key, pace.heartbeat_s, certificate, session.protocol)
        if not line.wire.send_nowait(frame(welcome)):
            await line.wire.flush(pace.write_timeout_s)
        record(logging.INFO, "connected", **_named(session), version=session.version)
        self._tell("connected", session)
        await self._orders.greet(session)
        await session.live(line, self._now, self._watch)

    def _begin(self, session: Session, work: Callable[[], Awaitable[None]]) -> None:
        """A task beside the session's own."""
        if self._writers is None:
            raise AssertionError("nobody distributes")

        async def writer() -> None:
            try:
                await self._ending(session, work)
            except Exception:  # a bug: it ends this session and not its siblings
                logging.getLogger("sidegate.control.push").exception("a connection failed")
                session.fail("a fault of control")

        self._writers.start_soon(writer)

    async def _ending(self, session: Session, work: Callable[[], Awaitable[None]]) -> None:
        """``work``; what goes wrong with it ends the session."""
        try:
            await work()
        except (Denied, ContractError) as error:
            session.end(error.code, str(error))
        except TROUBLE as error:
            session.fail(_said(error))

    def _leave(self, session: Session) -> None:
        self._registry.remove(session)
        self._rollouts.left(session)
        self._sightings.note(session)
        record(logging.INFO, "disconnected", **_named(session), version=session.version, why=session.why)
        self._tell("disconnected", session)

    async def _refuse(self, wire: FrameStream, refusal: Refuse, address: str) -> None:
        record(logging.WARNING, "refused", address=address, code=refusal.code, why=refusal.message)
        with suppress(*TROUBLE):
            await wire.send(frame(refusal), FAREWELL_S)

    def _answered(self, session: Session) -> None:
        if session.nacked is None:
            record(logging.DEBUG, "ack", **_named(session), version=session.version)
        else:
            refused, why = session.nacked
            record(logging.ERROR, "nack", **_named(session), refused=refused, version=session.version, why=why)
        self._rollouts.answered(session)
        self._tell("acked" if session.nacked is None else "nacked", session)


def _named(session: Session) -> dict[str, object]:
    return {"sidecar_id": session.sidecar_id, "service": session.service, "address": session.address}


def _said(error: BaseException) -> str:
    """The innermost reason: trio wraps what TLS or the socket said."""
    while error.__cause__ is not None:
        error = error.__cause__
    return "no answer in time" if isinstance(error, trio.TooSlowError) else str(error) or type(error).__name__
