"""The push server over memory streams: joining, pushing, answers, rollouts, and who is dropped when."""

from collections.abc import Callable
from dataclasses import replace

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from control.distribution import Limits
from control.distribution.registry import MAX_PER_SIDECAR
from control.distribution.threads import T, Ts
from sidecar.contract.messages import Ack, Hello, InUse, Join, Ping, Push, Refuse, frame

from .talking import HELLO, LIMITS, InPlace, csr, joining, stage


async def test_a_join_gives_a_certificate_the_signing_key_and_the_snapshot() -> None:
    """One connection takes a sidecar from nothing to its policy."""
    async with stage() as st:
        st.core.publish(3)
        peer = st.connect()
        welcome = await peer.enter()
        assert (welcome.sidecar_id, welcome.signing_key) == ("sc1", st.core.signing_public_key)
        assert welcome.certificate is not None
        push = await peer.hear_push()
        assert (push.nonce, push.version, push.sealed) == (1, 3, st.core.snapshots["orders"])


async def test_a_certificate_speaks_for_later_connections() -> None:
    """No join token is needed again, and no certificate is given that nobody asked for."""
    async with stage() as st:
        first = st.connect()
        certificate = (await first.enter()).certificate
        welcome = await st.connect(certificate).enter(HELLO)
        assert (welcome.sidecar_id, welcome.certificate) == ("sc1", None)


async def test_a_hello_with_a_request_renews_the_certificate_even_an_expired_one() -> None:
    """A long outage needs no hand; without a request an expired certificate is refused."""
    async with stage() as st:
        certificate = (await st.connect().enter()).certificate
        st.core.clock += 8 * 86_400
        peer = st.connect(certificate)
        await peer.say(HELLO)
        refusal = await peer.hear()
        assert isinstance(refusal, Refuse)
        assert refusal.code == "expired"
        welcome = await st.connect(certificate).enter(replace(HELLO, csr=csr()))
        assert welcome.sidecar_id == "sc1"
        assert welcome.certificate not in (None, certificate)


async def test_a_session_ends_with_its_certificate(autojump_clock: MockClock) -> None:
    """A certificate bounds what it opened."""
    async with stage(replace(LIMITS, pace=replace(LIMITS.pace, heartbeat_s=3600))) as st:
        st.core.life_s = 1000
        peer = st.connect()
        await peer.enter()
        began = trio.current_time()
        refusal = await peer.hear()
        assert isinstance(refusal, Refuse)
        assert refusal.code == "expired"
        assert trio.current_time() - began == pytest.approx(1000, abs=2)


@pytest.mark.parametrize(
    ("hello", "code"),
    [
        (HELLO, "unauthenticated"),
        (replace(joining(), csr=None), "bad_csr"),
        (replace(joining(), protocol=1), "protocol"),
        (replace(joining(), service="or\x1b[2Jders"), "malformed"),
        (replace(joining(), instance="i" * 201), "malformed"),
        (replace(joining(), capabilities=("c",) * 65), "malformed"),
        (replace(HELLO, join=Join("j1", b"x"), csr=csr()), "bad_join_token"),
    ],
    ids=["nothing", "join without csr", "protocol", "escape", "long", "many", "wrong secret"],
)
async def test_who_may_not_come_in_is_told_why(hello: Hello, code: str) -> None:
    """One Refuse, and the connection ends."""
    async with stage() as st:
        peer = st.connect()
        await peer.say(hello)
        refusal = await peer.hear()
        assert isinstance(refusal, Refuse)
        assert refusal.code == code
        assert await peer.hear() is None


async def test_a_sidecar_that_has_the_snapshot_already_is_not_sent_it() -> None:
    """Equal digests: counted as acknowledged."""
    async with stage() as st:
        st.core.publish(5)
        peer = st.connect()
        await peer.enter(replace(joining(), in_use=InUse(5, st.core.snapshots["orders"].digest)))
        await wait_all_tasks_blocked()
        (seen,) = await st.server.sidecars()
        assert (seen.state, seen.version, seen.desired) == ("acked", 5, 5)
        st.core.publish(6)
        assert (await peer.hear_push()).version == 6


async def test_a_sidecar_with_other_content_under_the_same_number_is_sent_ours() -> None:
    """And does not count as acknowledged, whatever number it named."""
    async with stage() as st:
        st.core.publish(5)
        peer = st.connect()
        await peer.enter(replace(joining(), in_use=InUse(5, b"?" * 32)))
        push = await peer.hear_push()
        assert (await st.server.sidecars())[0].state == "pending"
        await peer.nack(push, "differs", in_use=5)
        await wait_all_tasks_blocked()
        assert (await st.server.sidecars())[0].state == "nacked"


async def test_an_ack_and_a_nack_are_seen(autojump_clock: MockClock) -> None:
    """In the view of the sidecar, with the reason."""
    async with stage() as st:
        st.core.publish(1)
        peer = st.connect()
        await peer.enter()
        await peer.ack(await peer.hear_push())
        st.core.publish(2)
        await peer.nack(await peer.hear_push(), "malformed: \x1b[31mred", in_use=1)
        await trio.sleep(1)
        (seen,) = await st.server.sidecars()
        assert (seen.state, seen.version, seen.desired, seen.reason) == ("nacked", 1, 2, "malformed: ?[31mred")
        st.core.publish(3)
        await peer.ack(await peer.hear_push())
        await trio.sleep(1)
        (seen,) = await st.server.sidecars()
        assert (seen.state, seen.version, seen.reason) == ("acked", 3, "")
        assert st.server.lowest_in_force() == 3


async def test_the_newest_snapshot_wins(autojump_clock: MockClock) -> None:
    """A sidecar that reads late skips what was overtaken meanwhile."""
    async with stage() as st:
        peer = st.connect()
        await peer.enter()
        for version in range(1, 50):
            st.core.publish(version)
        versions: list[int] = []
        while not versions or versions[-1] != 49:
            versions.append((await peer.hear_push()).version)
        assert versions == sorted(set(versions))
        assert len(versions) < 5


async def test_a_rollout_waits_for_all_and_names_who_is_missing(autojump_clock: MockClock) -> None:
    """In force on two, refused by one, not answered by one, one away."""
    async with stage() as st:
        peers = [st.connect() for _ in range(5)]
        for number, peer in enumerate(peers):
            await peer.enter(joining(replace(HELLO, instance=f"orders-{number}")))
        await peers[4].stream.aclose()
        await wait_all_tasks_blocked()
        st.core.publish(1)
        pushes = [await peer.hear_push() for peer in peers[:4]]
        await peers[0].ack(pushes[0])
        await peers[1].ack(pushes[1])
        await peers[2].nack(pushes[2], "cannot")
        rollout = await st.server.wait_rollout(1, timeout_s=3)
        assert {v.instance for v in rollout.acked} == {"orders-0", "orders-1"}
        assert [(v.instance, why) for v, why in rollout.nacked] == [("orders-2", "cannot")]
        assert [v.instance for v in rollout.pending] == ["orders-3"]
        assert [v.instance for v in rollout.away] == ["orders-4"]
        async with trio.open_nursery() as nursery:
            nursery.start_soon(peers[3].ack, pushes[3])
            rollout = await st.server.wait_rollout(1, timeout_s=100)
        assert not rollout.pending
        assert rollout.elapsed_ms == pytest.approx(3000, abs=10)


async def test_a_rollout_does_not_wait_for_who_leaves(autojump_clock: MockClock) -> None:
    """A sidecar that goes away is away, not pending."""
    async with stage() as st:
        peer = st.connect()
        await peer.enter()
        st.core.publish(1)
        await peer.hear_push()
        with trio.fail_after(5):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(peer.stream.aclose)
                rollout = await st.server.wait_rollout(1, timeout_s=100)
        assert [v.state for v in rollout.away] == ["away"], rollout


async def test_a_newer_version_in_force_settles_the_older_one(autojump_clock: MockClock) -> None:
    """Whoever waits for 1 is answered when 2, sent after it, is in force."""
    async with stage() as st:
        peer = st.connect()
        await peer.enter()
        st.core.publish(1)
        first = await peer.hear_push()
        st.core.publish(2)
        second = await peer.hear_push()
        await peer.ack(first)
        await peer.ack(second)
        rollout = await st.server.wait_rollout(1, timeout_s=5)
        assert [v.version for v in rollout.acked] == [2]


async def test_a_rollout_waits_for_a_sidecar_that_came_a_moment_ago(autojump_clock: MockClock) -> None:
    """It is owed to from the hello on, not from when its snapshot was looked up."""
    async with stage() as st:
        st.core.publish(1)
        await wait_all_tasks_blocked()
        peer = st.connect()
        await peer.enter()
        async with trio.open_nursery() as nursery:

            async def answer() -> None:
                push = await peer.hear_push()
                await trio.sleep(1)
                await peer.ack(push)

            nursery.start_soon(answer)
            rollout = await st.server.wait_rollout(1, timeout_s=5)
        assert [view.state for view in rollout.acked] == ["acked"]


async def test_a_rollout_does_not_wait_for_who_has_nothing_to_run(autojump_clock: MockClock) -> None:
    """A service without a snapshot owes nothing."""
    async with stage() as st:
        await st.connect().enter()
        st.core.publish(1, "stock")
        began = trio.current_time()
        rollout = await st.server.wait_rollout(1, timeout_s=5)
        assert (rollout.acked, rollout.pending) == ([], [])
        assert trio.current_time() - began < 1


async def test_waiting_for_a_version_with_nobody_connected_ends_at_once(autojump_clock: MockClock) -> None:
    """Nobody owes an answer."""
    async with stage() as st:
        st.core.publish(1)
        began = trio.current_time()
        await st.server.wait_rollout(1, timeout_s=60)
        assert trio.current_time() - began < 1


async def test_a_slow_sidecar_delays_nobody_and_is_dropped(autojump_clock: MockClock) -> None:
    """Silence of three heartbeats ends its session; the others never notice."""
    async with stage() as st:
        slow, quick = st.connect(), st.connect()
        await slow.enter(joining(replace(HELLO, instance="slow")))
        await quick.enter(joining(replace(HELLO, instance="quick")))
        st.core.publish(1)
        began = trio.current_time()
        await quick.ack(await quick.hear_push())
        assert trio.current_time() - began < 1
        for _ in range(5):
            ping = await quick.hear()
            assert isinstance(ping, Ping)
            await quick.say(ping)
        await wait_all_tasks_blocked()
        states = {view.instance: view.state for view in await st.server.sidecars()}
        assert states == {"slow": "away", "quick": "acked"}


async def test_an_answer_that_comes_in_halves_around_a_ping_is_one_answer(autojump_clock: MockClock) -> None:
    """Asking whether somebody is there takes nothing of what he has begun to say."""
    async with stage() as st:
        peer = st.connect()
        await peer.enter()
        st.core.publish(1)
        push = await peer.hear_push()
        answer = frame(Ack(push.nonce, push.version, peer.chain_of(push).in_use.digest))
        await peer.raw(answer[:9])
        assert await peer.hear() == Ping(1)
        assert (await st.server.sidecars())[0].state == "pending"
        await peer.raw(answer[9:])
        assert await peer.hear() == Ping(2)
        assert (await st.server.sidecars())[0].state == "acked"


async def test_a_revoked_sidecar_is_cut_off() -> None:
    """At once, with a word."""
    async with stage() as st:
        peer = st.connect()
        certificate = (await peer.enter()).certificate
        st.core.revoke("sc1")
        refusal = await peer.hear()
        assert isinstance(refusal, Refuse)
        assert refusal.code == "revoked"
        again = st.connect(certificate)
        await again.say(HELLO)
        refusal = await again.hear()
        assert isinstance(refusal, Refuse)
        assert refusal.code == "revoked"


class Lingering(InPlace):
    """Keeps what was found of a certificate until something else has happened."""

    def __init__(self) -> None:
        super().__init__()
        self.meanwhile: Callable[[], None] | None = None

    async def run(self, work: Callable[[*Ts], T], *args: *Ts) -> T:
        """In place, and late."""
        found = await super().run(work, *args)
        if work.__name__ == "authenticate" and self.meanwhile is not None:
            self.meanwhile()
            await wait_all_turns(100)
        return found


async def test_who_is_taken_out_while_it_comes_is_not_let_in() -> None:
    """Its certificate was found good a moment before."""
    threads = Lingering()
    async with stage(threads=threads) as st:
        first = st.connect()
        certificate = (await first.enter()).certificate
        await first.stream.aclose()
        threads.meanwhile = lambda: st.core.revoke("sc1")
        again = st.connect(certificate)
        await again.say(HELLO)
        refusal = await again.hear()
        assert isinstance(refusal, Refuse)
        assert refusal.code == "revoked"
        assert await again.hear() is None


async def test_the_same_instance_coming_again_replaces_its_older_connection() -> None:
    """A connection that died unnoticed does not linger in the status."""
    async with stage() as st:
        old = st.connect()
        certificate = (await old.enter()).certificate
        new = st.connect(certificate)
        await new.enter(HELLO)
        refusal = await old.hear()
        assert isinstance(refusal, Refuse)
        assert refusal.code == "replaced"
        assert len(await st.server.sidecars()) == 1
        st.core.publish(1)
        assert (await new.hear_push()).version == 1


async def test_who_comes_back_while_one_looks_is_seen_once() -> None:
    """Connected or away, and at no moment neither or both."""
    async with stage() as st, trio.open_nursery() as looking:
        certificate = (await st.connect().enter()).certificate
        seen = set[int]()

        async def look() -> None:
            while True:
                seen.add(len(await st.server.sidecars()))

        looking.start_soon(look)
        for beat in range(30):
            peer = st.connect(certificate)
            await peer.enter(HELLO)
            await wait_all_turns(beat % 5)
            await peer.stream.aclose()
            await wait_all_turns(7)
        looking.cancel_scope.cancel()
    assert seen == {1}


async def wait_all_turns(turns: int) -> None:
    """Lets every other task go on ``turns`` times."""
    for _ in range(turns):
        await trio.lowlevel.checkpoint()


async def test_one_identity_connects_a_bounded_number_of_times() -> None:
    """A stolen certificate cannot fill the registry."""
    async with stage() as st:
        certificate = (await st.connect().enter()).certificate
        for number in range(MAX_PER_SIDECAR - 1):
            await st.connect(certificate).enter(replace(HELLO, instance=f"replica-{number}"))
        peer = st.connect(certificate)
        await peer.say(replace(HELLO, instance="one too many"))
        refusal = await peer.hear()
        assert isinstance(refusal, Refuse)
        assert refusal.code == "too_many"


async def test_a_database_that_is_away_disturbs_no_session(autojump_clock: MockClock) -> None:
    """The change is delivered when it comes back."""
    async with stage() as st:
        peer = st.connect()
        await peer.enter()
        await wait_all_tasks_blocked()
        st.core.broken = True
        st.core.publish(1)
        await trio.sleep(5)
        st.core.broken = False
        assert (await peer.hear_push()).version == 1


async def test_without_a_policy_nothing_is_pushed(autojump_clock: MockClock) -> None:
    """Only pings come, and the sidecar is idle."""
    async with stage() as st:
        peer = st.connect()
        await peer.enter()
        assert isinstance(await peer.hear(), Ping)
        (seen,) = await st.server.sidecars()
        assert (seen.state, seen.connected) == ("idle", True)


async def test_too_many_connections_are_turned_away() -> None:
    """Before anything is read."""
    async with stage(Limits(connections=1)) as st:
        await st.connect().enter()
        assert await st.connect().hear() is None


async def test_services_get_their_own_snapshots() -> None:
    """A change of one version brings each service its own."""
    async with stage() as st:
        orders, stock = st.connect(), st.connect()
        await orders.enter()
        await stock.enter(joining(replace(HELLO, service="stock")))
        st.core.publish(1, "orders", "stock")
        for peer, name in ((orders, "orders"), (stock, "stock")):
            push: Push = await peer.hear_push()
            assert push.sealed == st.core.snapshots[name]
