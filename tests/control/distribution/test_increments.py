"""Revocations on control's end: whoever is on the chain gets what it lacks, anybody else all of it."""

from dataclasses import replace

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from control.distribution.refreshes import EVERY_S, MAX_PER_SESSION
from sidecar.contract.increment import Chain
from sidecar.contract.messages import Ack, Increments, InUse, Nack, Refresh, Refuse
from sidecar.contract.snapshot import Revocation

from .talking import HELLO, Peer, Stage, joining, stage

JTI = Revocation("own", "jti", "abc", 2**53 - 1)


async def member(st: Stage, instance: str = "orders-1", in_use: InUse | None = None) -> Peer:
    """One that has entered."""
    peer = st.connect()
    await peer.enter(replace(joining(replace(HELLO, instance=instance)), in_use=in_use))
    return peer


async def state(st: Stage) -> tuple[str, int, str]:
    """Of the one sidecar."""
    await wait_all_tasks_blocked()
    (seen,) = await st.server.sidecars()
    return seen.state, seen.version, seen.reason


async def test_a_revocation_is_pushed_alone_and_the_same_to_every_service() -> None:
    """The very bytes; and the receipt counts both."""
    async with stage() as st:
        st.core.publish(1, "orders", "stock")
        orders, stock = await member(st), st.connect()
        await stock.enter(joining(replace(HELLO, service="stock")))
        for peer in (orders, stock):
            await peer.ack(await peer.hear_push())
        sealed = st.core.publish_revocations(2, JTI)
        for peer in (orders, stock):
            pushed = await peer.hear_increments()
            assert pushed == Increments(2, 2, (sealed,))
            await peer.ack(pushed)
        rollout = await st.server.wait_rollout(2, timeout_s=5)
        assert [view.version for view in rollout.acked] == [2, 2]


async def test_a_newcomer_gets_the_snapshot_with_what_came_after() -> None:
    """In one push, so that nothing is enforced in between."""
    async with stage() as st:
        st.core.publish(1)
        sealed = st.core.publish_revocations(2, JTI)
        peer = await member(st)
        pushed = await peer.hear_push()
        assert (pushed.version, pushed.sealed, pushed.increments) == (2, st.core.snapshots["orders"], (sealed,))
        await peer.ack(pushed)
        assert await state(st) == ("acked", 2, "")


@pytest.mark.parametrize("place", [0, 1, 2, 3])
async def test_whoever_comes_back_gets_what_it_lacks(place: int) -> None:
    """Nothing, one, or more."""
    async with stage() as st:
        st.core.publish(1)
        made = [st.core.publish_revocations(version, JTI) for version in (2, 3, 4)]
        peer = await member(st, in_use=st.core.chains["orders"].places[place])
        if place < 3:
            pushed = await peer.hear_increments()
            assert pushed == Increments(1, 4, tuple(made[place:]))
            await peer.say(Ack(1, 4, st.core.chains["orders"].in_use.digest))
        assert await state(st) == ("acked", 4, "")


@pytest.mark.parametrize(
    "in_use", [InUse(2, b"?" * 32), InUse(1, b"?" * 32), InUse(9, b"?" * 32)], ids=["same", "older", "newer"]
)
async def test_whoever_is_elsewhere_gets_all_of_it(in_use: InUse) -> None:
    """The digest tells, whatever the number."""
    async with stage() as st:
        st.core.publish(1)
        st.core.publish_revocations(2, JTI)
        peer = await member(st, in_use=in_use)
        pushed = await peer.hear_push()
        assert (pushed.version, len(pushed.increments)) == (2, 1)


@pytest.mark.parametrize("answer", ["nack", "another digest"])
async def test_increments_that_were_not_taken_are_followed_by_all_of_it_once(answer: str) -> None:
    """A sidecar that lost its way is brought back; one that refuses this too is shown as what it is."""
    async with stage() as st:
        st.core.publish(1)
        peer = await member(st)
        await peer.ack(await peer.hear_push())
        st.core.publish_revocations(2, JTI)
        pushed = await peer.hear_increments()
        refusal = Nack(pushed.nonce, 2, 1, "gap: 0") if answer == "nack" else Ack(pushed.nonce, 2, b"?" * 32)
        await peer.say(refusal)
        whole = await peer.hear_push()
        assert (whole.version, len(whole.increments)) == (2, 1)
        assert (await state(st))[0] == "pending"
        await peer.say(replace(refusal, nonce=whole.nonce))
        kind, _, reason = await state(st)
        assert (kind, reason.split(":")[0]) == ("nacked", "gap" if answer == "nack" else "differs")
        st.core.publish(3)
        await peer.ack(await peer.hear_push())
        assert await state(st) == ("acked", 3, "")


async def test_a_slow_sidecar_gets_several_revocations_at_once(autojump_clock: MockClock) -> None:
    """One slot: what it was too slow for comes in one push, and none is left out."""
    async with stage() as st:
        st.core.publish(1)
        peer = await member(st)
        await peer.ack(await peer.hear_push())
        made = [st.core.publish_revocations(version, JTI) for version in range(2, 30)]
        heard: list[Increments] = []
        while not heard or heard[-1].version != 29:
            heard.append(await peer.hear_increments())
            await peer.ack(heard[-1])
        assert [one for pushed in heard for one in pushed.increments] == made
        assert len(heard) < 5


async def test_a_service_that_cannot_be_looked_up_keeps_nothing_from_the_others(autojump_clock: MockClock) -> None:
    """And gets its own when it can be."""
    async with stage() as st:
        broken, fine = st.connect(), await member(st, "orders-2")
        st.core.unwell.add("stock")
        await broken.enter(joining(replace(HELLO, service="stock")))
        st.core.publish(1, "stock", "orders")
        assert (await fine.hear_push()).version == 1
        st.core.unwell.clear()


async def test_a_new_snapshot_begins_a_new_chain() -> None:
    """After it the increments continue it and not the one before."""
    async with stage() as st:
        st.core.publish(1)
        peer = await member(st)
        await peer.ack(await peer.hear_push())
        st.core.publish_revocations(2, JTI)
        await peer.ack(await peer.hear_increments())
        st.core.publish(3)
        pushed = await peer.hear_push()
        assert pushed.increments == ()
        await peer.ack(pushed)
        sealed = st.core.publish_revocations(4, JTI)
        pushed_after = await peer.hear_increments()
        assert pushed_after.increments == (sealed,)
        await peer.ack(pushed_after)
        assert st.core.chains["orders"].in_use == Chain.begin(3, pushed.sealed, (sealed,)).in_use
        assert await state(st) == ("acked", 4, "")


async def test_a_refresh_is_handed_on_once_in_a_while_for_the_whole_mesh(autojump_clock: MockClock) -> None:
    """Whoever asks; an issuer that somebody else named is its own."""
    async with stage() as st:
        one, two = await member(st), await member(st, "orders-2")
        for peer in (one, two, one):
            await peer.say(Refresh("auth0"))
        await two.say(Refresh("partner"))
        await wait_all_tasks_blocked()
        assert sorted(st.core.refreshes) == [("auth0", "orders"), ("partner", "orders")]
        await trio.sleep(EVERY_S)
        await one.say(Refresh("auth0"))
        await wait_all_tasks_blocked()
        assert len(st.core.refreshes) == 3


@pytest.mark.parametrize(
    ("names", "code"),
    [
        ([f"issuer-{n}" for n in range(MAX_PER_SESSION + 1)], "flood"),
        (["x" * 201], "malformed"),
        (["a\nb"], "malformed"),
    ],
    ids=["too many", "too long", "not printable"],
)
async def test_a_sidecar_that_asks_for_nonsense_is_cut_off(names: list[str], code: str) -> None:
    """Control's work has a bound, whoever asks."""
    async with stage() as st:
        peer = await member(st)
        for name in names:
            await peer.say(Refresh(name))
        refusal = await peer.hear()
        assert isinstance(refusal, Refuse)
        assert refusal.code == code
        assert len(st.core.refreshes) <= MAX_PER_SESSION
