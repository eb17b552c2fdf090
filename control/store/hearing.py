"""Hearing that a shared PostgreSQL has changed: a connection that listens (LISTEN, NOTIFY), and a look every two
seconds for what was not heard, because a notification that is sent while the connection is broken is lost.

One thread. Refuses to know what has changed: whoever is told looks for himself.
"""

import logging
import select
import socket
import threading
from collections.abc import Callable, Mapping
from typing import Any

import psycopg
from sqlalchemy import URL

from .database import CHANNEL

POLL_S = 2.0
READ_S = 0.1
RETRY_S = 1.0
_log = logging.getLogger("control.store")


class Hearing(threading.Thread):
    """``changed`` is called from this thread: with True when something was heard, with False for a look."""

    def __init__(self, url: URL, bounds: Mapping[str, Any], changed: Callable[[bool], None]) -> None:
        super().__init__(name="hearing", daemon=True)
        self._url, self._bounds, self._changed = url.render_as_string(hide_password=False), dict(bounds), changed
        self._over = threading.Event()
        self._stopper, self._stopped = socket.socketpair()

    def stop(self) -> None:
        """End it; returns when it has."""
        if self._over.is_set():
            return
        self._over.set()
        self._stopper.send(b"x")
        self.join()
        self._stopper.close()
        self._stopped.close()

    def run(self) -> None:
        """Until it is stopped."""
        said = False
        while not self._over.is_set():
            try:
                with psycopg.connect(self._url, autocommit=True, **self._bounds) as connection:
                    connection.execute(f"LISTEN {CHANNEL}")
                    said = False
                    self._tell(True)
                    self._listen(connection)
            except psycopg.Error as error:
                if not said:
                    _log.warning("the database cannot be listened to: %s", _first_line(error))
                said = True
                self._over.wait(RETRY_S)

    def _listen(self, connection: psycopg.Connection[Any]) -> None:
        poll = select.poll()
        poll.register(connection.fileno(), select.POLLIN)
        poll.register(self._stopped.fileno(), select.POLLIN)
        while not self._over.is_set():
            spoken = any(descriptor == connection.fileno() for descriptor, _ in poll.poll(1000 * POLL_S))
            # What is there is read at once; the time is for what turns out to be no notification.
            self._tell(spoken and any(True for _ in connection.notifies(timeout=READ_S, stop_after=1)))

    def _tell(self, heard: bool) -> None:
        if self._over.is_set():
            return
        try:
            self._changed(heard)
        except Exception:  # the database is away, for instance: it is tried again at the next look
            _log.debug("a change could not be looked at", exc_info=True)


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
