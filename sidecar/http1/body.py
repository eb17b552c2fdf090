"""A body's bytes, taken from a buffer as its framing says. No I/O, nothing is held."""

from typing import Protocol

from .chunked import ChunkedDecoder
from .fields import Headers
from .framing import Framing, Unsized


class Decoder(Protocol):
    """``decode`` takes from the buffer the data that is there (MalformedError if it is none); ``finished`` tells that
    the body is whole, and the rest of the buffer another message's; ``trailers`` are what then came after it."""

    @property
    def finished(self) -> bool: ...

    @property
    def trailers(self) -> Headers: ...

    def decode(self, buffer: bytearray) -> bytes: ...


class LengthDecoder:
    """A body of so many bytes."""

    trailers = ()

    def __init__(self, length: int) -> None:
        self._left = length

    @property
    def finished(self) -> bool:
        return self._left == 0

    def decode(self, buffer: bytearray) -> bytes:
        data = bytes(buffer[: self._left])
        del buffer[: len(data)]
        self._left -= len(data)
        return data


class UntilCloseDecoder:
    """A response body that ends with its connection: never finished before."""

    finished = False
    trailers = ()

    def decode(self, buffer: bytearray) -> bytes:
        data = bytes(buffer)
        buffer.clear()
        return data


def decoder(framing: Framing) -> Decoder:
    """What reads a body so framed."""
    if isinstance(framing, int):
        return LengthDecoder(framing)
    return ChunkedDecoder() if framing is Unsized.CHUNKED else UntilCloseDecoder()
