"""Seats before authentication: who gets one, who loses it, who stands in line."""

import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from control.distribution.waiting_room import WaitingRoom


class Guest:
    """Someone who comes, and stays until told to go."""

    def __init__(self, room: WaitingRoom, nursery: trio.Nursery, *, speaks: bool = False) -> None:
        self.state, self._room, self._speaks, self._go = "in line", room, speaks, trio.Event()
        nursery.start_soon(self._come)

    async def _come(self) -> None:
        async with self._room.wait() as seat:
            if seat is None:
                self.state = "turned away"
                return
            self.state = "seated"
            if self._speaks:
                seat.has_spoken()
            await self._go.wait()
            self.state = "done"
        if self.state == "seated":
            self.state = "lost it"

    def go(self) -> None:
        """That is all."""
        self._go.set()


async def test_the_line_moves_in_order(nursery: trio.Nursery, autojump_clock: MockClock) -> None:
    """And whoever comes when it is full is turned away, for good."""
    room = WaitingRoom(1, 2, 1000.0)
    guests = list[Guest]()
    for _ in range(4):
        guests.append(Guest(room, nursery, speaks=True))
        await wait_all_tasks_blocked()
    assert [one.state for one in guests] == ["seated", "in line", "in line", "turned away"]
    for done in range(3):
        guests[done].go()
        await wait_all_tasks_blocked()
        assert [one.state for one in guests[:3]] == ["done"] * (done + 1) + ["seated", "in line"][: 2 - done]
    assert len(room) == 0


async def test_who_keeps_silent_makes_room_for_the_first_in_line(
    nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    """After a fair time, and not before; who has spoken stays."""
    room = WaitingRoom(2, 8, 2.0)
    spoke, silent = Guest(room, nursery, speaks=True), Guest(room, nursery)
    await wait_all_tasks_blocked()
    first = Guest(room, nursery, speaks=True)
    await wait_all_tasks_blocked()
    second = Guest(room, nursery, speaks=True)
    await trio.sleep(1.9)
    assert (silent.state, first.state) == ("seated", "in line")
    await trio.sleep(0.2)
    assert [one.state for one in (spoke, silent, first, second)] == ["seated", "lost it", "seated", "in line"]


async def test_whoever_leaves_the_line_holds_nobody_up(nursery: trio.Nursery, autojump_clock: MockClock) -> None:
    """The head of it most of all."""
    room = WaitingRoom(1, 8, 1000.0)
    first = Guest(room, nursery, speaks=True)
    await wait_all_tasks_blocked()
    async with trio.open_nursery() as impatient:
        gone = Guest(room, impatient)
        await wait_all_tasks_blocked()
        last = Guest(room, nursery, speaks=True)
        await wait_all_tasks_blocked()
        impatient.cancel_scope.cancel()
    first.go()
    await wait_all_tasks_blocked()
    assert (gone.state, last.state) == ("in line", "seated")
