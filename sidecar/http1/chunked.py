"""The chunked coding (RFC 9112 section 7.1), without I/O: bytes in, data out.

Stricter than the RFC asks: only CRLF ends a line, nothing but a size and extensions may stand in a chunk's line,
and both lines and trailers are bounded. Extensions are checked and dropped, trailers kept for whoever asks; a body is
framed anew on its way out.
"""

import re

from .fields import Headers, MalformedError, parse_fields, render, stray

MAX_LINE_BYTES = 1024
"""A chunk's first line, extensions and all."""
MAX_TRAILER_BYTES = 8192
MAX_TRAILERS = 32

_CHUNK_LINE = re.compile(rb"([0-9A-Fa-f]{1,16})(?:;[\t\x20-\x7e\x80-\xff]*)?")


class ChunkedDecoder:
    """Takes from a buffer what belongs to one chunked body. ``finished`` is set by the last chunk and its trailers;
    what is then left in the buffer belongs to the next message."""

    def __init__(self) -> None:
        self.finished = False
        self.trailers: Headers = ()
        self._left = 0
        self._footer = False
        self._trailers = False

    def decode(self, buffer: bytearray) -> bytes:
        """The data that ``buffer`` holds now, perhaps none; what it used is removed. MalformedError if it is no
        chunked coding."""
        pieces: list[bytes] = []
        while not self.finished:
            if self._left:
                piece = bytes(buffer[: self._left])
                del buffer[: len(piece)]
                self._left -= len(piece)
                self._footer = not self._left
                pieces.append(piece)
            if self._left or not self._advance(buffer):
                break
        return b"".join(pieces)

    def _advance(self, buffer: bytearray) -> bool:
        """Past one line, if it is there whole."""
        if self._trailers:
            return self._take_trailers(buffer)
        limit = 0 if self._footer else MAX_LINE_BYTES
        end = buffer.find(b"\r\n", 0, limit + 2)
        if end < 0:
            if len(buffer) >= limit + 2 or (self._footer and buffer and buffer != b"\r"):
                raise MalformedError("a chunk's line is too long, or no CRLF follows its data")
            if stray(buffer, whole=False):
                raise MalformedError("a CR or LF alone in a chunk's line")
            return False
        line = bytes(buffer[:end])
        del buffer[: end + 2]
        if self._footer:
            self._footer = False
            return True
        match = _CHUNK_LINE.fullmatch(line)
        if not match:
            raise MalformedError("no chunk size")  # what stands there may be a body
        self._left = int(match.group(1), 16)
        self._trailers = not self._left
        return True

    def _take_trailers(self, buffer: bytearray) -> bool:
        if buffer.startswith(b"\r\n"):
            del buffer[:2]
            self.finished = True
            return True
        end = buffer.find(b"\r\n\r\n", 0, MAX_TRAILER_BYTES)
        section = bytes(buffer[:end] if end >= 0 else buffer[:MAX_TRAILER_BYTES])
        if stray(section, whole=end >= 0):
            raise MalformedError("a NUL, or a CR or LF alone, in the trailers")
        if end < 0:
            if len(buffer) >= MAX_TRAILER_BYTES:
                raise MalformedError("trailers too long")
            return False
        try:
            self.trailers = parse_fields(section.split(b"\r\n"), MAX_TRAILERS)
        except ValueError as error:
            raise MalformedError("trailers that are no fields, or too many") from error
        if any(name in (b"content-length", b"transfer-encoding") for name, _ in self.trailers):
            raise MalformedError("a length in the trailers")  # RFC 9110 section 6.5.1: it must not be there
        del buffer[: end + 4]
        self.finished = True
        return True


def encode_chunk(data: bytes) -> bytes:
    """One chunk. Empty data would read as the last one, and is our own bug."""
    if not data:
        raise AssertionError("an empty chunk was about to be sent")
    return b"%x\r\n%b\r\n" % (len(data), data)


def encode_last(trailers: Headers = ()) -> bytes:
    """The last chunk and the trailer section, which is a head whose first line is a size of 0."""
    return render(b"0", trailers)
