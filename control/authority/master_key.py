"""A master key: the 32 random bytes under which control's private keys lie in its database.

Its text is base64 or hex. What encrypts and what names it are both derived from it (HKDF, RFC 5869), so that its id
can be shown to anyone. Refuses to know where it comes from and what it encrypts.
"""

import base64
import binascii
import re
import secrets

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from control.errors import Invalid

KEY_BYTES = 32
ID_BYTES = 8
MAX_TEXT = 200
_FEWEST_DIFFERENT = 12
"""Of 32 random bytes 30 differ; fewer than 12 is no accident, but a placeholder."""


class MasterKey:
    """One key. Shows its id and nothing else."""

    def __init__(self, material: bytes) -> None:
        if len(material) != KEY_BYTES:
            raise AssertionError("a master key is 32 bytes")
        self.id = _derived(material, b"sidegate master key id", ID_BYTES)
        self.encryption_key = _derived(material, b"sidegate private keys at rest", KEY_BYTES)

    def __repr__(self) -> str:
        return f"MasterKey({self.id.hex()})"


def parse(text: str) -> MasterKey:
    """The key that ``text`` spells; Invalid, which never quotes it."""
    text = text.strip()
    material = _bytes_of(text) if len(text) <= MAX_TEXT else None
    if material is None:
        raise Invalid(f"is {len(text)} characters and no base64 or hex: {_WANTED}")
    if len(material) != KEY_BYTES:
        raise Invalid(f"is {len(material)} bytes: {_WANTED}")
    if len(set(material)) < _FEWEST_DIFFERENT:
        raise Invalid(f"is not random: {_WANTED}")
    return MasterKey(material)


def new() -> str:
    """The text of a fresh key."""
    return base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode()


_WANTED = "it should be 32 random bytes in base64 or hex. Make one with control master-key new"


def _bytes_of(text: str) -> bytes | None:
    if re.fullmatch(r"(?:[0-9A-Fa-f]{2})+", text) and len(text) == 2 * KEY_BYTES:
        return bytes.fromhex(text)
    if not re.fullmatch(r"[A-Za-z0-9+/_-]+={0,2}", text):
        return None
    digits = text.rstrip("=").replace("-", "+").replace("_", "/")
    try:
        return base64.b64decode(digits + "=" * (-len(digits) % 4), validate=True)
    except binascii.Error:
        return None


def _derived(material: bytes, purpose: bytes, length: int) -> bytes:
    return HKDF(hashes.SHA256(), length, salt=None, info=purpose).derive(material)
