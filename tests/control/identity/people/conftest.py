"""A rig for each test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from .rig import Rig


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    """A fresh one, with nobody in it."""
    made = Rig(tmp_path / "data")
    yield made
    made.database.close()
