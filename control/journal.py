"""The process's own log, on stderr, as JSON lines of the same form as a sidecar's."""

import logging
import sys
from typing import TextIO

from sidecar.contract.journal import JsonLines

_CHATTY = ("alembic", "sqlalchemy", "hypercorn")


def write_journal(level: str, stream: TextIO = sys.stderr) -> None:
    """Sends every logger's records of ``level`` and above to ``stream``; libraries speak from warnings upward."""
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonLines())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for name in _CHATTY:
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level))
