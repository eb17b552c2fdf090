"""A control that has not heard of the newest version yet, because another one made it."""

from dataclasses import replace

from trio.testing import wait_all_tasks_blocked

from control.distribution.desired import Orders
from control.distribution.registry import Registry
from control.distribution.rollout import Rollouts
from control.distribution.target import Targets
from sidecar.contract.messages import InUse

from .memory_core import MemoryCore
from .talking import NOW, InPlace, Stage, joining, stage


def committed_elsewhere(st: Stage, version: int) -> InUse:
    """``version`` stands in the store, and nobody here was told; its place."""
    before, st.core._listeners = st.core._listeners, []
    st.core.publish(version)
    st.core._listeners = before
    return InUse(version, st.core.snapshots["orders"].digest)


async def test_who_has_more_than_this_control_knows_is_not_sent_what_is_older() -> None:
    """A sidecar that comes from a faster control keeps what it has, and has refused nothing."""
    async with stage() as st:
        st.core.publish(1)
        here = st.connect()
        await here.enter()
        await here.ack(await here.hear_push())
        place = committed_elsewhere(st, 2)
        comes = st.connect()
        await comes.enter(replace(joining(), in_use=place, instance="orders-2"))
        await wait_all_tasks_blocked()
        seen = {one.instance: (one.state, one.version) for one in await st.server.sidecars()}
        assert seen == {"orders-1": ("acked", 1), "orders-2": ("acked", 2)}


def test_of_two_answers_the_newer_is_kept_whichever_comes_last() -> None:
    """A look-up that began before a change must not undo what a later one found."""
    core = MemoryCore(NOW)
    orders = Orders(core, Registry(), Rollouts(), InPlace())
    found: list[Targets] = []
    for version in (2, 3, 1):
        core.publish(version)
        lines = core.lines_for("orders")
        assert lines is not None
        found.append(orders._learned("orders", Targets.of(lines)))
    assert [one.version for one in found] == [2, 3, 3]
