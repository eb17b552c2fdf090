"""The process's own log as JSON lines: one object a record, tracebacks included, so that no value can forge a line."""

import json
import logging
import sys
from typing import TextIO


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


def write_journal(stream: TextIO = sys.stderr, level: int = logging.INFO) -> None:
    """Send every logger's records to ``stream``, as JSON lines."""
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonLines())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
