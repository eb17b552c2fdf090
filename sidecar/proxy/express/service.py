"""A connection to the service while the engine watches it: idle, or with the one exchange that it carries."""

import select
from typing import TYPE_CHECKING

from sidecar.http1.client import ClientConnection

if TYPE_CHECKING:
    from .engine import Engine
    from .under import Under

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
