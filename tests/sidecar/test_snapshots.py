"""Reading a snapshot without running."""

from pathlib import Path

import pytest

from sidecar.contract.snapshot import Route, Snapshot, encode
from sidecar.snapshots import SnapshotError, has_joined, read_last_good, read_snapshot_file


def test_a_file_is_for_one_service(snapshot_file: Path) -> None:
    """Its own, and no other."""
    assert read_snapshot_file(snapshot_file, "orders").version == 7
    with pytest.raises(SnapshotError, match="is for service 'orders', not 'web'"):
        read_snapshot_file(snapshot_file, "web")


@pytest.mark.parametrize(
    "data", [b"", b"junk", b"\x80", encode(Snapshot("t", "orders", 1, 1, routes=(Route("/"),)))[:-1]]
)
def test_what_is_none_is_refused_with_its_name(data: bytes, tmp_path: Path) -> None:
    """Cut short, empty, something else."""
    path = tmp_path / "x.snapshot"
    path.write_bytes(data)
    with pytest.raises(SnapshotError, match=r"x\.snapshot"):
        read_snapshot_file(path, "orders")


def test_what_cannot_be_read_is_refused_with_its_name(tmp_path: Path) -> None:
    """A directory, nothing, and a name that is too long for any file."""
    for path in (tmp_path, tmp_path / "nothing", tmp_path / ("x" * 300)):
        with pytest.raises(SnapshotError, match=str(path)[:200]):
            read_snapshot_file(path, "orders")


def test_nothing_is_there_before_joining(tmp_path: Path) -> None:
    """No snapshot, no identity, no error."""
    assert read_last_good(tmp_path / "state", "orders") is None
    assert not has_joined(tmp_path / "state")


def test_a_damaged_state_is_left_where_it_is(tmp_path: Path) -> None:
    """Looking changes nothing: it is the sidecar that moves it aside."""
    (tmp_path / "identity").write_bytes(b"junk")
    (tmp_path / "last-good").write_bytes(b"junk")
    assert has_joined(tmp_path)
    with pytest.raises(SnapshotError):
        read_last_good(tmp_path, "orders")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["identity", "last-good"]


def test_a_path_that_cannot_be_looked_at_is_an_error(tmp_path: Path) -> None:
    """And not a traceback."""
    with pytest.raises(SnapshotError):
        has_joined(tmp_path / ("x" * 300))
