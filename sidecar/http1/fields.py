"""The raw scan of a head, before h11 sees it: lines and fields as RFC 9112 has them and nothing looser.

h11 is lenient where the RFC lets a recipient be (bare LF, line folding, control characters). Two recipients that
are lenient in different ways read two messages in one, so this room is lenient in none. It knows of requests and
responses only what they share.
"""

import re
from collections.abc import Sequence

from sidecar.contract.names import plain as plain

Headers = Sequence[tuple[bytes, bytes]]
"""Header fields in the order received: lower-cased names, values without the whitespace around them."""

TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_NAME = re.compile(TOKEN)
_VALUE = re.compile(rb"[\t\x20-\x7e\x80-\xff]*")
_IN_NAMES = bytes(code for code in range(256) if _NAME.fullmatch(bytes((code,))))
_IN_VALUES = bytes(code for code in range(256) if _VALUE.fullmatch(bytes((code,))))
_STRAY = re.compile(rb"\0|\r(?!\n)|(?<!\r)\n")


class MalformedError(ValueError):
    """Bytes that are no HTTP/1.1 head."""


class TooLargeError(ValueError):
    """More header fields than the limit."""


def stray(data: bytes | bytearray, start: int = 0, end: int | None = None, *, whole: bool = True) -> bool:
    """Is there a NUL, a CR without LF or a LF without CR from ``start`` to ``end``? A CR that stands last may yet be
    half of a CRLF, unless the data is ``whole``."""
    end = len(data) if end is None else min(end, len(data))
    if not whole and end and data[end - 1] == 13:
        end -= 1
    return _STRAY.search(data, start, end) is not None


def parse_fields(lines: Sequence[bytes], count_limit: int) -> list[tuple[bytes, bytes]]:
    """Header field lines taken apart (RFC 9112 section 5). Refuses what the RFC lets a recipient mend: obs-fold,
    whitespace before the colon, control characters."""
    if len(lines) > count_limit:
        raise TooLargeError(f"over {count_limit} header fields")
    return [parse_field(line) for line in lines]


def parse_field(line: bytes) -> tuple[bytes, bytes]:
    """One line taken apart; MalformedError if it is not exactly one field."""
    name, colon, value = line.partition(b":")
    if not colon or not _NAME.fullmatch(name):
        raise MalformedError(_fault(line, name, colon))
    value = value.strip(b" \t")
    if not _VALUE.fullmatch(value):
        raise MalformedError(f"a control character in the value of {name[:40]!r}")
    return name.lower(), value


def _fault(line: bytes, name: bytes, colon: bytes) -> str:
    """What is wrong, without what may be part of a value."""
    if line[:1] in (b" ", b"\t"):
        return "a header field on several lines"
    word = name.split() if colon else []
    return f"no header name: {word[0][:40]!r}" if word else "a header line without a name or a colon"


def values(headers: Headers, name: bytes) -> list[bytes]:
    """Every value of one field."""
    return [value for found, value in headers if found == name]


def tokens(headers: Headers, name: bytes) -> list[bytes]:
    """The members of a comma-separated, case-insensitive field (RFC 9110 section 5.6.1)."""
    found = values(headers, name)
    if not found:
        return found
    members = (member.strip(b" \t") for value in found for member in value.lower().split(b","))
    return [member for member in members if member]


def render(first_line: bytes, headers: Headers) -> bytes:
    """A head ready to be sent. What we send passes the same scan as what we receive: a value that could end its
    line early is our own bug, and stops here."""
    if headers:
        names, texts = zip(*headers, strict=True)
        # All names at once, and all values: which characters there are does not depend on where they stand.
        if not all(names) or b"".join(names).translate(None, _IN_NAMES) or b"".join(texts).translate(None, _IN_VALUES):
            raise AssertionError(f"an unsafe header field, one of {names!r}, was about to be sent")
    return b"\r\n".join([first_line, *[b"%b: %b" % field for field in headers], b"", b""])


def render_fields(headers: Headers) -> bytes:
    """The field lines alone, each with its CRLF."""
    return render(b"", headers)[2:-2]
