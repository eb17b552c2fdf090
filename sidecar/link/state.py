"""The state directory: ``identity``, ``last-good`` and ``increments``, each 0600 in a directory of 0700.

A file is replaced whole or not at all: written beside, flushed to the disk, renamed, and the directory flushed; only
to ``increments`` is added (see ``kept``).
What cannot be trusted when it is read (planted, damaged, another service's, signed by another key) is moved aside as
``NAME.refused`` and is never used; the last one of each name is kept. Blocking: call it from a thread while anything
is being served.
"""

import contextlib
import errno
import fcntl
import logging
import os
import stat
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from sidecar.contract.envelope import Sealed, decode_sealed, encode_sealed
from sidecar.contract.increment import Chain
from sidecar.contract.snapshot import MAX_SNAPSHOT_BYTES, decode
from sidecar.contract.strict import ContractError

from . import kept
from .admission import Admitted
from .identity import Identity, decode_identity, encode_identity
from .journal import record

OURS = ("identity", "last-good", "increments", ".identity.", ".last-good.", ".increments.", ".pem.")
LEFT_OVER_S = 60.0
"""A temporary file that is older was left by a crash."""
MAX_FILE = MAX_SNAPSHOT_BYTES + 64 * 1024


class StateDir:
    """What one sidecar remembers between two runs. ``service`` is whose state is acceptable."""

    def __init__(self, path: Path, service: str) -> None:
        self.path = path
        self.service = service

    def prepare(self) -> None:
        """Make the directory ours alone. OSError if it cannot be, ContractError if others keep files in it."""
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        foreign = [file.name for file in self.path.iterdir() if not file.name.startswith(OURS)]
        if foreign:
            raise ContractError("state_dir", f"{self.path} holds {foreign[0]!r}: give state_dir a directory of its own")
        self.path.chmod(0o700)
        for left_over in self.path.glob(".*.tmp"):
            with contextlib.suppress(FileNotFoundError):  # other workers share the directory: not what they write now
                if time.time() - left_over.stat().st_mtime > LEFT_OVER_S:
                    left_over.unlink()

    def load_identity(self) -> Identity | None:
        """Who we are, or None if we never joined or what is there cannot be trusted."""
        data = self._read("identity")
        if data is None:
            return None
        try:
            identity = decode_identity(data)
            if identity.service != self.service:
                raise ContractError("wrong_service", f"it is of service {identity.service[:80]!r}")
        except ContractError as error:
            self.set_aside("identity", error)
            return None
        return identity

    def load_last_good(self, signing_key: bytes, now: float) -> Admitted | None:
        """What was in force last, or None if there is nothing that the pinned key signed for us."""
        data = self._read("last-good")
        if data is None:
            return None
        try:
            later = self._read("increments") or b""
            admitted, cut = kept.restored(decode_sealed(data), later, signing_key, self.service, now)
        except ContractError as error:
            self.set_aside("last-good", error)
            return None
        if cut is not None:
            record(logging.ERROR, "increments_cut", version=admitted.snapshot.version, code=cut.code, why=str(cut))
        return admitted

    def save_identity(self, identity: Identity) -> None:
        """Keep who we are."""
        self._write("identity", encode_identity(identity))

    def save_last_good(self, chain: Chain) -> None:
        """Keep what is in force, unless a worker that shares the directory was faster and keeps a newer one."""
        with self._alone():
            later = self._read("increments") or b""
            increments, sound = kept.read(later, chain.places[0].digest)
            if not sound and not self._keeps(chain.snapshot):
                if self._keeps_newer_than(chain, later):
                    return
                self._write("last-good", encode_sealed(chain.snapshot))
            ours, theirs = chain.increments, tuple(increments)
            if sound and ours[: len(theirs)] == theirs:
                if ours != theirs:
                    self._add("increments", kept.records(ours[len(theirs) :]))
            elif not sound or theirs[: len(ours)] != ours:
                self._write("increments", kept.whole(chain.places[0].digest, ours))

    def _keeps(self, snapshot: Sealed) -> bool:
        data = self._read("last-good")
        try:
            return data is not None and decode_sealed(data).payload == snapshot.payload
        except ContractError:
            return False

    def _keeps_newer_than(self, chain: Chain, later: bytes) -> bool:
        data = self._read("last-good")
        try:
            sealed = decode_sealed(data) if data is not None else chain.snapshot
            if sealed.payload == chain.snapshot.payload or sealed.key_id != chain.snapshot.key_id:
                return False
            increments, _ = kept.read(later, sealed.digest)
            return decode(sealed.payload).version + len(increments) > chain.in_use.version
        except ContractError:
            return False

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """One writer at a time, over all processes that share the directory."""
        descriptor = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def set_aside(self, name: str, why: ContractError) -> None:
        """Move a file out of the way, so that a person can look at it and nobody else will."""
        aside = self.path / f"{name}.refused"
        with contextlib.suppress(FileNotFoundError):
            (self.path / name).replace(aside)
            self._flush_directory()
        record(logging.ERROR, "state_refused", file=name, moved_to=str(aside), code=why.code, why=str(why))

    @contextlib.contextmanager
    def private_file(self, data: bytes) -> Iterator[Path]:
        """A file of ours alone that holds ``data`` while the block runs: OpenSSL takes keys only from files. It lies in
        memory where the kernel can do that: a full disk must not keep a sidecar from control."""
        if hasattr(os, "memfd_create") and Path("/proc/self/fd").is_dir():
            with os.fdopen(os.memfd_create("sidegate"), "wb") as memory:
                os.fchmod(memory.fileno(), 0o600)
                memory.write(data)
                memory.flush()
                yield Path(f"/proc/self/fd/{memory.fileno()}")
            return
        descriptor, name = tempfile.mkstemp(prefix=".pem.", suffix=".tmp", dir=self.path)
        path = Path(name)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
            yield path
        finally:
            path.unlink(missing_ok=True)

    def _read(self, name: str) -> bytes | None:
        try:
            with open(self.path / name, "rb", opener=_without_following) as file:
                if not _is_plain(file.fileno(), self.path.stat().st_uid):
                    raise ContractError("planted", "not a plain file of ours that others cannot write")
                data = file.read(MAX_FILE + 1)
            if len(data) > MAX_FILE:
                raise ContractError("too_large", f"over {MAX_FILE} bytes")
        except FileNotFoundError:
            return None
        except ContractError as error:
            self.set_aside(name, error)
            return None
        return data

    def _write(self, name: str, data: bytes) -> None:
        descriptor, temporary = tempfile.mkstemp(prefix=f".{name}.", suffix=".tmp", dir=self.path)  # made 0600
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            Path(temporary).replace(self.path / name)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
        self._flush_directory()

    def _add(self, name: str, data: bytes) -> None:
        with open(self.path / name, "ab", opener=_without_following) as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())

    def _flush_directory(self) -> None:
        descriptor = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _without_following(path: str, flags: int) -> int:
    """Opens no symbolic link, and waits for no writer of a FIFO. We make neither."""
    try:
        return os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise ContractError("planted", "a symbolic link") from error
        raise


def _is_plain(descriptor: int, owner: int) -> bool:
    """Is it a file, made by whoever owns the directory or by us, that not everybody may write?"""
    found = os.fstat(descriptor)
    return stat.S_ISREG(found.st_mode) and found.st_uid in (owner, os.geteuid()) and not found.st_mode & stat.S_IWOTH
