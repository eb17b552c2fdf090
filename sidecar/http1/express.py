"""The express lane: the fields of plain heads, as llhttp (httptools) reads them in its strict mode, at a tenth of the
cost of a scan of our own and of h11's judgement.

It only ever says what the strict lane would have said, and says nothing of a head that is not plain: then the same
bytes go to the strict lane, which decides. First lines, hosts and targets are not its business; they are read in one
place, whichever lane the fields took. ``tests/fuzz/test_express.py`` holds both lanes against each other.
"""

import re
from typing import Literal

import httptools

from .fields import Headers

_ODD = frozenset({b"transfer-encoding", b"upgrade", b"expect", b"connection", b"te", b"trailer", b"http2-settings"})
"""A request that has one of these is not plain."""
_LENGTH = re.compile(rb"[0-9]{1,18}")


Lane = Literal["express", "h11"]
"""Who reads plain heads."""


class Switch:
    """Of a process: is the lane open? Shut, it changes nothing but the time that a head takes."""

    open = True


SWITCH = Switch()


class _Fields:
    """What llhttp calls back."""

    __slots__ = ("complete", "fields")

    def __init__(self) -> None:
        self.fields: list[tuple[bytes, bytes]] = []
        self.complete = False

    def on_header(self, name: bytes, value: bytes) -> None:
        self.fields.append((name.lower(), value.strip(b" \t")))

    def on_headers_complete(self) -> None:
        self.complete = True


def request_fields(raw: bytes, count_limit: int) -> tuple[Headers, int] | None:
    """The fields of a plain request of HTTP/1.1 in ``raw`` (its whole head and no more), and its body's length; None if
    the strict lane is to read it."""
    if not SWITCH.open:
        return None
    found = _Fields()
    try:
        httptools.HttpRequestParser(found).feed_data(raw)
    except (httptools.HttpParserError, httptools.HttpParserUpgrade):
        return None
    named = dict(found.fields)
    if not found.complete or len(found.fields) > count_limit or not _ODD.isdisjoint(named):
        return None
    length = named.get(b"content-length", b"0")
    return (found.fields, int(length)) if _LENGTH.fullmatch(length) else None


def response_fields(raw: bytes, count_limit: int) -> Headers | None:
    """The fields of a plain final response in ``raw``; None if the strict lane is to read it."""
    if not SWITCH.open:
        return None
    found = _Fields()
    try:
        httptools.HttpResponseParser(found).feed_data(raw)
    except (httptools.HttpParserError, httptools.HttpParserUpgrade):
        return None
    if not found.complete or len(found.fields) > count_limit:
        return None
    return found.fields
