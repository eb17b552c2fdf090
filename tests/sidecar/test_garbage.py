"""A full collection stops every caller, so a sidecar hardly ever has one; and what it does not need it gives back."""

import gc
import platform
from collections.abc import Iterator
from pathlib import Path

import pytest

from sidecar import garbage


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    """The collector of this process goes on as it was."""
    before = gc.get_threshold()
    yield
    gc.unfreeze()
    gc.set_threshold(*before)


def test_full_collections_become_rare_and_short() -> None:
    """What was there is passed over; the middle generation is left as it was."""
    middle = gc.get_threshold()[1]
    garbage.settle()
    assert gc.get_threshold() == (garbage.YOUNG, middle, garbage.FULL_AFTER)
    assert gc.get_freeze_count() > 0


def resident_pages() -> int:
    """Of this process."""
    return int(Path("/proc/self/statm").read_text().split()[1])


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc is asked to give memory back")
def test_what_loading_left_free_goes_back() -> None:
    """Although something still stands between: of 48 MiB, in which every hundredth block stays, half at least."""
    blocks = [bytes(1000) for _ in range(48 * 1024)]
    kept, full = blocks[::100], resident_pages()
    blocks.clear()
    garbage.settle()
    assert full - resident_pages() > 24 * 256
    assert len(kept) == 492
