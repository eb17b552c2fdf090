"""May this snapshot replace the one in use? Pure: signature, then bytes, then whose, then which.

The signature is verified over the bytes before anything reads them. A version never goes back, because an old
snapshot, rightly signed in its day, would bring back a revoked token.
"""

from sidecar.contract.envelope import Sealed, open_sealed
from sidecar.contract.messages import InUse, Push
from sidecar.contract.snapshot import Snapshot, decode
from sidecar.contract.strict import ContractError


def admit_sealed(sealed: Sealed, signing_key: bytes, service: str) -> Snapshot:
    """The snapshot in ``sealed``, if the pinned key signed it for this service."""
    snapshot = decode(open_sealed(sealed, signing_key))
    if snapshot.service != service:
        raise ContractError("wrong_service", f"a snapshot for {snapshot.service[:80]!r}; this sidecar is {service!r}")
    return snapshot


def admit_push(push: Push, signing_key: bytes, service: str, in_use: InUse | None) -> Snapshot:
    """The pushed snapshot, if it may be applied after ``in_use``; else ContractError with the reason for the NACK."""
    snapshot = admit_sealed(push.sealed, signing_key, service)
    if snapshot.version != push.version:
        raise ContractError("wrong_version", f"announced as {push.version}, signed as {snapshot.version}")
    if in_use is None:
        return snapshot
    if snapshot.version < in_use.version:
        raise ContractError("older", f"version {snapshot.version} is older than {in_use.version}, which is in use")
    if snapshot.version == in_use.version and push.sealed.digest != in_use.digest:
        raise ContractError("differs", f"version {snapshot.version} is in use with other content")
    return snapshot
