"""Several controls: who goes where, and how soon a sidecar is somewhere else."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from sidecar.contract.messages import Ack, Refuse
from sidecar.link.addresses import AWAY_S, LAST_FOR_S, spread
from sidecar.link.dial import resolve
from tests.control.distribution.memory_core import MemoryCore

from .playing import Sidecar

THREE = ("a:1", "b:1", "c:1")
OWN, SECOND, THIRD = spread(THREE, "sc1")


@pytest.fixture
async def member(tmp_path: Path, core: MemoryCore) -> Sidecar:
    """A sidecar that joined one of three controls a while ago, as sc1."""
    sidecar = Sidecar(tmp_path / "state", core, control=THREE)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(sidecar.link.run)
        control = await sidecar.next_connection()
        await control.welcome()
        assert isinstance(await control.push(1), Ack)
        nursery.cancel_scope.cancel()
    again = Sidecar(tmp_path / "state", core, control=THREE)
    again.core = core
    return again


def test_a_fleet_spreads_evenly_and_stays() -> None:
    """A thousand over three; a fourth control takes its share of each, and nobody else moves."""
    names = [f"sc_{number}" for number in range(1000)]
    before = {name: spread(THREE, name)[0] for name in names}
    assert all(280 < count < 390 for count in Counter(before.values()).values())
    after = {name: spread((*THREE, "d:1"), name)[0] for name in names}
    moved = [name for name in names if after[name] != before[name]]
    assert 200 < len(moved) < 300
    assert {after[name] for name in moved} == {"d:1"}


async def test_a_name_with_several_addresses_is_several(core: MemoryCore, tmp_path: Path) -> None:
    """Each of them is dialled by itself."""
    sidecar = Sidecar(tmp_path / "state", core, control=("mesh:1", "x:1"))
    sidecar.names["mesh:1"] = ["10.0.0.1:1", "10.0.0.2:1", "x:1"]
    async with trio.open_nursery() as nursery:
        nursery.start_soon(sidecar.link.run)
        for _ in range(3):
            await (await sidecar.next_connection()).stream.aclose()
        await wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()
    assert sorted(address for _, address in sidecar.dialled[:3]) == ["10.0.0.1:1", "10.0.0.2:1", "x:1"]


class Names(trio.abc.HostnameResolver):
    """DNS, by hand."""

    async def getaddrinfo(self, host: bytes | None, port: object, *_: object) -> Any:
        """As libc answers."""
        four = [(2, 1, 6, "", (f"10.0.0.{number}", port)) for number in (1, 2)]
        six = [(10, 1, 6, "", (f"fd00::{number}", port, 0, 0)) for number in (1, 2)]
        known = {b"pods": four, b"both": six + four, b"dual": [four[0], six[0]], b"one": four[:1]}
        if host not in known:
            raise OSError("no such name")
        return known[host]

    async def getnameinfo(self, *_: object) -> Any:
        """Nobody asks."""
        raise AssertionError


async def test_what_names_stand_for() -> None:
    """Several of one family are several controls; one of each family is one, as is what cannot be found."""
    trio.socket.set_custom_hostname_resolver(Names())
    for name, expected in {
        "pods:7": ["10.0.0.1:7", "10.0.0.2:7"],
        "both:7": ["[fd00::1]:7", "[fd00::2]:7", "10.0.0.1:7", "10.0.0.2:7"],
        "dual:7": ["dual:7"],
        "one:7": ["one:7"],
        "gone:7": ["gone:7"],
        "unix:/run/control": ["unix:/run/control"],
        "10.1.1.1:7": ["10.1.1.1:7"],
    }.items():
        assert await resolve(name) == expected


async def test_a_control_that_never_welcomes_holds_nobody(member: Sidecar, autojump_clock: MockClock) -> None:
    """Fifteen seconds, once; then it is the last to be tried, for ten minutes."""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(member.link.run)
        await (await member.next_connection()).hello()
        second = await member.next_connection()
        await second.welcome()
        assert member.dialled[1][0] - member.dialled[0][0] == pytest.approx(15, abs=0.1)
        await trio.sleep(20)
        lost_at = trio.current_time()
        await second.stream.aclose()
        await (await member.next_connection()).welcome()
        assert [address for _, address in member.dialled] == [OWN, SECOND, SECOND]
        assert member.dialled[2][0] - lost_at <= 0.21
        assert member.link.status.address == SECOND
        nursery.cancel_scope.cancel()


async def test_a_control_that_is_cut_off_is_left_within_three_heartbeats(
    member: Sidecar, autojump_clock: MockClock
) -> None:
    """Half open: neither a byte nor an end."""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(member.link.run)
        first = await member.next_connection()
        await first.welcome()
        await first.push(2)
        silent_since = trio.current_time()
        control = await member.next_connection()
        assert 30 <= trio.current_time() - silent_since <= 30.3
        await control.stream.aclose()
        assert (await (await member.next_connection()).hello()).in_use is not None
        assert [address for _, address in member.dialled] == [OWN, OWN, SECOND]
        nursery.cancel_scope.cancel()


async def test_it_comes_home_after_a_while_and_misses_nothing(member: Sidecar, autojump_clock: MockClock) -> None:
    """Ten to twenty minutes later it says at its own address what is enforced."""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(member.link.run)
        await (await member.next_connection()).stream.aclose()
        elsewhere = await member.next_connection()
        await elsewhere.welcome(heartbeat_s=3600)
        await elsewhere.push(2)
        began = trio.current_time()
        home = await member.next_connection()
        hello = await home.welcome(heartbeat_s=3600)
        assert AWAY_S[0] <= trio.current_time() - began <= AWAY_S[1] + 1
        assert [address for _, address in member.dialled] == [OWN, SECOND, OWN]
        assert hello.in_use is not None
        assert hello.in_use.version == 2
        with trio.move_on_after(2 * AWAY_S[1]):
            await member.next_connection()
            raise AssertionError("it left its own address")
        nursery.cancel_scope.cancel()


async def test_another_control_is_asked_after_a_refusal(member: Sidecar, autojump_clock: MockClock) -> None:
    """One of them may be wrong, and need not be for all."""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(member.link.run)
        first = await member.next_connection()
        await first.hello()
        await first.say(Refuse("unknown_certificate", "of a store that was restored from last week"))
        await (await member.next_connection()).welcome()
        assert [address for _, address in member.dialled] == [OWN, SECOND]
        assert member.dialled[1][0] - member.dialled[0][0] >= 5
        nursery.cancel_scope.cancel()


def test_no_order_of_waits_is_longer_than_the_page_says() -> None:
    """A sidecar is back home not before the address that failed it counts again."""
    assert AWAY_S[0] >= LAST_FOR_S
