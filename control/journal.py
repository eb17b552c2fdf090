"""The process's own log as JSON lines on stderr: one object a record, tracebacks included.

The same form as a sidecar's journal. No value can forge a line. Knows no secret: whoever logs passes none.
"""

import json
import logging
import sys
from typing import TextIO

_CHATTY = ("alembic", "sqlalchemy", "hypercorn")


class JsonLines(logging.Formatter):
    """A record as one line. A message that is a JSON object already is merged in."""

    def format(self, record: logging.LogRecord) -> str:
        """The line, without its end."""
        fields: dict[str, object] = {
            "time": round(record.created, 6),
            "kind": record.name,
            "level": record.levelname.lower(),
        }
        text = record.getMessage()
        fields |= _object(text) or {"message": text}
        if record.exc_info:
            fields["error"] = self.formatException(record.exc_info)
        return json.dumps(fields, default=str)


def _object(text: str) -> dict[str, object] | None:
    if not text.startswith("{"):
        return None
    try:
        value = json.loads(text)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def write_journal(level: str, stream: TextIO = sys.stderr) -> None:
    """Sends every logger's records of ``level`` and above to ``stream``; libraries speak from warnings upward."""
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonLines())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for name in _CHATTY:
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level))
