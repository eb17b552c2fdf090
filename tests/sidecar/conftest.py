"""Files that a sidecar is given."""

from pathlib import Path

import pytest

from sidecar.contract.join import JoinToken, format_join_token
from sidecar.contract.snapshot import Route, Snapshot, encode


@pytest.fixture
def snapshot_file(tmp_path: Path) -> Path:
    """A snapshot of ``orders`` with one public route, as ``control compile`` writes it."""
    path = tmp_path / "orders.snapshot"
    path.write_bytes(encode(Snapshot("shop.test", "orders", 7, 1, routes=(Route("/public/**", access="public"),))))
    return path


def join_token(service: str = "orders") -> str:
    """A join token that no control ever gave."""
    return format_join_token(JoinToken("j1", service, b"s" * 32, b"ca"))
