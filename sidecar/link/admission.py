"""May this replace what is in use? Pure: signature, then bytes, then whose, then which.

The signature is verified over the bytes before anything reads them. A version never goes back, because an old
snapshot, rightly signed in its day, would bring back a revoked token; and increments are taken without a gap, because
the one left out may be the one that counts.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sidecar.contract.envelope import Sealed, open_sealed
from sidecar.contract.increment import Chain, extended, open_increments
from sidecar.contract.messages import Increments, InUse, Push
from sidecar.contract.snapshot import Snapshot, decode
from sidecar.contract.strict import ContractError


@dataclass(frozen=True, slots=True)
class Admitted:
    """What may be enforced, and the signed bytes that say so."""

    snapshot: Snapshot
    chain: Chain


def admit_sealed(
    sealed: Sealed, signing_key: bytes, service: str, increments: Sequence[Sealed] = (), now: float = 0.0
) -> Admitted:
    """The snapshot in ``sealed`` with the increments after it, if the pinned key signed them for this service."""
    snapshot = decode(open_sealed(sealed, signing_key))
    if snapshot.service != service:
        raise ContractError("wrong_service", f"a snapshot for {snapshot.service[:80]!r}; this sidecar is {service!r}")
    whole = extended(snapshot, open_increments(increments, signing_key), now)
    return Admitted(whole, Chain.begin(snapshot.version, sealed, increments))


def admit_push(push: Push, signing_key: bytes, service: str, in_use: InUse | None, now: float) -> Admitted:
    """The pushed snapshot, if it may be applied after ``in_use``; else ContractError with the reason for the NACK."""
    found = admit_sealed(push.sealed, signing_key, service, push.increments, now)
    version = found.snapshot.version
    if version != push.version:
        raise ContractError("wrong_version", f"announced as {push.version}, signed as {version}")
    if in_use is None:
        return found
    if version < in_use.version:
        raise ContractError("older", f"version {version} is older than {in_use.version}, which is in use")
    if version == in_use.version and found.chain.in_use != in_use:
        raise ContractError("differs", f"version {version} is in use with other content")
    return found


def admit_increments(pushed: Increments, signing_key: bytes, before: Admitted | None, now: float) -> Admitted:
    """What is in use with the revocations added; ContractError with the reason for the NACK."""
    if before is None:
        raise ContractError("gap", "there is no snapshot that they could be added to")
    snapshot = extended(before.snapshot, open_increments(pushed.increments, signing_key), now)
    if snapshot.version != pushed.version:
        raise ContractError("wrong_version", f"announced as {pushed.version}, signed as {snapshot.version}")
    return Admitted(snapshot, before.chain.plus(pushed.increments))
