"""Passwords as they are kept: argon2id (RFC 9106), with the parameters that OWASP gives for servers that do much else.

19 MiB, two passes, one lane: about 20 ms. Always computed once for each try, also where there is nobody to compare
with, so that how long it takes tells nothing. Blocking, and outside Python's lock meanwhile.
"""

import unicodedata

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

MEMORY_KIB, PASSES, LANES = 19_456, 2, 1
MAX_PASSWORD = 256
"""Characters. A longer one is nobody's."""
NOBODYS = "$argon2id$v=19$m=19456,t=2,p=1$zJos+kEIe/xTZZnLXO6Puw$Zaz3PwEaEbGm9qxnbYNYRGEUvjrVzZWmja6gqAo0fxM"
"""Of 32 random bytes that nobody has kept."""


class Hasher:
    """Thread-safe."""

    def __init__(self) -> None:
        self._argon2id = PasswordHasher(PASSES, MEMORY_KIB, LANES)

    def hash(self, password: str) -> str:
        """What is kept of it: parameters, salt and hash."""
        return self._argon2id.hash(_bytes(password))

    def matches(self, password: str, kept: str | None) -> bool:
        """Is it the one that ``kept`` was made of? One computation whatever comes, also with None: there is nobody, or
        nobody who has a password."""
        if kept is None or len(password) > MAX_PASSWORD:
            kept, fits = NOBODYS, False
        else:
            fits = True
        try:
            return self._argon2id.verify(kept, _bytes(password[:MAX_PASSWORD])) and fits
        except (VerificationError, InvalidHashError):
            return False

    def is_outdated(self, kept: str) -> bool:
        """Was it made with other parameters than now?"""
        return self._argon2id.check_needs_rehash(kept)


def _bytes(password: str) -> bytes:
    # NIST SP 800-63B section 3.1.1.2: one form, so that it is the same on every keyboard.
    return unicodedata.normalize("NFKC", password).encode(errors="surrogatepass")
