"""A canary from its begin to its verdict, over a real store and a real push server, on a clock that jumps."""

from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path

import trio
from trio.testing import MockClock, memory_stream_pair

from control.distribution import Limits, PushServer
from control.distribution.session import Pace
from control.lines import is_chosen, place_of
from control.mesh import Mesh, open_mesh
from control.mesh.canaries import Canary
from control.rollout.judge import Terms
from control.rollout.watch import Watch
from sidecar.contract.join import parse_join_token
from sidecar.contract.messages import Join, Push, Report
from tests.control.distribution.talking import HELLO, InPlace, Peer, csr
from tests.control.mesh.test_mesh import OTHER, POLICY, SECRET

EPOCH = 1_800_000_000.0
QUIET = Limits(pace=Pace(heartbeat_s=3600))
"""Nobody has to echo pings."""
TERMS = Terms(min_s=60, min_requests=100)


class Scene:
    """A mesh with a policy in force on some sidecars of orders."""

    def __init__(self, data: Path, nursery: trio.Nursery) -> None:
        self.data, self._nursery = data, nursery
        self.peers: dict[str, Peer] = {}
        self.scope = trio.CancelScope()
        self.mesh = self._open()

    def _open(self) -> Mesh:
        return open_mesh(self.data, "http://control.test", secrets={"PARTNER": SECRET}.get, clock=now)

    async def start(self) -> None:
        """Distribute and judge."""
        self.server = PushServer(self.mesh, limits=QUIET, now=now, threads=InPlace())
        self.watch = Watch(self.mesh, self.server, TERMS, now=now, threads=InPlace())
        await self._nursery.start(self.server.distribute)
        self._nursery.start_soon(self._run)

    async def _run(self) -> None:
        with self.scope:
            await self.watch.run()

    async def join(self, count: int) -> None:
        """So many sidecars, each with the newest version in force."""
        for number in range(count):
            _, text = self.mesh.create_join_token("orders", "ann")
            token = parse_join_token(text)
            hello = replace(HELLO, instance=f"o{number}", join=Join(token.token_id, token.secret), csr=csr())
            ours, theirs = memory_stream_pair()
            self._nursery.start_soon(self._connection, theirs)
            peer = Peer(ours)
            self.peers[(await peer.enter(hello)).sidecar_id] = peer
            await peer.ack(await peer.hear_push())

    async def _connection(self, theirs: trio.abc.Stream) -> None:
        async def opening() -> tuple[trio.abc.Stream, bytes | None]:
            return theirs, None

        await self.server.connection(opening, "10.0.0.9:4711")
        await trio.aclose_forcefully(theirs)

    def begin(self) -> Canary:
        """Let half of them try another policy."""
        share = sorted(map(place_of, self.peers))[len(self.peers) // 2 - 1] + 1
        known = [(one, "orders") for one in self.peers]
        self.mesh.canaries.begin(OTHER, {}, {}, "ann", share=share, connected=known)
        running = self.mesh.canaries.running()
        assert running is not None
        return running

    async def answer(self, refuse: str = "") -> None:
        """All take what comes, but for those who try, if they ``refuse``."""
        running = self.mesh.canaries.running()
        for name, peer in self.peers.items():
            push = await peer.hear_push()
            if refuse and running and is_chosen(name, running.share):
                await peer.nack(push, refuse, in_use=push.version - 1)
            else:
                await peer.ack(push)

    async def report(self, version: int, tried: tuple[int, int, int], others: tuple[int, int, int]) -> None:
        """(requests, denied, failed) of each of those who try, and of each other one."""
        running = self.mesh.canaries.running()
        assert running is not None
        for name, peer in self.peers.items():
            await peer.say(Report(version, *(tried if is_chosen(name, running.share) else others), 10))

    async def verdict(self) -> Canary:
        """When it has ended."""
        while True:
            last = self.mesh.canaries.last()
            if last is not None and last.ended is not None:
                return last
            await trio.sleep(1)


def now() -> float:
    """Wall time, which goes with the mock clock."""
    return EPOCH + trio.current_time() if _in_trio() else EPOCH


def _in_trio() -> bool:
    try:
        trio.lowlevel.current_task()
    except RuntimeError:
        return False
    return True


@asynccontextmanager
async def scene(data: Path, sidecars: int = 4) -> AsyncIterator[Scene]:
    """A policy is in force on so many."""
    with ExitStack() as ends:
        async with trio.open_nursery() as nursery:
            made = Scene(data, nursery)
            ends.callback(made.mesh.close)  # after its tasks, whatever ended them
            made.mesh.push(POLICY, {}, {}, "ann")
            await made.start()
            await made.join(sidecars)
            yield made
            nursery.cancel_scope.cancel()


async def test_a_good_one_is_promoted(tmp_path: Path, autojump_clock: MockClock) -> None:
    """After the time, with enough requests, and everybody gets it."""
    async with scene(tmp_path) as sc:
        sc.begin()
        await sc.answer()
        began = trio.current_time()
        await sc.report(2, (200, 2, 0), (200, 2, 0))
        ended = await sc.verdict()
        assert ended.verdict == "promoted"
        assert ended.reason.startswith("good: ")
        assert 60 <= trio.current_time() - began <= 65
        for peer in sc.peers.values():
            assert isinstance(await peer.hear_push(), Push)
        assert sc.mesh.policy().source == OTHER


async def test_one_that_denies_is_aborted_long_before(tmp_path: Path, autojump_clock: MockClock) -> None:
    """As soon as the reports are there."""
    async with scene(tmp_path) as sc:
        sc.begin()
        await sc.answer()
        began = trio.current_time()
        await sc.report(2, (50, 50, 0), (50, 0, 0))
        ended = await sc.verdict()
        assert ended.verdict == "aborted"
        assert "100.0% of" in ended.reason
        assert trio.current_time() - began <= 3
        assert sc.mesh.policy().source == POLICY


async def test_a_refusal_aborts_at_once_with_its_reason(tmp_path: Path, autojump_clock: MockClock) -> None:
    """Without waiting for the next look."""
    async with scene(tmp_path) as sc:
        sc.begin()
        await trio.testing.wait_all_tasks_blocked()
        await sc.answer(refuse="requires quantum")
        await trio.testing.wait_all_tasks_blocked()
        ended = await sc.verdict()
        assert ended.verdict == "aborted"
        assert "refused it: requires quantum" in ended.reason
        assert sc.mesh.history(1)[0].actor == "system"


async def test_nobody_left_aborts(tmp_path: Path, autojump_clock: MockClock) -> None:
    """When those who tried have been away for a minute."""
    async with scene(tmp_path) as sc:
        running = sc.begin()
        await sc.answer()
        gone = trio.current_time()
        for name, peer in sc.peers.items():
            if is_chosen(name, running.share):
                await peer.stream.aclose()
        ended = await sc.verdict()
        assert ended.reason.startswith("nobody is left in the canary")
        assert 60 <= trio.current_time() - gone <= 65


async def test_without_requests_it_waits(tmp_path: Path, autojump_clock: MockClock) -> None:
    """However long; and says what is missing."""
    async with scene(tmp_path) as sc:
        sc.begin()
        await sc.answer()
        await sc.report(2, (10, 0, 0), (500, 0, 0))
        await trio.sleep(600)
        report = await sc.watch.report()
        assert report is not None
        assert report.verdict.action == "wait"
        assert "of 100 requests that can be compared" in report.verdict.sentence


async def test_a_restart_forgets_no_report(tmp_path: Path, autojump_clock: MockClock) -> None:
    """What was counted by the control before counts for the next one."""
    async with scene(tmp_path) as sc:
        canary = sc.begin()
        await sc.answer()
        await sc.report(2, (60, 0, 0), (60, 0, 0))
        first = await sc.watch.report()
        assert first is not None
        sc.scope.cancel()
        again = Watch(sc.mesh, sc.server, TERMS, now=now, threads=InPlace())
        again._counted = {one: dict(one.reports.by_version) for one in sc.server.sessions()}
        again._since = canary.since
        second = await again.report()
        assert second is not None
        assert second.comparisons == first.comparisons


async def test_a_freeze_holds_the_promotion(tmp_path: Path, autojump_clock: MockClock) -> None:
    """Until it is over."""
    async with scene(tmp_path) as sc:
        sc.begin()
        await sc.answer()
        await sc.report(2, (200, 2, 0), (200, 2, 0))
        sc.mesh.freezes.begin("ann", "sale")
        await trio.sleep(90)
        report = await sc.watch.report()
        assert report is not None
        assert "not promoted, for the mesh is frozen by ann" in report.verdict.sentence
        sc.mesh.freezes.end("ann")
        assert (await sc.verdict()).verdict == "promoted"
