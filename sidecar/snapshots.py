"""Reading a snapshot without running: for ``check``, for ``explain`` and for a sidecar that has no control.

Nothing here moves or writes a file; what cannot be used is an error that says which file and why.
"""

import time
from pathlib import Path

from .contract.envelope import decode_sealed
from .contract.snapshot import MAX_SNAPSHOT_BYTES, Snapshot, decode
from .contract.strict import ContractError
from .link.identity import decode_identity
from .link.kept import restored


class SnapshotError(ValueError):
    """A snapshot that cannot be used. The text names the file and the reason."""


def read_snapshot_file(path: Path, service: str = "") -> Snapshot:
    """What ``control compile`` wrote for ``service`` ("": for any). It is trusted as a configuration file is, and not
    signed."""
    try:
        snapshot = decode(_read(path))
    except ContractError as error:
        no_snapshot = "is no snapshot, or not a whole one; one is made by: control compile POLICY SERVICE --out FILE"
        raise SnapshotError(f"{path}: {no_snapshot if error.code == 'malformed' else error}") from error
    if service and snapshot.service != service:
        raise SnapshotError(f"{path}: is for service {snapshot.service!r}, not {service!r}")
    return snapshot


def read_last_good(state_dir: Path, service: str = "") -> tuple[Snapshot, Path] | None:
    """The snapshot that a sidecar with this state would start with and its file, or None if there is none yet.
    ``service`` "": whoever it was that joined."""
    path = state_dir / "last-good"
    if not has_joined(state_dir) or not _exists(path):
        return None
    try:
        identity = decode_identity(_read(state_dir / "identity"))
        later = _read(state_dir / "increments") if _exists(state_dir / "increments") else b""
        admitted, _ = restored(
            decode_sealed(_read(path)), later, identity.signing_key, service or identity.service, time.time()
        )
        return admitted.snapshot, path
    except ContractError as error:
        raise SnapshotError(f"{path}: {error}") from error


def has_joined(state_dir: Path) -> bool:
    """Is there an identity, so that no join token is needed?"""
    if _exists(state_dir) and not state_dir.is_dir():
        raise SnapshotError(f"state_dir {state_dir}: is not a directory")
    return _exists(state_dir / "identity")


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError as error:
        raise SnapshotError(f"{path}: {error.strerror}") from error


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(MAX_SNAPSHOT_BYTES + 64 * 1024)
    except OSError as error:
        raise SnapshotError(f"{path}: {error.strerror}") from error
