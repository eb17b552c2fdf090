"""Private keys as the database holds them: encrypted under a master key, or plain where there is none.

The envelope is ``format (1 byte) | key id (8) | nonce (12) | AES-256-GCM ciphertext and tag``. What the row is, and
its name, are associated data: a blob that was moved to another row opens no more than one that was changed. Refuses to
know the rows themselves.
"""

import secrets
from collections.abc import Sequence

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from control.errors import ControlError

from .master_key import ID_BYTES, MasterKey

FORMAT = 1
"""The first byte. No plain key begins with it: PEM begins with a hyphen."""
_NONCE_BYTES, _TAG_BYTES = 12, 16
_HEAD = 1 + ID_BYTES


class WrongMasterKey(ControlError):  # noqa: N818 - reads as the sentence it is
    """A private key that cannot be opened. The text says what control needs to be given."""

    code = "master_key"


class Vault:
    """Seals under the newest master key and opens what any of them sealed. Thread-safe: nothing in it changes."""

    def __init__(self, current: MasterKey | None = None, previous: Sequence[MasterKey] = ()) -> None:
        if previous and current is None:
            raise AssertionError("what was sealed under a previous key is to be sealed under a current one")
        self._current = current
        self._keys = {key.id: key for key in (*previous, *((current,) if current else ()))}

    @property
    def encrypts(self) -> bool:
        """Is there a master key?"""
        return self._current is not None

    def seal(self, kind: str, name: str, plain: bytes) -> bytes:
        """``plain``, the private key of the row ``name`` of that kind, as it is to be stored."""
        if self._current is None:
            return plain
        head, nonce = bytes([FORMAT]) + self._current.id, secrets.token_bytes(_NONCE_BYTES)
        sealed = AESGCM(self._current.encryption_key).encrypt(nonce, plain, _bound(head, kind, name))
        return head + nonce + sealed

    def open(self, kind: str, name: str, blob: bytes) -> bytes:
        """The reverse of ``seal``; WrongMasterKey."""
        key_id = sealed_under(blob)
        if key_id is None:
            return blob
        key = self._keys.get(key_id)
        if key is None:
            raise WrongMasterKey(_missing(key_id, list(self._keys)))
        nonce, sealed = blob[_HEAD : _HEAD + _NONCE_BYTES], blob[_HEAD + _NONCE_BYTES :]
        try:
            return AESGCM(key.encryption_key).decrypt(nonce, sealed, _bound(blob[:_HEAD], kind, name))
        except InvalidTag:
            raise WrongMasterKey(f"the private key {name} was damaged or moved, and does not open") from None

    def is_current(self, blob: bytes) -> bool:
        """Would ``seal`` store it under the same key?"""
        return sealed_under(blob) == (None if self._current is None else self._current.id)


def sealed_under(blob: bytes) -> bytes | None:
    """The id of the master key, or None if ``blob`` is a plain key; WrongMasterKey if it is neither."""
    if blob.startswith(b"-----BEGIN "):
        return None
    if len(blob) < _HEAD + _NONCE_BYTES + _TAG_BYTES or blob[0] != FORMAT:
        raise WrongMasterKey("a private key is stored in a form that this version of control does not know")
    return blob[1:_HEAD]


def _bound(head: bytes, kind: str, name: str) -> bytes:
    return b"\x00".join((b"sidegate", head.hex().encode(), kind.encode(), name.encode()))


def _missing(key_id: bytes, given: list[bytes]) -> str:
    needed = f"the private keys are encrypted under the master key {key_id.hex()}"
    if not given:
        return f"{needed}, and none was given: set master_key_file, CONTROL_MASTER_KEY or master_key_command"
    return f"{needed}, and the one given is {', '.join(one.hex() for one in given)}: nothing was changed"
