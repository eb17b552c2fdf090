"""The process's own log, on stderr, as JSON lines."""

import logging
import sys
from typing import TextIO

from sidecar.contract.journal import JsonLines


def write_journal(stream: TextIO = sys.stderr, level: int = logging.INFO) -> None:
    """Send every logger's records of ``level`` and above to ``stream``."""
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonLines())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
