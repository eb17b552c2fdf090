"""What the tests of the link share."""

from pathlib import Path

import pytest

from tests.control.distribution.memory_core import MemoryCore

from .playing import NOW, Sidecar


@pytest.fixture
def core() -> MemoryCore:
    """A CA and a signing key."""
    return MemoryCore(NOW)


@pytest.fixture
def sidecar(core: MemoryCore, tmp_path: Path) -> Sidecar:
    """A sidecar with a join token and an empty state directory."""
    return Sidecar(tmp_path / "state", core)
