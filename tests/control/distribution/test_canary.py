"""Two lines at once: each sidecar gets its own and stays on it, and nobody gets increments of the other."""

from dataclasses import replace

from control.lines import place_of
from sidecar.contract.envelope import open_sealed
from sidecar.contract.messages import Increments, Push
from sidecar.contract.snapshot import Revocation, Route, decode

from .talking import HELLO, Peer, Stage, joining, stage

NEW = (Route("/new/**"),)
JTI = Revocation("own", "jti", "abc", 2**53 - 1)


async def member(st: Stage, number: int) -> Peer:
    """Joins as ``sc<number>``."""
    peer = st.connect()
    welcome = await peer.enter(joining(replace(HELLO, instance=f"orders-{number}")))
    assert welcome.sidecar_id == f"sc{number}"
    return peer


def tries(st: Stage, push: Push) -> bool:
    """Is it the candidate?"""
    return decode(open_sealed(push.sealed, st.core.signing_public_key)).routes == NEW


async def members(st: Stage) -> tuple[list[Peer], int]:
    """Four, with version 1 in force, and the share that only the first two places by hash are within."""
    peers = [await member(st, number) for number in (1, 2, 3, 4)]
    for peer in peers:
        await peer.ack(await peer.hear_push())
    return peers, sorted(place_of(f"sc{number}") for number in (1, 2, 3, 4))[1] + 1


async def test_each_gets_its_line() -> None:
    """By the hash of its id: those below the share the candidate, the others what was in force; one version for all."""
    async with stage() as st:
        st.core.publish(1)
        peers, share = await members(st)
        st.core.try_out(2, share, NEW)
        for number, peer in enumerate(peers, 1):
            push = await peer.hear_push()
            assert (push.version, tries(st, push)) == (2, place_of(f"sc{number}") < share)
            await peer.ack(push)
        assert len((await st.server.wait_rollout(2, 5)).acked) == 4


async def test_a_revocation_is_one_increment_for_both() -> None:
    """The very bytes, after either snapshot."""
    async with stage() as st:
        st.core.publish(1)
        peers, share = await members(st)
        st.core.try_out(2, share, NEW)
        for peer in peers:
            await peer.ack(await peer.hear_push())
        sealed = st.core.publish_revocations(3, JTI)
        for peer in peers:
            pushed = await peer.hear_increments()
            assert pushed == Increments(3, 3, (sealed,))
            await peer.ack(pushed)
        assert len((await st.server.wait_rollout(3, 5)).acked) == 4


async def test_who_joins_during_a_canary_is_on_a_line_at_once() -> None:
    """With the whole snapshot of its line and the increments after it; a share of all takes everyone."""
    async with stage() as st:
        st.core.publish(1)
        for share, number in ((10_000, 1), (0, 2)):
            st.core.try_out(number * 2, share, NEW)
            st.core.publish_revocations(number * 2 + 1, JTI)
            push = await (await member(st, number)).hear_push()
            assert (push.version, len(push.increments), tries(st, push)) == (number * 2 + 1, 1, number == 1)


async def test_the_end_of_a_canary_is_a_whole_snapshot_of_a_newer_version() -> None:
    """Whichever way it ended, nobody gets increments over the change of lines, and no number goes back."""
    async with stage() as st:
        st.core.publish(1)
        peers, share = await members(st)
        st.core.try_out(2, share, NEW)
        for peer in peers:
            await peer.ack(await peer.hear_push())
        st.core.publish_revocations(3, JTI)
        for peer in peers:
            await peer.ack(await peer.hear_increments())
        st.core.publish(4)
        for peer in peers:
            push = await peer.hear_push()
            assert (push.version, tries(st, push), push.increments) == (4, False, ())
            await peer.ack(push)
        assert len((await st.server.wait_rollout(4, 5)).acked) == 4


async def test_a_sidecar_that_comes_back_on_another_line_gets_all_of_it() -> None:
    """It was on the candidate when it went away; meanwhile only revocations were made, on the other line."""
    async with stage() as st:
        st.core.publish(1)
        peer = await member(st, 1)
        await peer.ack(await peer.hear_push())
        st.core.try_out(2, 10_000, NEW)
        push = await peer.hear_push()
        await peer.ack(push)
        place = peer.chain_of(push).in_use
        st.core.try_out(3, 0, NEW)
        st.core.publish_revocations(4, JTI)
        again = st.connect()
        await again.enter(replace(joining(), in_use=place))
        whole = await again.hear_push()
        assert (whole.version, tries(st, whole), len(whole.increments)) == (4, False, 1)


async def test_who_refuses_the_candidate_is_shown_with_its_reason() -> None:
    """And only that one: the others have the same version in force."""
    async with stage() as st:
        st.core.publish(1)
        peers, share = await members(st)
        st.core.try_out(2, share, NEW)
        for peer in peers:
            push = await peer.hear_push()
            await (peer.nack(push, "cannot do that", in_use=1) if tries(st, push) else peer.ack(push))
        rollout = await st.server.wait_rollout(2, 5)
        assert (len(rollout.acked), [why for _, why in rollout.nacked]) == (2, ["cannot do that"] * 2)
        assert {view.sidecar_id for view, _ in rollout.nacked} == {
            f"sc{number}" for number in (1, 2, 3, 4) if place_of(f"sc{number}") < share
        }
