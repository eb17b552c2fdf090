"""The opt-in bound on control's silence."""

import os
from pathlib import Path

import pytest
import trio

from sidecar.contract.reasons import Reason
from sidecar.observe.status import Status
from sidecar.proxy.gate import Gate
from sidecar.staleness import Staleness

NOW = 1_000_000.0


class Scene:
    """A clock, a link that was heard or not, and what they make of the gate."""

    def __init__(self, folder: Path, last_good_age_s: float | None = None) -> None:
        self.now, self.heard = NOW, 0.0
        self.gate, self.status, self.file = Gate(), Status("orders"), folder / "last-good"
        if last_good_age_s is not None:
            self.file.touch()
            os.utime(self.file, (NOW - last_good_age_s,) * 2)
        self.staleness = Staleness(60, self.gate, self.status, self.file, lambda: self.heard, lambda: self.now)

    def shut(self) -> bool:
        """Is the gate shut now?"""
        self.staleness.check()
        assert self.status.stale == (self.gate.closed_for is Reason.STALE_SNAPSHOT)
        return self.status.stale


def test_silence_shuts_the_gate_and_a_word_opens_it(tmp_path: Path) -> None:
    """At the bound it is still open."""
    scene = Scene(tmp_path)
    scene.heard = NOW
    assert not scene.shut()
    scene.now += 60
    assert not scene.shut()
    scene.now += 0.1
    assert scene.shut()
    assert scene.status.staleness_s == pytest.approx(60.1)
    scene.heard = scene.now
    assert not scene.shut()


@pytest.mark.parametrize(("age_s", "shut"), [(None, True), (59, False), (61, True), (-1e6, False)])
def test_a_restart_forgets_no_silence(tmp_path: Path, age_s: float | None, shut: bool) -> None:
    """What counts before control is heard is the file's time; a time yet to come counts as now."""
    assert Scene(tmp_path, age_s).shut() == shut


def test_a_clock_that_goes_back_is_no_silence(tmp_path: Path) -> None:
    """Never below zero."""
    scene = Scene(tmp_path)
    scene.heard, scene.now = NOW, NOW - 100
    assert scene.staleness.silent_s() == 0


async def test_the_last_word_is_remembered_for_the_next_run(tmp_path: Path) -> None:
    """As the file's time; a file that is not there is not made, nor an error."""
    for scene in (Scene(tmp_path), Scene(tmp_path, 50)):
        scene.heard = NOW - 5
        with trio.move_on_after(0.05):
            await scene.staleness.run()
    assert scene.file.stat().st_mtime == NOW - 5
