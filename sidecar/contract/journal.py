"""The form of a line of the process's own log, the same in both planes: one JSON object a record.

Tracebacks included, so that no value can begin a line of its own. Whoever logs passes no secret;
what looks like one all the same is masked.
"""

import json
import logging

from .secrets import masked


class JsonLines(logging.Formatter):
    """A record as one line. A message that is a JSON object already is merged in, but cannot say who logged it."""

    def format(self, record: logging.LogRecord) -> str:
        """The line, without its end."""
        text = record.getMessage()
        fields: dict[str, object] = {
            "time": round(record.created, 6),
            "kind": record.name,
            "level": record.levelname.lower(),
        }
        fields = fields | (_object(text) or {"message": text}) | fields
        if record.exc_info:
            fields["error"] = self.formatException(record.exc_info)
        return masked(json.dumps(fields, default=str))


def _object(text: str) -> dict[str, object] | None:
    if not text.startswith("{"):
        return None
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None
