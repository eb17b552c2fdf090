"""Events: each follower gets each one once and in order, from where it was; and what becomes one."""

from contextlib import ExitStack
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from control.rollout.events import MAX_FOLLOWERS, MAX_OF_ONE, Events, Following, TooMany, TooSlow
from control.rollout.news import News
from tests.control.distribution.talking import InPlace
from tests.control.mesh.test_mesh import OTHER

from .test_watch import scene


def events(kept: int = 100) -> Events:
    """None yet."""
    return Events(lambda: 5.0, kept)


async def take(following: Following, count: int) -> list[str]:
    """The kinds of the next ones."""
    found = [await following.next(15) for _ in range(count)]
    return ["quiet" if event is None else event.kind for event in found]


async def test_a_follower_gets_what_comes(autojump_clock: MockClock) -> None:
    """In order; and hears when nothing does."""
    feed = events()
    feed.tell("before")
    with feed.follow() as following:
        assert await take(following, 1) == ["quiet"]
        feed.tell("one")
        feed.tell("two")
        assert await take(following, 3) == ["one", "two", "quiet"]
    assert trio.current_time() == pytest.approx(30)


async def test_who_comes_back_goes_on() -> None:
    """After the event that it names; what another run named, or what is forgotten, is a gap."""
    feed = events(kept=3)
    ids = []
    for number in range(5):
        feed.tell(f"event{number}")
        ids.append(feed.id_of(feed._kept[-1]))
    with feed.follow(ids[2]) as following:
        assert await take(following, 2) == ["event3", "event4"]
    for unknown in (ids[0], "0-3", "nonsense", f"{ids[0]}9999", ""):
        with feed.follow(unknown) as following:
            assert await take(following, 1) == ["gap"]
            feed.tell("next")
            assert await take(following, 1) == ["next"]


async def test_who_is_too_slow_is_cut() -> None:
    """When what it was to have next is forgotten; nobody else notices."""
    feed = events(kept=3)
    with feed.follow() as slow, feed.follow() as quick:
        feed.tell("one")
        assert await take(slow, 1) == await take(quick, 1) == ["one"]
        for number in range(4):
            feed.tell("more", number=number)
            assert await take(quick, 1) == ["more"]
        with pytest.raises(TooSlow):
            await slow.next(1)


def test_followers_have_a_bound() -> None:
    """And one that goes makes room."""
    feed = events()
    with ExitStack() as stack:
        for number in range(MAX_FOLLOWERS):
            stack.enter_context(feed.follow(who=f"{number}"))
        assert feed.is_full("another")
        with pytest.raises(TooMany), feed.follow():
            pass
    assert not feed.is_full("another")


def test_one_credential_does_not_take_every_place() -> None:
    """Half of them at the most, and it gets them back."""
    feed = events()
    with ExitStack() as stack:
        for _ in range(MAX_OF_ONE):
            stack.enter_context(feed.follow(who="viewer"))
        with pytest.raises(TooMany), feed.follow(who="viewer"):
            pass
        stack.enter_context(feed.follow(who="operator"))
    with feed.follow(who="viewer"):
        assert not feed.is_full("viewer")
    assert not feed._followers


async def test_what_is_told(tmp_path: Path, autojump_clock: MockClock, nursery: trio.Nursery) -> None:
    """Versions, canaries, freezes, who came and went, who refused and why, and how far it is."""
    async with scene(tmp_path, sidecars=2) as sc:
        feed = events()
        await nursery.start(News(sc.mesh, sc.server, feed, InPlace()).run)
        sc.begin()
        await sc.answer(refuse="cannot")
        await wait_all_tasks_blocked()
        await sc.verdict()
        await sc.answer()
        await trio.sleep(1)
        sc.mesh.freezes.begin("ann", "sale")
        await trio.sleep(1)
        sc.mesh.freezes.end("ann")
        await trio.sleep(1)
        for peer in sc.peers.values():
            await peer.stream.aclose()
        await trio.sleep(1)
        told = [(one.kind, one.facts) for one in feed._kept]
        kinds = [kind for kind, _ in told]
        assert kinds.count("version") == kinds.count("canary") == kinds.count("freeze") == 2
        assert kinds.count("disconnected") == 2
        assert [facts["state"] for kind, facts in told if kind == "canary"] == ["running", "aborted"]
        (refused,) = (facts for kind, facts in told if kind == "nacked")
        assert (refused["version"], refused["reason"], refused["in_use"]) == (2, "cannot", 1)
        last = [facts for kind, facts in told if kind == "progress" and facts["version"] == 3][-1]
        assert (last["acked"], last["nacked"], last["pending"]) in {(2, 0, 0), (0, 0, 0)}
        assert OTHER not in str(told)
        nursery.cancel_scope.cancel()
