"""Secrets that we hand out once and keep only as a hash.

They are 32 random bytes, so that plain SHA-256 is enough: there is nothing to guess, and so nothing that a slow
hash would slow down. The prefix lets a scanner find one that was committed by mistake.
"""

import hashlib
import hmac
import secrets

APPLICATION_PREFIX = "sgs_"
OPERATOR_PREFIX = "sgo_"


def new_secret(prefix: str) -> str:
    """A secret to show once."""
    return prefix + secrets.token_urlsafe(32)


def hash_of(secret: str | bytes) -> bytes:
    """What is kept of it."""
    return hashlib.sha256(secret.encode(errors="surrogatepass") if isinstance(secret, str) else secret).digest()


def matches(secret: str | bytes, kept: bytes) -> bool:
    """Is ``secret`` the one that ``kept`` was made of? In constant time."""
    return hmac.compare_digest(hash_of(secret), kept)
