"""Revocations on the sidecar's end: in force at once, kept on disk, never with a gap."""

from collections.abc import Callable
from pathlib import Path

import pytest
import trio
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from trio.testing import MockClock, wait_all_tasks_blocked

from sidecar.contract.envelope import INCREMENT, Sealed, encode_sealed, seal
from sidecar.contract.increment import Chain, Increment, encode_increment
from sidecar.contract.messages import Ack, Increments, Nack, Refresh
from sidecar.contract.snapshot import Issuer, Revocation, Snapshot, encode
from sidecar.link import StateDir
from sidecar.link.refreshes import EVERY_S
from tests.control.distribution.memory_core import MemoryCore

from .playing import NOW, Control, Sidecar, in_place
from .test_link import play

OWN = Issuer("own", "https://own.test", ("orders",), ("ES256",))


def jti(value: str) -> Revocation:
    """One token, for good."""
    return Revocation("own", "jti", value, 2**53 - 1)


def snapshot(core: MemoryCore, version: int) -> Sealed:
    """One whose tokens are control's own."""
    return seal(encode(Snapshot("shop.test", "orders", version, 1, issuers=(OWN,))), core.signing)


def revoked(sidecar: Sidecar) -> list[str]:
    """What does not count there now."""
    assert sidecar.snapshot is not None
    return [one.value for one in sidecar.snapshot.revocations]


async def test_a_revocation_is_in_force_acknowledged_and_kept(sidecar: Sidecar, core: MemoryCore) -> None:
    """The ack names the place on the chain; a restart without control still refuses the token."""
    base, first, second = snapshot(core, 5), core.increment(6, jti("a")), core.increment(7, jti("b"))
    chain = Chain.begin(5, base, (first, second))

    async def scene(control: Control) -> None:
        await control.welcome()
        await control.push(5, base)
        assert await control.revoke(6, first) == Ack(2, 6, chain.places[1].digest)
        assert revoked(sidecar) == ["a"]
        assert await control.revoke(7, second) == Ack(3, 7, chain.in_use.digest)

    await play(sidecar, scene)
    assert sidecar.applied == [(5, "push"), (6, "increment"), (7, "increment")]
    again = Sidecar(sidecar.state.path, core, join=False)
    assert await again.link.restore()
    assert revoked(again) == ["a", "b"]
    assert again.link.status.in_use == 7


async def test_a_slow_disk_holds_no_revocation_back(sidecar: Sidecar, core: MemoryCore) -> None:
    """What comes while it writes is in force at once, is written with one more write, and acknowledged then."""
    base, later = snapshot(core, 5), [core.increment(6 + number, jti(str(number))) for number in range(3)]
    chain, writes = Chain.begin(5, base, later), list[int]()
    ready = trio.Event()

    async def slow(work: Callable[..., object], *args: object) -> object:
        if getattr(work, "__name__", "") == "save_last_good" and args[0] != Chain.begin(5, base):
            writes.append(1)
            await ready.wait()
        return await in_place(work, *args)

    sidecar.link._enforced._blocking = slow  # type: ignore[assignment]  # a disk that takes its time

    async def scene(control: Control) -> None:
        await control.welcome()
        await control.push(5, base)
        for number, sealed in enumerate(later):
            await control.say(Increments(2 + number, 6 + number, (sealed,)))
        await wait_all_tasks_blocked()
        assert revoked(sidecar) == ["0", "1", "2"]
        ready.set()
        heard = [await control.hear() for _ in later]
        assert heard == [Ack(2 + n, 6 + n, chain.places[1 + n].digest) for n in range(3)]

    await play(sidecar, scene)
    assert len(writes) == 2
    assert kept(sidecar.state, core) == (8, ["0", "1", "2"])


async def test_a_sidecar_that_comes_back_says_how_far_it_is(
    sidecar: Sidecar, core: MemoryCore, autojump_clock: MockClock
) -> None:
    """Version and digest of the chain."""
    base, first = snapshot(core, 5), core.increment(6, jti("a"))

    async def scene(control: Control) -> None:
        await control.welcome()
        await control.push(5, base)
        await control.revoke(6, first)

    async def again(control: Control) -> None:
        hello = await control.welcome()
        assert hello.in_use == Chain.begin(5, base, (first,)).in_use

    await play(sidecar, scene, again)


async def test_a_snapshot_comes_into_force_with_its_increments_at_once(sidecar: Sidecar, core: MemoryCore) -> None:
    """There is no moment at which the policy is there and the revocation is not. Many at a time are taken too."""
    base = snapshot(core, 5)
    later = tuple(core.increment(6 + number, jti(str(number))) for number in range(40))

    async def scene(control: Control) -> None:
        await control.welcome()
        assert await control.push(7, base, later[:2]) == Ack(1, 7, Chain.begin(5, base, later[:2]).in_use.digest)
        assert await control.revoke(45, *later[2:]) == Ack(2, 45, Chain.begin(5, base, later).in_use.digest)

    await play(sidecar, scene)
    assert sidecar.applied == [(7, "push"), (45, "increment")]
    assert len(revoked(sidecar)) == 40


def _by_another(core: MemoryCore) -> Sealed:
    del core
    return seal(encode_increment(Increment("shop.test", 5, 6, 1)), Ed25519PrivateKey.generate(), INCREMENT)


def _signed_as_a_snapshot(core: MemoryCore) -> Sealed:
    return seal(encode_increment(Increment("shop.test", 5, 6, 1)), core.signing)


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (_by_another, "bad_signature"),
        (_signed_as_a_snapshot, "bad_signature"),
        (lambda core: core.increment(6, domain="other.test"), "wrong_trust_domain"),
        (lambda core: core.increment(7), "gap"),
        (lambda core: core.increment(5), "gap"),
        (lambda core: seal(b"\xc1", core.signing, INCREMENT), "malformed"),
    ],
    ids=["another key", "as a snapshot", "another mesh", "a gap", "again", "garbage"],
)
async def test_increments_that_do_not_belong_are_refused_and_disturb_nothing(
    sidecar: Sidecar, make: Callable[[MemoryCore], Sealed], reason: str
) -> None:
    """NACK with the reason; what was in force goes on, and the right one is taken after it."""

    async def scene(control: Control) -> None:
        await control.welcome()
        await control.push(5, snapshot(control.core, 5))
        answer = await control.revoke(6, make(control.core))
        assert isinstance(answer, Nack)
        assert (answer.in_use, answer.reason.split(":")[0]) == (5, reason)
        assert isinstance(await control.revoke(6, control.core.increment(6, jti("a"))), Ack)

    await play(sidecar, scene)
    assert revoked(sidecar) == ["a"]


async def test_increments_announced_as_another_version_or_to_nothing_are_refused(
    sidecar: Sidecar, core: MemoryCore
) -> None:
    """The number on the frame is the one within; and they need a snapshot to be added to."""

    async def scene(control: Control) -> None:
        await control.welcome()
        nothing = await control.revoke(6, core.increment(6))
        await control.push(5)
        other = await control.revoke(7, core.increment(6))
        assert [a.reason.split(":")[0] for a in (nothing, other) if isinstance(a, Nack)] == ["gap", "wrong_version"]

    await play(sidecar, scene)


async def test_an_entry_is_forgotten_when_its_time_is_over(sidecar: Sidecar, core: MemoryCore) -> None:
    """The next revocation takes it along."""

    async def scene(control: Control) -> None:
        await control.welcome()
        await control.push(5, snapshot(core, 5))
        await control.revoke(6, core.increment(6, Revocation("own", "jti", "brief", 2**53 - 1, int(NOW) + 60)))
        assert revoked(sidecar) == ["brief"]
        sidecar.now += 61
        await control.revoke(7, core.increment(7, jti("next")))

    await play(sidecar, scene)
    assert revoked(sidecar) == ["next"]


def kept(state: StateDir, core: MemoryCore) -> tuple[int, list[str]]:
    """Version and revocations that a restart finds."""
    found = state.load_last_good(core.signing_public_key, NOW)
    assert found is not None
    return found.snapshot.version, [one.value for one in found.snapshot.revocations]


def three(core: MemoryCore) -> Chain:
    """A snapshot and three revocations."""
    return Chain.begin(5, snapshot(core, 5), [core.increment(6 + n, jti(str(n))) for n in range(3)])


def state_of(path: Path) -> StateDir:
    """An empty one."""
    state = StateDir(path / "kept", "orders")
    state.prepare()
    return state


def test_a_record_torn_anywhere_is_dropped_and_written_again(tmp_path: Path, core: MemoryCore) -> None:
    """A crash at any byte leaves a version that was in force; from there it goes on."""
    state, chain = state_of(tmp_path), three(core)
    state.save_last_good(chain)
    file = state.path / "increments"
    whole = file.read_bytes()
    versions = set()
    for end in range(len(whole)):
        file.write_bytes(whole[:end])
        version, values = kept(state, core)
        assert values == [str(n) for n in range(version - 5)]
        versions.add(version)
    assert versions == {5, 6, 7}
    state.save_last_good(chain)
    assert kept(state, core) == (8, ["0", "1", "2"])


@pytest.mark.parametrize("place", [0.3, 0.6, 0.95])
def test_what_was_changed_in_the_file_ends_it(
    tmp_path: Path, core: MemoryCore, caplog: pytest.LogCaptureFixture, place: float
) -> None:
    """Signatures are verified again when it is read; the log says that something is missing."""
    state = state_of(tmp_path)
    state.save_last_good(three(core))
    file = state.path / "increments"
    data = bytearray(file.read_bytes())
    at = data.index(b"shop.test", int(len(data) * place) - 200)
    data[at] ^= 1
    file.write_bytes(data)
    version, values = kept(state, core)
    assert version < 8
    assert values == [str(n) for n in range(version - 5)]
    assert "increments_cut" in caplog.text


def test_each_revocation_is_one_short_write(tmp_path: Path, core: MemoryCore) -> None:
    """The file grows at its end; the snapshot beside it is not touched."""
    state, chain = state_of(tmp_path), three(core)
    state.save_last_good(Chain.begin(5, chain.snapshot))
    before = [(state.path / name).stat().st_ino for name in ("last-good", "increments")]
    sizes = []
    for count in (1, 2, 3):
        state.save_last_good(Chain.begin(5, chain.snapshot, chain.increments[:count]))
        sizes.append((state.path / "increments").stat().st_size)
    assert [(state.path / name).stat().st_ino for name in ("last-good", "increments")] == before
    assert sizes[2] - sizes[1] == sizes[1] - sizes[0] < 400


def test_workers_that_share_a_directory_never_take_a_revocation_back(tmp_path: Path, core: MemoryCore) -> None:
    """Whoever is behind writes nothing, before and after the next snapshot."""
    state, chain = state_of(tmp_path), three(core)
    slow = Chain.begin(5, chain.snapshot, chain.increments[:1])
    state.save_last_good(chain)
    state.save_last_good(slow)
    assert kept(state, core) == (8, ["0", "1", "2"])
    state.save_last_good(Chain.begin(9, snapshot(core, 9)))
    state.save_last_good(chain)
    assert kept(state, core) == (9, [])


def test_a_crash_between_snapshot_and_increments_mixes_nothing(tmp_path: Path, core: MemoryCore) -> None:
    """Increments of another snapshot are not this one's."""
    state = state_of(tmp_path)
    state.save_last_good(three(core))
    (state.path / "last-good").write_bytes(encode_sealed(snapshot(core, 7)))
    assert kept(state, core) == (7, [])


async def test_a_refresh_is_told_once_in_a_while_and_only_when_somebody_listens(
    sidecar: Sidecar, core: MemoryCore, autojump_clock: MockClock
) -> None:
    """A thousand tokens of unknown keys are one frame; another issuer's is its own."""
    sidecar.link.request_refresh("auth0")  # nobody is connected: forgotten

    async def scene(control: Control) -> None:
        await control.welcome(heartbeat_s=3600)
        await wait_all_tasks_blocked()
        for _ in range(1000):
            sidecar.link.request_refresh("auth0")
        sidecar.link.request_refresh("partner")
        assert [await control.hear(), await control.hear()] == [Refresh("auth0"), Refresh("partner")]
        began = trio.current_time()
        while trio.current_time() - began < EVERY_S:
            sidecar.link.request_refresh("auth0")
            await trio.sleep(1)
        sidecar.link.request_refresh("auth0")
        assert await control.hear() == Refresh("auth0")
        assert isinstance(await control.push(1), Ack)  # nothing else was said

    await play(sidecar, scene)
