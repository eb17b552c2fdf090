"""Callers who take what a process lives on, and files that were tampered with: the sidecar outlives both."""

import errno
import os
from pathlib import Path

import trio
from trio.testing import MockClock

from sidecar.network import wait_until_isolated
from sidecar.observe.status import Status
from sidecar.proxy.gate import Gate
from sidecar.staleness import Staleness


async def test_no_descriptor_left_is_no_lost_network(autojump_clock: MockClock) -> None:
    """A crowd of connections can leave none to look with; that the network is gone is believed when it is seen."""
    answers = [frozenset({"eth0"}), None, None, frozenset({"eth0"}), frozenset[str]()]
    asked = iter(answers)

    def look() -> frozenset[str]:
        found = next(asked)
        if found is None:
            raise OSError(errno.EMFILE, "Too many open files")
        return found

    await wait_until_isolated(look)
    assert list(asked) == []


async def test_a_state_directory_that_went_away_does_not_end_the_data_plane(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    """The time of control's last word is kept beside it where that is possible, and is not worth dying for."""
    unreachable = tmp_path / ("x" * 300)  # ENAMETOOLONG stands for any error of a disk
    with trio.move_on_after(30):
        await Staleness(60, Gate(), Status("orders"), unreachable, lambda: 1000.0, lambda: 1000.0).run()


def test_a_snapshot_from_the_future_is_not_fresh_for_ever(tmp_path: Path) -> None:
    """However late its file claims to be written, silence counts from the start at the latest."""
    last_good = tmp_path / "last-good"
    last_good.write_bytes(b"")
    os.utime(last_good, (4_000_000_000, 4_000_000_000))
    now = [1000.0]
    staleness = Staleness(60, Gate(), Status("orders"), last_good, lambda: 0.0, lambda: now[0])
    assert staleness.silent_s() == 0
    now[0] += 61
    assert staleness.silent_s() == 61
