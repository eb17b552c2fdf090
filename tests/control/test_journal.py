"""Control's own log: one JSON object a line, whatever is said."""

import io
import json
import logging

import pytest

from sidecar.contract.journal import JsonLines


def _line(message: str, *arguments: object, error: BaseException | None = None) -> str:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonLines())
    info = None if error is None else (type(error), error, error.__traceback__)
    handler.handle(logging.LogRecord("control", logging.WARNING, "", 0, message, arguments, info))
    return stream.getvalue()


@pytest.mark.parametrize("message", ["plain", "two\nlines", '{"broken', "[1]", "\x1b[2J\u2028"])
def test_a_line_is_one_object(message: str) -> None:
    """No message can forge a second line or break the first."""
    line = _line("%s", message)
    assert line.endswith("\n")
    assert len(line.splitlines()) == 1
    assert json.loads(line)["message"] == message


def test_an_event_is_merged_in() -> None:
    """A message that is an object already becomes part of the line."""
    said = json.loads(_line('{"event": "ack", "version": 3}'))
    assert (said["event"], said["version"], said["level"], said["kind"]) == ("ack", 3, "warning", "control")


def test_a_traceback_stays_within_the_line() -> None:
    """An error's traceback is a value and not more lines."""
    try:
        raise ValueError("x\ny")
    except ValueError as error:
        line = _line("failed", error=error)
    assert len(line.splitlines()) == 1
    assert "ValueError" in json.loads(line)["error"]
