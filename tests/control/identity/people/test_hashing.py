"""The threads that hash passwords."""

import os
import sys
import threading

import pytest

from control.identity.people.hashing import NICE, Hasher

NICEST = 19


@pytest.mark.skipif(sys.platform != "linux", reason="a thread has no priority of its own elsewhere")
def test_who_hashes_gives_way_and_who_asked_does_not() -> None:
    """The event loop is woken before a hash goes on, and the thread that waits for a hash stays what it was."""
    before = os.getpriority(os.PRIO_PROCESS, 0)
    earlier = set(threading.enumerate())
    hasher = Hasher()
    assert hasher.matches("violet otters juggle", hasher.hash("violet otters juggle"))
    hashing = [one.native_id for one in threading.enumerate() if one not in earlier and one.native_id is not None]
    assert {os.getpriority(os.PRIO_PROCESS, one) for one in hashing} == {min(before + NICE, NICEST)}
    assert os.getpriority(os.PRIO_PROCESS, 0) == before
