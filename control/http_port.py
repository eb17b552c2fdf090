"""The HTTP port: Hypercorn's HTTP/1.1, over connections that are bounded in number.

A connection that waits costs its owner nothing and us a descriptor, so whoever holds a thousand of them could keep the
operator out. At the bound the one that has waited longest, of the network that has most of them, makes room; one that
is being answered never does. HTTP/2 without TLS is not spoken: who begins with its preface gets 505 (RFC 9110 section
15.6.6), and an offer to upgrade to it is passed over (section 7.8). Knows nothing of what is served.
"""

import socket
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import trio
from hypercorn.app_wrappers import ASGIWrapper
from hypercorn.config import Config
from hypercorn.events import Closed, Event
from hypercorn.trio.tcp_server import TCPServer
from hypercorn.trio.worker_context import WorkerContext
from hypercorn.typing import ConnectionState
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from control.api.gate import ANSWERING, unsupported_version
from control.buckets import network_of

MAX_CONNECTIONS = 1000
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
"""RFC 9113 section 3.4."""


@dataclass(eq=False, slots=True)
class Held:
    """One connection. ``answering`` counts the requests that were let in and have no answer yet."""

    stream: trio.SocketStream
    network: str
    answering: int = 0


class Connections:
    """Those that are open, oldest first."""

    def __init__(self, most: int = MAX_CONNECTIONS) -> None:
        self._most = most
        self._held: dict[tuple[Any, ...], Held] = {}

    def __len__(self) -> int:
        return len(self._held)

    @contextmanager
    def holding(self, stream: trio.SocketStream) -> Iterator[bool]:
        """While the connection is served. False if there is room for no more: every other one is being answered."""
        try:
            peer = tuple(stream.socket.getpeername()[:2])
        except OSError:  # it is gone already
            yield False
            return
        if len(self._held) >= self._most and not self._make_room():
            yield False
            return
        held = self._held[peer] = Held(stream, network_of(str(peer[0])))
        try:
            yield True
        finally:
            if self._held.get(peer) is held:
                del self._held[peer]

    def watched(self, app: ASGIApp) -> ASGIApp:
        """``app``, told how to say that it answers a request which it has let in."""

        async def watching(scope: Scope, receive: Receive, send: Send) -> None:
            scope[ANSWERING] = partial(self._answering, tuple(scope.get("client") or ()))
            await app(scope, receive, send)

        return watching

    @contextmanager
    def _answering(self, peer: tuple[Any, ...]) -> Iterator[None]:
        held = self._held.get(peer)
        if held is None:
            yield
            return
        held.answering += 1
        try:
            yield
        finally:
            held.answering -= 1
            if self._held.get(peer) is held:  # it waits from now on, and so is the youngest of those that do
                self._held[peer] = self._held.pop(peer)

    def _make_room(self) -> bool:
        waiting = [(peer, held) for peer, held in self._held.items() if not held.answering]
        if not waiting:
            return False
        most = Counter(held.network for _, held in waiting).most_common(1)[0][0]
        peer, oldest = next((peer, held) for peer, held in waiting if held.network == most)
        del self._held[peer]
        oldest.stream.socket.close()  # whoever reads from it is told, and ends
        return True


def unread(app: ASGIApp) -> ASGIApp:
    """``app``; what it has not read of a body when its answer is done is thrown away. Hypercorn's reader waits for room
    in a queue of ten parts, and its end of an answer waits for that queue too: neither would ever go on."""

    async def reading(scope: Scope, receive: Receive, send: Send) -> None:
        whole = False

        async def receiving() -> Message:
            nonlocal whole
            message = await receive()
            whole = not message.get("more_body", False)
            return message

        async def sending(message: Message) -> None:
            if whole or message["type"] != "http.response.body" or message.get("more_body", False):
                await send(message)
                return
            async with trio.open_nursery() as nursery:
                nursery.start_soon(_discard, receive)
                await send(message)
                nursery.cancel_scope.cancel()

        await app(scope, receiving, sending)

    return reading


async def _discard(receive: Receive) -> None:
    while True:
        await receive()


class _Http1(TCPServer):
    """Hypercorn's connection, which looks at no request for an upgrade to HTTP/2."""

    async def protocol_send(self, event: Event) -> None:
        """An answer that comes while the connection is being closed, since what followed was no HTTP, has no reader."""
        try:
            await super().protocol_send(event)
        except trio.BusyResourceError:
            await self.protocol.handle(Closed())

    @property
    def protocol(self) -> Any:
        """What Hypercorn puts here when a connection begins."""
        return self._protocol

    @protocol.setter
    def protocol(self, wrapper: Any) -> None:
        wrapper.protocol._check_protocol = _nothing
        self._protocol = wrapper


async def _nothing(_request: object) -> None:
    """Every request is one of HTTP/1; the gate refuses those that say to be of another version."""


async def _begins_as_http_1(stream: trio.SocketStream, within_s: float) -> bool:
    """Looks at the first bytes and leaves them there. HTTP/2 gets its answer; who says nothing gets none."""
    try:
        with trio.move_on_after(within_s):
            first = await stream.socket.recv(len(PREFACE), socket.MSG_PEEK)
            if first != PREFACE:
                return first != b""
            answer = unsupported_version().response()
            fields = [(b"connection", b"close"), *answer.raw_headers]
            head = b"".join(b"%s: %s\r\n" % field for field in dict(fields).items())
            await stream.send_all(b"HTTP/1.1 505 HTTP Version Not Supported\r\n" + head + b"\r\n" + bytes(answer.body))
            await stream.send_eof()
            while await stream.receive_some():  # what is left unread would end the connection before the answer
                pass
    except (OSError, trio.BrokenResourceError, trio.ClosedResourceError):
        pass  # it has gone, or made room
    return False


async def serve_http(
    app: ASGIApp,
    config: Config,
    listener: trio.SocketListener,
    end: trio.Event,
    *,
    connections: Connections | None = None,
    task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Serves until ``end``; answers under way then have ``config.graceful_timeout``."""
    held, context = Connections() if connections is None else connections, WorkerContext(None)
    wrapped: Any = ASGIWrapper(unread(held.watched(app)))  # type: ignore[arg-type]  # two spellings of one protocol

    async def connection(stream: trio.SocketStream) -> None:
        with held.holding(stream) as admitted:
            if admitted and await _begins_as_http_1(stream, config.keep_alive_timeout):
                await _Http1(wrapped, config, context, ConnectionState({}), stream)  # type: ignore[arg-type]  # TLS or not
            else:
                await trio.aclose_forcefully(stream)

    async with trio.open_nursery() as answering:
        async with trio.open_nursery() as accepting:
            accepting.start_soon(partial(trio.serve_listeners, connection, [listener], handler_nursery=answering))
            task_status.started()
            await end.wait()
            accepting.cancel_scope.cancel()
        await context.terminated.set()
        answering.cancel_scope.deadline = trio.current_time() + config.graceful_timeout
