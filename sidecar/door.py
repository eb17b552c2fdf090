"""Where callers come in: listening sockets, accepted from until told, and closed without losing anybody.

A listening socket that is closed resets what the kernel has queued for it: callers who are connected as far as they
know. So at the end nothing new is let into the queue, what is in it is accepted, and only then the socket closes.
"""

import ctypes
import errno
import logging
import os
import socket
import struct
import sys
from collections.abc import Awaitable, Callable, Iterator, Sequence
from itertools import islice

import trio

from .spelling import address

BACKLOG = 1024
AT_ONCE = 64
"""Let in before it is another task's turn."""
BREATH_S = 0.1
"""How long to wait when the process or the system has no descriptor left for a connection."""

_EXHAUSTED = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOBUFS})
_SO_ATTACH_FILTER = 26  # Linux; missing in the socket module
_DROP_ALL = struct.pack("HBBI", 0x06, 0, 0, 0)  # classic BPF: return 0, that is, keep nothing of any packet

_log = logging.getLogger("sidecar")

Handler = Callable[[trio.SocketStream], Awaitable[None]]


class DoorError(Exception):
    """A port that cannot be opened. The text says which and why."""


def open_sockets(name: str, text: str, *, shared: bool = False) -> list[socket.socket]:
    """Sockets bound to ``HOST:PORT``, one for each address of the host. ``name`` is the setting, for people.
    ``shared``: other processes of ours bind the same (SO_REUSEPORT)."""
    host, port = address(text)
    opened: list[socket.socket] = []
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        for family, where in dict.fromkeys((family, where) for family, _, _, _, where in found):
            opened.append(bound(family, where, shared=shared))
    except OSError as error:
        for one in opened:
            one.close()
        why = error.strerror or str(error)
        raise DoorError(f"{name} {text}: {why}; choose another address with --{name}") from error
    return opened


def _keep_alive(one: socket.socket) -> None:
    """Peers that vanish without a word are found out in two minutes: accepted sockets inherit it on Linux."""
    one.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in (("TCP_KEEPIDLE", 60), ("TCP_KEEPINTVL", 15), ("TCP_KEEPCNT", 4)):
        if hasattr(socket, name):
            one.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)


def bound(family: int, where: Sequence[object], *, shared: bool) -> socket.socket:
    """A socket that is bound and does not listen yet; OSError if it cannot be."""
    one = socket.socket(family, socket.SOCK_STREAM)
    try:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        _keep_alive(one)
        if family == socket.AF_INET6:
            one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        if shared:
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        one.bind(tuple(where))
    except BaseException:
        one.close()
        raise
    return one


def url(one: socket.socket, scheme: str = "http") -> str:
    """Where a bound socket can be reached."""
    host, port = one.getsockname()[:2]
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"


class Door:
    """Listens on ``sockets`` from now on, and owns them."""

    def __init__(self, sockets: Sequence[socket.socket]) -> None:
        self._sockets = list(sockets)
        for one in self._sockets:
            one.listen(BACKLOG)
        self.close, self.closed = trio.Event(), trio.Event()
        self._listeners = [trio.SocketListener(trio.socket.from_stdlib_socket(one)) for one in self._sockets]

    async def serve(self, handler: Handler, handlers: trio.Nursery) -> None:
        """Accept, and start a handler in ``handlers`` for each, until ``close`` is set; then close, with nobody lost,
        and set ``closed``."""
        try:
            async with trio.open_nursery() as accepting:
                for listener, one in zip(self._listeners, self._sockets, strict=True):
                    accepting.start_soon(_accept, listener, one, handler, handlers)
                await self.close.wait()
                accepting.cancel_scope.cancel()
            for stream in self._last_ones():
                handlers.start_soon(handler, stream)
            # Who hears that the door is closed counts those inside: let every handler begin before.
            await trio.lowlevel.checkpoint()
        finally:
            for listener in self._listeners:
                listener.socket.close()
            self.closed.set()

    def _last_ones(self) -> list[trio.SocketStream]:
        streams: list[trio.SocketStream] = []
        for one in self._sockets:
            _let_nobody_in(one)
            streams += _waiting(one)
        return streams


def _waiting(one: socket.socket) -> Iterator[trio.SocketStream]:
    """Those who wait to be let in, without waiting for more."""
    while True:
        try:
            accepted, _ = one.accept()  # trio made it non-blocking
        except ConnectionAbortedError:
            continue
        except OSError:  # nobody left, or no descriptor
            return
        yield trio.SocketStream(trio.socket.from_stdlib_socket(accepted))


async def _accept(listener: trio.SocketListener, one: socket.socket, handler: Handler, handlers: trio.Nursery) -> None:
    while True:
        try:
            stream = await listener.accept()
        except OSError as error:
            if error.errno not in _EXHAUSTED:
                raise
            _log.error("no connection can be accepted: %s", os.strerror(error.errno or 0))
            await trio.sleep(BREATH_S)
        else:
            # A process with much to do comes here some 200 times a second, so that one at a time would be too few.
            for accepted in (stream, *islice(_waiting(one), AT_ONCE - 1)):
                handlers.start_soon(handler, accepted)


def _let_nobody_in(one: socket.socket) -> None:
    """Drop every packet that is for this socket, so that a caller who comes now tries again and is then refused,
    instead of being queued and reset."""
    if sys.platform == "linux":
        code = ctypes.create_string_buffer(_DROP_ALL)
        try:
            one.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, struct.pack("HL", 1, ctypes.addressof(code)))
        except OSError:  # a kernel that has no filters: the window is a few microseconds wide
            _log.debug("no socket filters here")
