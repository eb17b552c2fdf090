"""Decision, request and trace ids, from one injected source of randomness."""

import re
import secrets
from collections.abc import Callable

_AT_A_TIME = 4096
_REQUEST_ID = re.compile(rb"[A-Za-z0-9._~-]{1,128}")
_TRACEPARENT = re.compile(rb"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")


class _Gathered:
    """The system's randomness, asked for many ids at a time. Each byte is given out once."""

    def __init__(self) -> None:
        self._bytes, self._used = b"", 0

    def __call__(self, count: int) -> bytes:
        if self._used + count > len(self._bytes):
            self._bytes, self._used = secrets.token_bytes(_AT_A_TIME), 0
        begin, self._used = self._used, self._used + count
        return self._bytes[begin : self._used]


class Ids:
    """``random(n)`` gives n bytes. To be made by the process that uses it: a fork would give the same ids."""

    def __init__(self, random: Callable[[int], bytes] | None = None) -> None:
        self._random = random or _Gathered()

    def decision_id(self) -> str:
        """Names one decision in the response, the log and, later, the decision log."""
        return self._random(12).hex()

    def request_id(self, received: list[bytes]) -> bytes:
        """The caller's request id if it is one and harmless, else a new one."""
        if len(received) == 1 and _REQUEST_ID.fullmatch(received[0]):
            return received[0]
        return self._random(16).hex().encode()

    def traceparent(self, received: list[bytes]) -> bytes:
        """The caller's trace context if it is valid (W3C Trace Context section 3.2), else a trace of its own."""
        if len(received) == 1 and _TRACEPARENT.fullmatch(received[0]):
            return received[0]
        # An id of zeros is invalid there; the last bit keeps even a broken source out of it.
        trace, span = (int.from_bytes(self._random(n), "big") | 1 for n in (16, 8))
        return b"00-%032x-%016x-01" % (trace, span)
