"""A connection to the service while the engine watches it: idle, or with the one caller whose request it carries."""

import select
from typing import TYPE_CHECKING

from sidecar.http1.client import ClientConnection

if TYPE_CHECKING:
    from .caller import Caller
    from .engine import Engine

_ENDED = select.EPOLLRDHUP | select.EPOLLHUP | select.EPOLLERR


class Service:
    """``ended``: the service has closed, so that no further request may follow."""

    __slots__ = ("_engine", "caller", "connection", "descriptor", "ended", "readable")

    def __init__(self, engine: "Engine", connection: ClientConnection, descriptor: int) -> None:
        self._engine = engine
        self.connection, self.descriptor = connection, descriptor
        self.caller: Caller | None = None
        self.ended = self.readable = False

    def ready(self, events: int) -> None:
        """The socket has something to say."""
        if events & _ENDED:
            self.ended = True
        if self.caller is not None:
            self.caller.answer_ready(events)
        elif events & ~select.EPOLLOUT:
            self._engine.pool.forget(self.connection)  # nobody has asked: closed, or out of step
