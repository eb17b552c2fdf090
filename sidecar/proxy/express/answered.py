"""Response heads, read line by line as requests' are. A plain one is final, has a body of a known length, and its
connection lives on; every other is for ``http1.response`` to read.
"""

import re
from typing import NamedTuple

from sidecar.http1.fields import MalformedError, parse_field, render_fields
from sidecar.http1.response import parse_status_line

from ..names import HOP_BY_HOP
from .memo import Memo

MAX_LINES = 1024
MAX_LINE_BYTES = 256
_ODD = frozenset({b"transfer-encoding", b"upgrade", b"trailer"})
_LENGTH = re.compile(rb"[0-9]{1,18}")


class Line(NamedTuple):
    """A field, and what goes on of it. ``length``: what it says, if it is the Content-Length; else -1."""

    name: bytes
    value: bytes
    rendered: bytes
    length: int


class Answered(NamedTuple):
    """``first``: the status line as sent. ``rendered``: the fields that go on, but for the length."""

    status: int
    first: bytes
    lines: list[Line]
    rendered: list[bytes]
    length: int


class AnsweredReader:
    """Of a process: no policy has a say in it."""

    def __init__(self, count_limit: int) -> None:
        self._count_limit = count_limit
        self._met: Memo[bytes, Line] = Memo(MAX_LINES)
        self._firsts: Memo[bytes, tuple[int, bytes]] = Memo(64)

    def read(self, raw: bytes) -> Answered | None:
        """The head in ``raw``, without its CRLFCRLF; None if it is not plain."""
        first, *lines = raw.split(b"\r\n")
        status = self._firsts.young.get(first) or self._meet_first(first)
        if status is None or len(lines) > self._count_limit:
            return None
        met, length = self._met.young, -1
        found = []
        for line in lines:
            known = met.get(line) or self._meet(line)
            if known is None:
                return None
            if known.length >= 0:
                if length >= 0:
                    return None
                length = known.length
            found.append(known)
        if length < 0:
            return None
        return Answered(status[0], status[1], found, [line.rendered for line in found], length)

    def _meet_first(self, first: bytes) -> tuple[int, bytes] | None:
        known = self._firsts.recall(first)
        if known is None:
            match = parse_status_line(first)
            if match is None or match[0] != b"1.1" or match[1] < 200 or match[1] in (204, 304):
                return None
            known = match[1], b"HTTP/1.1 %d %b\r\n" % match[1:]
            if len(first) <= MAX_LINE_BYTES:
                self._firsts.put(first, known)
        return known

    def _meet(self, line: bytes) -> Line | None:
        known = self._met.recall(line)
        if known is None:
            try:
                name, value = parse_field(line)
            except MalformedError:
                return None
            known = _read(name, value)
            if known is not None and len(line) <= MAX_LINE_BYTES:
                self._met.put(line, known)
        return known


def _read(name: bytes, value: bytes) -> Line | None:
    if name in _ODD or (name == b"connection" and value.lower() != b"keep-alive"):
        return None
    if name == b"content-length":
        return Line(name, value, b"", int(value)) if _LENGTH.fullmatch(value) else None
    if name == b"content-type" and value.partition(b";")[0].strip(b" \t").lower() == b"text/event-stream":
        return None
    return Line(name, value, b"" if name in HOP_BY_HOP else render_fields([(name, value)]), -1)
