"""Signals and what they mean."""

import os
import signal

import trio

from sidecar.life import Life


async def sent(nursery: trio.Nursery, *numbers: signal.Signals, drained_before: bool = False) -> Life:
    """A life that heard these signals."""
    life, heard = Life(), trio.Event()
    life.on_reload(heard.set)
    if drained_before:
        life.drain.set()
    await nursery.start(life.listen)
    for number in (*numbers, signal.SIGHUP):
        os.kill(os.getpid(), number)
        await trio.testing.wait_all_tasks_blocked(0.01)
    await heard.wait()
    return life


async def test_one_signal_drains(nursery: trio.Nursery) -> None:
    """And cuts nothing."""
    for number in (signal.SIGTERM, signal.SIGINT):
        async with trio.open_nursery() as inner:
            life = await sent(inner, number)
            assert (life.drain.is_set(), life.cut.is_set()) == (True, False)
            inner.cancel_scope.cancel()


async def test_two_signals_cut(nursery: trio.Nursery) -> None:
    """Whichever two."""
    life = await sent(nursery, signal.SIGTERM, signal.SIGINT)
    assert life.cut.is_set()


async def test_a_signal_after_a_drain_by_request_is_the_first(nursery: trio.Nursery) -> None:
    """A hook before the stop drains, then the orchestrator sends SIGTERM: nothing is cut."""
    life = await sent(nursery, signal.SIGTERM, drained_before=True)
    assert not life.cut.is_set()


async def test_a_hangup_reloads_and_ends_nothing(nursery: trio.Nursery) -> None:
    """As often as it comes."""
    life = await sent(nursery)
    assert not life.drain.is_set()
