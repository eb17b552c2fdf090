"""Revocations made after a snapshot, as one signed document for the whole mesh, and the chain that they make.

An increment takes every service from version ``base`` to ``version``, in the same bytes; it knows of no service's
policy, so that nothing has to be compiled to revoke a token. What a sidecar enforces is a *chain*: one snapshot and
the increments after it, none left out. A place on the chain is a version and a digest over everything up to it, so
that two ends that name the same place enforce the same.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Annotated

from .envelope import INCREMENT, Sealed, open_sealed
from .messages import InUse
from .record import Count, Range, plain, read
from .snapshot import Revocation, Snapshot
from .strict import ContractError, pack, unpack

FORMAT = 1
MAX_INCREMENT_BYTES = 256 * 1024
MAX_CHAIN = 256
"""Increments after one snapshot; then control makes whole snapshots again."""
MAX_CHAIN_BYTES = 256 * 1024


@dataclass(frozen=True, slots=True)
class Increment:
    """``version`` is ``base`` with ``revocations`` added. Immutable; times are unix seconds."""

    trust_domain: str
    base: Annotated[int, Range(1)]
    version: Annotated[int, Range(2)]
    issued_at: Count
    revocations: tuple[Revocation, ...] = ()

    def __post_init__(self) -> None:
        if self.version != self.base + 1:
            raise ContractError("malformed", f"from version {self.base} to {self.version} is no single step")


def encode_increment(increment: Increment) -> bytes:
    """Its bytes, the same for equal increments."""
    return pack({"format": FORMAT, **plain(increment)})


def decode_increment(data: bytes) -> Increment:
    """The increment in ``data``; ContractError if it is not exactly one."""
    if len(data) > MAX_INCREMENT_BYTES:
        raise ContractError("too_large", f"increment over {MAX_INCREMENT_BYTES} bytes")
    value = unpack(data)
    if not isinstance(value, dict) or value.pop("format", None) != FORMAT:
        raise ContractError("malformed", f"not an increment of format {FORMAT}")
    increment = read(Increment, value, "increment")
    if encode_increment(increment) != data:
        raise ContractError("malformed", "increment: not in the one form in which it is written")
    return increment


def open_increments(sealed: Iterable[Sealed], public_key: bytes) -> list[Increment]:
    """The increments that the pinned key signed; ContractError if one is not."""
    return [decode_increment(open_sealed(one, public_key, INCREMENT)) for one in sealed]


def extended(snapshot: Snapshot, increments: Iterable[Increment], now: float) -> Snapshot:
    """``snapshot`` at the last increment's version; ContractError ``gap`` if one is missing between. Entries that can
    name no token any more, or none of an issuer that counts here, are left out."""
    version, issued_at, added = snapshot.version, snapshot.issued_at, list[Revocation]()
    for increment in increments:
        if increment.trust_domain != snapshot.trust_domain:
            raise ContractError("wrong_trust_domain", f"revocations of {increment.trust_domain[:80]!r}")
        if increment.base != version:
            raise ContractError("gap", f"it continues version {increment.base}, and {version} is in use")
        version, issued_at = increment.version, increment.issued_at
        added += increment.revocations
    if version == snapshot.version:
        return snapshot
    names = {issuer.name for issuer in snapshot.issuers}
    kept = [one for one in snapshot.revocations if one.until == 0 or one.until >= now]
    kept += [one for one in added if one.issuer in names and (one.until == 0 or one.until >= now)]
    return replace(snapshot, version=version, issued_at=issued_at, revocations=tuple(kept))


@dataclass(frozen=True, slots=True)
class Chain:
    """``places``: the one of the snapshot, then one after each increment."""

    snapshot: Sealed
    increments: tuple[Sealed, ...]
    places: tuple[InUse, ...]

    @classmethod
    def begin(cls, version: int, snapshot: Sealed, increments: Iterable[Sealed] = ()) -> "Chain":
        """The chain of a snapshot, whose version it is, and of the increments after it."""
        return cls(snapshot, (), (InUse(version, snapshot.digest),)).plus(tuple(increments))

    @property
    def in_use(self) -> InUse:
        """The place that it ends at."""
        return self.places[-1]

    def plus(self, increments: tuple[Sealed, ...]) -> "Chain":
        """A longer one."""
        places = list(self.places)
        for sealed in increments:
            places.append(InUse(places[-1].version + 1, hashlib.sha256(places[-1].digest + sealed.digest).digest()))
        return Chain(self.snapshot, self.increments + increments, tuple(places)) if increments else self

    def after(self, place: InUse | None) -> tuple[Sealed, ...] | None:
        """The increments that lead from ``place`` to the end; None if the chain does not pass there."""
        step = -1 if place is None else place.version - self.places[0].version
        if not 0 <= step < len(self.places) or self.places[step] != place:
            return None
        return self.increments[step:]
