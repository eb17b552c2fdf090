"""One JSON line per event, through stdlib logging. Refuses to know who reads it; callers pass no secrets."""

import json
import logging

_LOGGER = logging.getLogger("sidegate.control.push")


def record(level: int, event: str, **facts: object) -> None:
    """Log ``event`` with its facts. What a peer sent is escaped by JSON, so that no line can be forged."""
    if _LOGGER.isEnabledFor(level):
        _LOGGER.log(level, "%s", json.dumps({"event": event, **facts}, default=str))
