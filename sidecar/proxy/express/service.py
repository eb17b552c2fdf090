"""A connection to the service while the engine watches it: idle, or with the one exchange that it carries."""

import select
from os import read
from typing import TYPE_CHECKING

from sidecar.http1.client import ClientConnection

if TYPE_CHECKING:
    from .engine import Engine
    from .under import Under

PIECE_BYTES = 96 * 1024
"""Read of a response at a time: its head and 64 KiB of its body, which is what many a service sends, in one."""
_ENDED = select.EPOLLRDHUP | select.EPOLLHUP | select.EPOLLERR


class Service:
    """``ended``: the service has closed, so that no further request may follow."""

    __slots__ = ("_engine", "connection", "descriptor", "ended", "readable", "under")

    def __init__(self, engine: "Engine", connection: ClientConnection, descriptor: int) -> None:
        self._engine = engine
        self.connection, self.descriptor = connection, descriptor
        self.under: Under | None = None
        self.ended = self.readable = False

    def ready(self, events: int) -> None:
        """The socket has something to say."""
        if events & _ENDED:
            self.ended = True
        if self.under is not None:
            self.under.service_ready(events)
        elif events & ~select.EPOLLOUT:
            self._engine.pool.forget(self.connection)  # nobody has asked: closed, or out of step

    def take(self) -> bytes | None:
        """What it has sent; None: nothing yet; b"": it has ended."""
        try:
            data = read(self.descriptor, PIECE_BYTES)
        except BlockingIOError:
            return None
        except OSError:
            data = b""
        if not data:
            self.ended = True
        return data
