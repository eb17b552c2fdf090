"""Decision, request and trace ids, from one injected source of randomness."""

import re
import secrets
from collections.abc import Callable

_AT_A_TIME = 4096
_ODD = {f"{digit:x}": f"{digit | 1:x}" for digit in range(16)}
REQUEST_ID = re.compile(rb"[A-Za-z0-9._~-]{1,128}")
TRACEPARENT = re.compile(rb"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")


class _Gathered:
    """The system's randomness, asked for many ids at a time, in hexadecimal. Each digit is given out once."""

    def __init__(self, random: Callable[[int], bytes]) -> None:
        self._random = random
        self._digits, self._used = "", 0

    def __call__(self, count: int) -> str:
        begin, end = self._used, self._used + 2 * count
        if end > len(self._digits):
            self._digits, begin, end = self._random(_AT_A_TIME).hex(), 0, 2 * count
        self._used = end
        return self._digits[begin:end]


class Ids:
    """``random(n)`` gives n bytes. To be made by the process that uses it: a fork would give the same ids."""

    def __init__(self, random: Callable[[int], bytes] | None = None) -> None:
        self._hex: Callable[[int], str] = _Gathered(secrets.token_bytes) if random is None else _each(random)

    def decision_id(self) -> str:
        """Names one decision in the response, the log and, later, the decision log."""
        return self._hex(12)

    def request_id(self, received: list[bytes]) -> bytes:
        """The caller's request id if it is one and harmless, else a new one."""
        if len(received) == 1 and REQUEST_ID.fullmatch(received[0]):
            return received[0]
        return self.new_request_id()

    def new_request_id(self) -> bytes:
        """One that no other request has."""
        return self._hex(16).encode("ascii")

    def traceparent(self, received: list[bytes]) -> bytes:
        """The caller's trace context if it is valid (W3C Trace Context section 3.2), else a trace of its own."""
        if len(received) == 1 and TRACEPARENT.fullmatch(received[0]):
            return received[0]
        return self.new_traceparent()

    def new_traceparent(self) -> bytes:
        """A trace that begins here."""
        return f"00-{_odd(self._hex(16))}-{_odd(self._hex(8))}-01".encode("ascii")


def _odd(digits: str) -> str:
    """An id of zeros is invalid in a traceparent; the last bit keeps even a broken source out of it."""
    return digits[:-1] + _ODD[digits[-1]]


def _each(random: Callable[[int], bytes]) -> Callable[[int], str]:
    return lambda count: random(count).hex()
