"""Sockets bound before anything else happens, so that a port that is taken is one sentence and leaves no trace."""

import os
import socket
import stat
from dataclasses import dataclass
from pathlib import Path

import trio

from control.settings import address

BACKLOG = 4096
"""How many may wait in the kernel; Linux allows as many unless it is told otherwise. A fleet that finds no place there
tries again after seconds, each sidecar by itself."""
STALLED_READER_MS = 20_000
"""How long a peer may leave what was sent to it unread (TCP_USER_TIMEOUT, RFC 5482)."""


class BindError(Exception):
    """An address that cannot be listened on. The text says why and what to do."""


@dataclass(slots=True)
class Bound:
    """A bound socket. ``shown`` is the address that others use, with the real port."""

    socket: socket.socket
    shown: str
    path: Path | None = None

    def detach(self) -> int:
        """The file descriptor, which now belongs to the caller."""
        return self.socket.detach()

    def listener(self) -> trio.SocketListener:
        """Listening, for trio."""
        self.socket.listen(BACKLOG)
        return trio.SocketListener(trio.socket.from_stdlib_socket(self.socket))

    def close(self) -> None:
        """Lets go of it; a unix socket's file goes too."""
        self.socket.close()
        if self.path is not None:
            self.path.unlink(missing_ok=True)


def bind_http(text: str) -> Bound:
    """``host:port``, for the admin API and the issuer."""
    return _tcp("--http", text)


def bind_push(text: str) -> Bound:
    """``host:port`` or ``unix:/path``, for sidecars."""
    return _unix(Path(text.removeprefix("unix:"))) if text.startswith("unix:") else _tcp("--push", text)


def _tcp(flag: str, text: str) -> Bound:
    host, port = address(text)
    try:
        family, kind, number, _, where = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        bound = socket.socket(family, kind, number)
    except OSError as error:
        raise BindError(f"{flag} {text}: {error.strerror}.") from None
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if hasattr(socket, "TCP_USER_TIMEOUT"):
            bound.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, STALLED_READER_MS)
        bound.bind(where)
        bound.listen(BACKLOG)
    except OSError as error:
        bound.close()
        why = os.strerror(error.errno) if error.errno else str(error)
        raise BindError(f"{flag} {text}: {why}. Choose another address with {flag}.") from None
    name, real_port = bound.getsockname()[:2]
    shown = host if host == "localhost" else name
    return Bound(bound, f"[{shown}]:{real_port}" if ":" in shown else f"{shown}:{real_port}")


def _unix(path: Path) -> Bound:
    bound = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        _remove_stale(path)
        bound.bind(str(path))
        bound.listen(BACKLOG)
    except OSError as error:
        bound.close()
        why = os.strerror(error.errno) if error.errno else str(error)
        raise BindError(f"--push unix:{path}: {why}.") from None
    except BindError:
        bound.close()
        raise
    return Bound(bound, f"unix:{path}", path)


def _remove_stale(path: Path) -> None:
    """Removes a socket that nobody listens on; one that is alive, or another file, is in the way."""
    try:
        if not stat.S_ISSOCK(path.lstat().st_mode):
            raise BindError(f"--push unix:{path}: something else is there, and it is no socket.")
    except FileNotFoundError:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            path.unlink()
        else:
            raise BindError(f"--push unix:{path}: another process listens there.")
