"""A session does what the table of control's role says, and remembers no more the longer it lasts."""

import gc
import sys
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from control.distribution import Limits
from control.distribution.conversation import TABLE, Action, Conversation, Event, State
from control.distribution.session import Pace
from sidecar.contract.messages import Increments, Ping, Push, Refuse, Report, Welcome
from sidecar.contract.snapshot import Revocation

from .talking import NOW, Peer, Stage, joining, stage

Happening = Callable[[Stage, Peer], Awaitable[None]]


async def news(st: Stage, _peer: Peer) -> None:
    """A new version."""
    st.core.publish(2)


async def quiet(_st: Stage, _peer: Peer) -> None:
    """Nothing."""


async def closed(_st: Stage, peer: Peer) -> None:
    """The sidecar's orderly end."""
    await peer.stream.aclose()


async def nonsense(_st: Stage, peer: Peer) -> None:
    """No frame of the page."""
    await peer.raw(b"\0\0\0\1\xc1")


async def not_wanted(st: Stage, _peer: Peer) -> None:
    """Taken out of the mesh."""
    st.core.revoke("sc1")


async def silence(_st: Stage, _peer: Peer) -> None:
    """More than three heartbeats."""
    await trio.sleep(31)


ROWS: dict[tuple[State, Event], Happening] = {
    (State.AWAITING_HELLO, Event.CLOSED): closed,
    (State.AWAITING_HELLO, Event.SILENCE): silence,
    (State.AWAITING_HELLO, Event.NONSENSE): nonsense,
    (State.LIVE, Event.NEWS): news,
    (State.LIVE, Event.QUIET): quiet,
    (State.LIVE, Event.CLOSED): closed,
    (State.LIVE, Event.SILENCE): silence,
    (State.LIVE, Event.NONSENSE): nonsense,
    (State.LIVE, Event.NOT_WANTED): not_wanted,
}
"""TROUBLE is a stream that breaks, which ``test_server`` and ``test_sockets`` see to."""


def test_no_row_of_the_table_is_forgotten() -> None:
    """Whatever happens beside messages has its story here or there."""
    happenings = {row for row in TABLE if isinstance(row[1], Event)}
    assert happenings - set(ROWS) == {(State.AWAITING_HELLO, Event.TROUBLE), (State.LIVE, Event.TROUBLE)}


@pytest.mark.parametrize(("state", "event"), ROWS)
async def test_a_session_does_what_the_table_says(state: State, event: Event, autojump_clock: MockClock) -> None:
    """What the peer hears, and whether the session is still there."""
    then, action = TABLE[state, event]
    async with stage() as st:
        peer = st.connect()
        if state is State.LIVE:
            await peer.enter()
        await wait_all_tasks_blocked()
        await ROWS[state, event](st, peer)
        await trio.sleep(0.1 if event is not Event.QUIET else 10.1)
        assert bool(st.server.sessions()) is (state is State.LIVE and then is State.LIVE)
        if event is Event.CLOSED:
            return
        heard = await peer.hear()
        while isinstance(heard, Ping) and event is Event.SILENCE:
            heard = await peer.hear()
        expected = {Action.PUSH: Push, Action.PING: Ping, Action.REFUSE: Refuse, Action.CLOSE: type(None)}[action]
        assert isinstance(heard, expected), heard


async def test_an_idle_session_is_one_task(autojump_clock: MockClock) -> None:
    """Whoever writes is gone when all of it is out: memory is what bounds a fleet."""
    async with stage() as st:
        before = trio.lowlevel.current_statistics().tasks_living
        for number in range(1, 4):
            await st.connect().enter()
            st.core.publish(number)
            await trio.sleep(1)
        assert trio.lowlevel.current_statistics().tasks_living == before + 3


def size_of(root: object) -> int:
    """Bytes of everything of ours that hangs on it: containers, bytes, and objects of the contract and this room."""
    seen, total, stack = set[int](), 0, [root]
    while stack:
        one = stack.pop()
        ours = type(one).__module__.startswith(("control.distribution", "sidecar.contract"))
        if id(one) in seen or not (ours or isinstance(one, dict | list | tuple | set | bytes | bytearray | int)):
            continue
        seen.add(id(one))
        total += sys.getsizeof(one)
        stack += gc.get_referents(one) if not isinstance(one, type) else []
    return total


async def test_ten_thousand_pushes_leave_nothing_behind(autojump_clock: MockClock) -> None:
    """Snapshots, increments, pings, echoes, reports: what a session and its rollouts hold does not grow with them."""
    async with stage(Limits(pace=Pace(heartbeat_s=3))) as st:
        st.core.publish(1)
        peer = st.connect()
        welcome = await peer.enter(replace(joining(), capabilities=("routes",)))
        assert isinstance(welcome, Welcome)
        await peer.ack(await peer.hear_push())
        sizes: list[int] = []
        for version in range(2, 10_002):
            if version % 20:
                st.core.publish_revocations(version, Revocation("own", "jti", f"t{version}", int(NOW), int(NOW) + 60))
            else:
                st.core.publish(version)
            if version % 50 == 0:
                await trio.sleep(3.5)
                await peer.say(Report(version - 1, 1, 0, 0, 10))
            pushed: Push | Increments
            while not isinstance(pushed := await peer.hear(), Push | Increments):
                assert isinstance(pushed, Ping)
                await peer.say(pushed)
            await peer.ack(pushed)
            if version in (1001, 10_001):
                await wait_all_tasks_blocked()
                (session,) = st.server.sessions()
                assert session.acked == version
                talks = [one for one in gc.get_objects() if isinstance(one, Conversation)]
                sizes.append(size_of([session, *talks, st.server._rollouts]))
        assert sizes[1] <= sizes[0] * 1.1, sizes
