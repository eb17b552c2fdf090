"""Passwords as they are kept: argon2id (RFC 9106), with the parameters that OWASP gives for servers that do much else.

19 MiB, two passes, one lane: about 20 ms. Always computed once for each try, also where there is nobody to compare
with, so that how long it takes tells nothing. Blocking, and outside Python's lock meanwhile.
"""

import os
import sys
import threading
import unicodedata
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

MEMORY_KIB, PASSES, LANES = 19_456, 2, 1
MAX_PASSWORD = 256
"""Characters. A longer one is nobody's."""
AT_ONCE = 2
"""Each takes a processor for tens of milliseconds, and 19 MiB."""
NICE = 10
"""By so much the threads that hash are nicer than others. A thread cannot take it back, so they do nothing else."""
NOBODYS = "$argon2id$v=19$m=19456,t=2,p=1$zJos+kEIe/xTZZnLXO6Puw$Zaz3PwEaEbGm9qxnbYNYRGEUvjrVzZWmja6gqAo0fxM"
"""Of 32 random bytes that nobody has kept."""


class Hasher:
    """Thread-safe."""

    def __init__(self) -> None:
        self._argon2id = PasswordHasher(PASSES, MEMORY_KIB, LANES)
        self._threads = ThreadPoolExecutor(AT_ONCE, "hashing", _give_way)

    def hash(self, password: str) -> str:
        """What is kept of it: parameters, salt and hash."""
        return self._threads.submit(self._argon2id.hash, _bytes(password)).result()

    def matches(self, password: str, kept: str | None) -> bool:
        """Is it the one that ``kept`` was made of? One computation whatever comes, also with None: there is nobody, or
        nobody who has a password."""
        if kept is None or len(password) > MAX_PASSWORD:
            kept, fits = NOBODYS, False
        else:
            fits = True
        try:
            proven = self._threads.submit(self._argon2id.verify, kept, _bytes(password[:MAX_PASSWORD])).result()
            return proven and fits
        except (VerificationError, InvalidHashError):
            return False

    def is_outdated(self, kept: str) -> bool:
        """Was it made with other parameters than now?"""
        return self._argon2id.check_needs_rehash(kept)


def _give_way() -> None:
    """The event loop, and threads that answer others, come first on a processor that is full. On Linux alone a thread
    has a priority of its own by its native id; elsewhere, or where it is not allowed, all are equal."""
    if sys.platform == "linux":
        with suppress(OSError):
            thread = threading.get_native_id()
            os.setpriority(os.PRIO_PROCESS, thread, os.getpriority(os.PRIO_PROCESS, thread) + NICE)


def _bytes(password: str) -> bytes:
    # NIST SP 800-63B section 3.1.1.2: one form, so that it is the same on every keyboard.
    return unicodedata.normalize("NFKC", password).encode(errors="surrogatepass")
