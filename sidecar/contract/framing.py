"""Bytes from a stream -> frame bodies, incrementally. Both ends of the push socket read through this.

A length that is over the limit is refused when its fourth byte arrives: nothing is set aside for a frame that
will not be read. What is held between two calls is never more than one unfinished frame. It knows nothing of
messages, streams or time.
"""

from .messages import LENGTH_BYTES
from .strict import ContractError


class FrameBuffer:
    """``feed`` it what arrived; it gives back the bodies that are complete."""

    def __init__(self, max_body: int) -> None:
        self._max_body = max_body
        self._held = bytearray()

    @property
    def unfinished(self) -> bool:
        """Has a frame begun that has not ended? Then an end of stream is a truncation."""
        return bool(self._held)

    def feed(self, data: bytes | bytearray) -> list[bytes]:
        """The bodies that ``data`` completes, in order; ContractError ``bad_frame`` for a length out of bounds."""
        self._held += data
        bodies: list[bytes] = []
        start = 0
        while len(self._held) - start >= LENGTH_BYTES:
            begin = start + LENGTH_BYTES
            length = int.from_bytes(self._held[start:begin], "big")
            if not 1 <= length <= self._max_body:
                self._held.clear()
                raise ContractError("bad_frame", f"a frame of {length} bytes; at least 1 and at most {self._max_body}")
            if len(self._held) - begin < length:
                break
            bodies.append(bytes(self._held[begin : begin + length]))
            start = begin + length
        del self._held[:start]
        return bodies
