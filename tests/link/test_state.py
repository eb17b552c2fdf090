"""The state directory: private, atomic, and distrustful of what it finds."""

import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from sidecar.contract.envelope import encode_sealed, seal
from sidecar.contract.increment import Chain
from sidecar.contract.messages import Join
from sidecar.contract.snapshot import Snapshot, encode
from sidecar.contract.strict import ContractError
from sidecar.link import StateDir
from sidecar.link.identity import Identity, checked, encode_identity, new_private_key, signing_request
from tests.control.distribution.memory_core import SECRET, MemoryCore

from .playing import NOW


@pytest.fixture
def state(tmp_path: Path) -> StateDir:
    """An empty one."""
    state = StateDir(tmp_path / "state", "orders")
    state.prepare()
    return state


def alone(core: MemoryCore, version: int) -> Chain:
    """A snapshot, and nothing after it."""
    return Chain.begin(version, core.sealed(version))


def an_identity(core: MemoryCore, service: str = "orders") -> Identity:
    """As joining gives it."""
    key = new_private_key()
    enrolled = core.enrol(Join("j1", SECRET), service, "i", signing_request(key, service), "")
    return checked(
        Identity(enrolled.sidecar.id, service, key, enrolled.certificate, core.ca_der, core.signing_public_key)
    )


def mode(path: Path) -> int:
    """Permission bits."""
    return stat.S_IMODE(path.stat().st_mode)


def test_what_is_kept_comes_back_and_nobody_else_can_read_it(state: StateDir, core: MemoryCore) -> None:
    """0600 in 0700, whatever the umask."""
    old = os.umask(0)
    try:
        identity, sealed = an_identity(core), core.sealed(3)
        state.save_identity(identity)
        state.save_last_good(Chain.begin(3, sealed))
    finally:
        os.umask(old)
    assert state.load_identity() == identity
    loaded = state.load_last_good(identity.signing_key, NOW)
    assert loaded is not None
    assert (loaded.snapshot.version, loaded.chain.snapshot) == (3, sealed)
    assert mode(state.path) == 0o700
    modes = {file.name: mode(file) for file in state.path.iterdir()}
    assert modes == dict.fromkeys(("identity", "last-good", "increments"), 0o600)


def test_an_open_directory_is_closed(tmp_path: Path) -> None:
    """If it is ours alone."""
    path = tmp_path / "state"
    path.mkdir(mode=0o755)
    left_over, in_use = path / ".last-good.x.tmp", path / ".last-good.y.tmp"
    for file in (left_over, in_use):
        file.write_bytes(b"half a snapshot")
    os.utime(left_over, (1e9, 1e9))
    StateDir(path, "orders").prepare()
    assert mode(path) == 0o700
    assert list(path.iterdir()) == [in_use]  # another worker may be writing it


def test_the_slower_worker_does_not_bring_back_an_old_snapshot(state: StateDir, core: MemoryCore) -> None:
    """Several workers keep what they enforce in one file: the newest stays, whoever writes last."""
    old, new = alone(core, 3), alone(core, 4)
    state.save_last_good(new)
    state.save_last_good(old)
    kept = state.load_last_good(core.signing_public_key, NOW)
    assert kept is not None
    assert kept.snapshot.version == 4
    state.set_aside("last-good", ContractError("other_control", "joined anew"))
    state.save_last_good(old)
    assert state.load_last_good(core.signing_public_key, NOW) is not None


def test_a_directory_with_other_files_is_left_alone(tmp_path: Path) -> None:
    """Somebody's home directory does not become 0700 by a slip of the pen."""
    (tmp_path / "letters").write_text("dear")
    before = mode(tmp_path)
    with pytest.raises(ContractError) as caught:
        StateDir(tmp_path, "orders").prepare()
    assert caught.value.code == "state_dir"
    assert mode(tmp_path) == before


def test_nothing_is_there_at_first(state: StateDir, core: MemoryCore) -> None:
    """None, and no error."""
    assert state.load_identity() is None
    assert state.load_last_good(core.signing_public_key, NOW) is None


@pytest.mark.parametrize("kind", ["garbage", "truncated", "flipped", "other key", "other service", "empty", "huge"])
def test_a_last_good_that_cannot_be_trusted_is_moved_aside(
    state: StateDir, core: MemoryCore, caplog: pytest.LogCaptureFixture, kind: str
) -> None:
    """And said so; what is moved aside is never used again."""
    good = encode_sealed(core.sealed(3))
    foreign = encode(Snapshot("shop.test", "orders", 3, 1))
    data = {
        "garbage": b"\xc1\x00",
        "truncated": good[:-5],
        "flipped": good.replace(b"shop.test", b"shop.tess"),
        "other key": encode_sealed(seal(foreign, Ed25519PrivateKey.generate())),
        "other service": encode_sealed(core.sealed(3, "stock")),
        "empty": b"",
        "huge": b"\0" * (17 * 1024 * 1024),
    }[kind]
    (state.path / "last-good").write_bytes(data)
    assert state.load_last_good(core.signing_public_key, NOW) is None
    assert not (state.path / "last-good").exists()
    assert (state.path / "last-good.refused").exists()
    assert "state_refused" in caplog.text
    state.prepare()  # the moved file is known and in nobody's way


@pytest.mark.parametrize("kind", ["garbage", "other service", "another's key"])
def test_an_identity_that_cannot_be_trusted_is_moved_aside(state: StateDir, core: MemoryCore, kind: str) -> None:
    """Then the sidecar joins again, if it can."""
    identity = an_identity(core)
    data = {
        "garbage": b"{}",
        "other service": encode_identity(an_identity(core, "stock")),
        "another's key": encode_identity(identity).replace(identity.private_key_pem, new_private_key()),
    }[kind]
    (state.path / "identity").write_bytes(data)
    assert state.load_identity() is None
    assert (state.path / "identity.refused").exists()


def _linked(file: Path) -> None:
    elsewhere = file.parent.parent / "elsewhere"
    file.rename(elsewhere)
    file.symlink_to(elsewhere)


def _fifo(file: Path) -> None:
    file.unlink()
    os.mkfifo(file)


def _open_to_all(file: Path) -> None:
    file.chmod(0o666)


@pytest.mark.parametrize("plant", [_linked, _fifo, _open_to_all])
@pytest.mark.parametrize("name", ["identity", "last-good"])
def test_a_planted_file_is_moved_aside(
    state: StateDir, core: MemoryCore, name: str, plant: Callable[[Path], None]
) -> None:
    """A link, a FIFO without a writer (reading it would never end) and a file that all may write are not ours."""
    identity = an_identity(core)
    state.save_identity(identity)
    state.save_last_good(alone(core, 3))
    plant(state.path / name)
    found = state.load_identity() if name == "identity" else state.load_last_good(identity.signing_key, NOW)
    assert found is None
    assert not os.path.lexists(state.path / name)
    assert os.path.lexists(state.path / f"{name}.refused")


def test_a_write_that_fails_leaves_the_old_file_whole(state: StateDir, core: MemoryCore) -> None:
    """Here the directory allows no new file, as on a disk that is full."""
    state.save_last_good(alone(core, 3))
    broken = StateDir(state.path / "last-good", "orders")  # a file is no directory
    with pytest.raises(OSError, match="Not a directory"):
        broken.save_last_good(alone(core, 4))
    loaded = state.load_last_good(core.signing_public_key, NOW)
    assert loaded is not None
    assert loaded.snapshot.version == 3


def test_a_key_file_for_tls_is_gone_after_use(state: StateDir) -> None:
    """0600 while it is there."""
    with state.private_file(b"pem") as path:
        assert (path.read_bytes(), mode(path)) == (b"pem", 0o600)
    assert list(state.path.iterdir()) == []


def test_no_secret_is_shown(core: MemoryCore) -> None:
    """Neither an identity's repr nor a token's."""
    identity = an_identity(core)
    assert "PRIVATE" not in repr(identity)
    assert repr(SECRET) not in repr(core.token())
