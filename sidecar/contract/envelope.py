"""A signature over a snapshot or an increment: Ed25519 (RFC 8032) over a domain-separating prefix and the exact bytes.

The bytes are verified before they are decoded, and the same bytes are what a sidecar keeps as last-good, so
that no re-encoding ever stands between a signature and what it covers.
"""

import hashlib
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from .strict import ContractError, Fields, pack, unpack

SNAPSHOT = b"sidegate snapshot 1\0"
INCREMENT = b"sidegate increment 1\0"
"""What is signed stands before it, so that one can never be passed off as the other."""


@dataclass(frozen=True, slots=True)
class Sealed:
    """Signed bytes. ``key_id`` names the signing key (see ``key_id``); ``signature`` is 64 bytes."""

    payload: bytes
    signature: bytes
    key_id: str

    @property
    def digest(self) -> bytes:
        """SHA-256 of the payload: two with one digest are the same."""
        return hashlib.sha256(self.payload).digest()


def key_id(public_key: bytes) -> str:
    """A 32-byte Ed25519 public key's name: the first 16 hex digits of its SHA-256."""
    return hashlib.sha256(public_key).hexdigest()[:16]


def public_bytes(private_key: Ed25519PrivateKey) -> bytes:
    """The 32 raw bytes of the public half."""
    return private_key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)


def seal(payload: bytes, private_key: Ed25519PrivateKey, kind: bytes = SNAPSHOT) -> Sealed:
    """``payload``, signed as what it is."""
    return Sealed(payload, private_key.sign(kind + payload), key_id(public_bytes(private_key)))


def open_sealed(sealed: Sealed, public_key: bytes, kind: bytes = SNAPSHOT) -> bytes:
    """The payload, if ``public_key`` (32 raw bytes) signed it as ``kind``; else ContractError ``bad_signature``."""
    if sealed.key_id != key_id(public_key):
        raise ContractError("bad_signature", f"signed by key {sealed.key_id[:16]}, which is not the pinned one")
    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(sealed.signature, kind + sealed.payload)
    except (InvalidSignature, ValueError) as error:
        raise ContractError("bad_signature", "the signature does not verify") from error
    return sealed.payload


def encode_sealed(sealed: Sealed) -> bytes:
    """As kept on disk."""
    return pack({"payload": sealed.payload, "signature": sealed.signature, "key_id": sealed.key_id})


def decode_sealed(data: bytes) -> Sealed:
    """The reverse; ContractError if it is not one. The signature is not verified here."""
    with Fields(unpack(data), "sealed snapshot") as f:
        return Sealed(f.blob("payload"), f.blob("signature"), f.text("key_id"))
