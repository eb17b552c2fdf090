"""The link against a control played by hand: joining, applying, refusing, and what it does when control is gone."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from random import Random

import pytest
import trio
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from trio.testing import MockClock, wait_all_tasks_blocked

from sidecar.contract.envelope import Sealed, key_id, seal
from sidecar.contract.messages import Ack, InUse, Nack, Ping, Push, Refuse, Welcome
from sidecar.contract.snapshot import Snapshot, encode
from sidecar.contract.strict import ContractError
from sidecar.link import Link, LinkSettings, StateDir
from sidecar.link.addresses import spread
from tests.control.distribution.memory_core import MemoryCore
from tests.control.distribution.talking import csr

from .playing import NOW, Control, Sidecar

Scene = Callable[[Control], Awaitable[None]]


async def play(sidecar: Sidecar, *scenes: Scene) -> None:
    """Runs the link against one scene for each connection; each scene ends its connection."""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(sidecar.link.run)
        for scene in scenes:
            control = await sidecar.next_connection()
            await scene(control)
            await control.stream.aclose()
        await wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()


def in_force(control: Control, nonce: int, version: int) -> Ack:
    """The answer to a snapshot that was taken."""
    return Ack(nonce, version, control.core.sealed(version).digest)


async def member(control: Control) -> None:
    """Welcomes, and no more."""
    await control.welcome()
    await wait_all_tasks_blocked()


async def test_a_first_connection_joins_and_pins(sidecar: Sidecar, core: MemoryCore) -> None:
    """The hello carries the token's proof and a request; the answer is on disk, 0600."""

    async def scene(control: Control) -> None:
        hello = await control.welcome()
        assert hello.join is not None
        assert hello.csr is not None
        assert hello.in_use is None
        assert await control.push(1) == in_force(control, 1, 1)

    await play(sidecar, scene)
    identity = sidecar.state.load_identity()
    assert identity is not None
    assert (identity.sidecar_id, identity.ca, identity.signing_key) == ("sc1", core.ca_der, core.signing_public_key)
    assert sidecar.applied == [(1, "push")]


async def test_later_connections_say_what_is_in_use(sidecar: Sidecar, autojump_clock: MockClock) -> None:
    """And neither token nor request."""

    async def first(control: Control) -> None:
        await control.welcome()
        await control.push(4)

    async def second(control: Control) -> None:
        hello = await control.welcome()
        assert (hello.join, hello.csr) == (None, None)
        assert hello.in_use == InUse(4, control.core.sealed(4).digest)
        assert hello.key_id == key_id(control.core.signing_public_key)

    await play(sidecar, first, second)


async def test_an_acknowledged_snapshot_is_on_disk(sidecar: Sidecar, core: MemoryCore) -> None:
    """ACK comes after the write: what control counts survives a restart."""

    async def scene(control: Control) -> None:
        await control.welcome()
        await control.push(2)
        loaded = sidecar.state.load_last_good(core.signing_public_key, NOW)
        assert loaded is not None
        assert loaded.snapshot.version == 2

    await play(sidecar, scene)


def other_mesh(version: int, service: str = "orders") -> Sealed:
    """Signed, but by another key."""
    return seal(encode(Snapshot("shop.test", service, version, 1)), Ed25519PrivateKey.generate())


@pytest.mark.parametrize(
    ("version", "make", "reason"),
    [
        (6, lambda _: other_mesh(6), "bad_signature"),
        (6, lambda core: replace(core.sealed(6), signature=b"x" * 64), "bad_signature"),
        (6, lambda core: replace(core.sealed(6), payload=core.sealed(7).payload), "bad_signature"),
        (6, lambda core: core.sealed(6, "stock"), "wrong_service"),
        (6, lambda core: core.sealed(7), "wrong_version"),
        (4, lambda core: core.sealed(4), "older"),
        (5, lambda core: seal(encode(Snapshot("other.test", "orders", 5, 1)), core.signing), "differs"),
        (6, lambda core: seal(b"\xc1", core.signing), "malformed"),
        (
            6,
            lambda core: seal(encode(Snapshot("shop.test", "orders", 6, 1, requires=("telepathy",))), core.signing),
            "lacks_capability",
        ),
    ],
    ids=["other key", "signature", "payload", "service", "number", "older", "differs", "malformed", "capability"],
)
async def test_a_snapshot_that_may_not_be_applied_is_refused_and_disturbs_nothing(
    sidecar: Sidecar, version: int, make: Callable[[MemoryCore], Sealed], reason: str
) -> None:
    """NACK with the reason; 5 goes on, also on disk, and the session goes on too."""

    async def scene(control: Control) -> None:
        await control.welcome()
        await control.push(5)
        answer = await control.push(version, make(control.core))
        assert isinstance(answer, Nack)
        assert (answer.in_use, answer.reason.split(":")[0]) == (5, reason)
        assert await control.push(8) == in_force(control, 3, 8)

    await play(sidecar, scene)
    assert sidecar.applied == [(5, "push"), (8, "push")]


async def test_the_same_snapshot_again_is_acknowledged_without_compiling(sidecar: Sidecar) -> None:
    """It is in force already."""

    async def scene(control: Control) -> None:
        await control.welcome()
        await control.push(5)
        assert await control.push(5) == in_force(control, 2, 5)

    await play(sidecar, scene)
    assert sidecar.applied == [(5, "push")]


@pytest.mark.parametrize(
    ("error", "reason"), [(ContractError("weak_key", "RSA of 512 bits"), "weak_key"), (KeyError("x"), "internal")]
)
async def test_a_snapshot_that_does_not_compile_is_refused(sidecar: Sidecar, error: Exception, reason: str) -> None:
    """A bug in the compiler too: it neither ends the link nor changes what runs."""

    def refuse(snapshot: Snapshot) -> None:
        if snapshot.version == 6:
            raise error

    sidecar.compile = refuse

    async def scene(control: Control) -> None:
        await control.welcome()
        await control.push(5)
        answer = await control.push(6)
        assert isinstance(answer, Nack)
        assert (answer.in_use, answer.reason.split(":")[0]) == (5, reason)
        assert await control.push(7) == in_force(control, 3, 7)

    await play(sidecar, scene)


async def test_a_disk_that_fails_does_not_hold_back_a_policy(
    sidecar: Sidecar, core: MemoryCore, caplog: pytest.LogCaptureFixture
) -> None:
    """It is in force, so it is acknowledged, and the log says loudly that a restart will not find it."""

    async def scene(control: Control) -> None:
        await control.welcome()
        (sidecar.state.path / "last-good").mkdir()  # nothing can be renamed onto it
        assert await control.push(1) == in_force(control, 1, 1)

    await play(sidecar, scene)
    assert "last_good_not_written" in caplog.text


async def test_a_ping_is_echoed(sidecar: Sidecar) -> None:
    """With its number."""

    async def scene(control: Control) -> None:
        await control.welcome()
        await control.say(Ping(17))
        assert await control.hear() == Ping(17)

    await play(sidecar, scene)


async def test_silence_of_three_heartbeats_ends_the_session(sidecar: Sidecar, autojump_clock: MockClock) -> None:
    """A control that hangs is as good as gone."""

    async def scene(control: Control) -> None:
        await control.welcome()
        began = trio.current_time()
        assert await control.hear() is None
        assert trio.current_time() - began == pytest.approx(30, abs=0.1)

    await play(sidecar, scene)
    assert any(said.error == "no answer in time" for said in sidecar.said)


async def test_a_control_that_never_welcomes_is_left(sidecar: Sidecar, autojump_clock: MockClock) -> None:
    """After fifteen seconds."""

    async def scene(control: Control) -> None:
        await control.hello()
        began = trio.current_time()
        assert await control.hear() is None
        assert trio.current_time() - began == pytest.approx(15, abs=0.1)

    await play(sidecar, scene)


async def test_a_refusal_is_shown_and_waited_out(sidecar: Sidecar, autojump_clock: MockClock) -> None:
    """The sidecar goes on with what it has, says why in its status, and comes back later than after a failure."""

    async def refuse(control: Control) -> None:
        await control.hello()
        await control.say(Refuse("bad_join_token", "it was used up"))

    await play(sidecar, refuse, member)
    assert any(said.state == "refused" and "it was used up" in said.error for said in sidecar.said)
    assert sidecar.dialled[1][0] - sidecar.dialled[0][0] >= 5


async def test_addresses_are_tried_in_turn(tmp_path: Path, core: MemoryCore, autojump_clock: MockClock) -> None:
    """All of them before any waiting, in an order that is this sidecar's."""
    sidecar = Sidecar(tmp_path / "state", core, control=("down:1", "down:2", "down:3", "up:4"))
    await play(sidecar, member)
    order = spread(("down:1", "down:2", "down:3", "up:4"), "orders orders-1")
    assert [address for _, address in sidecar.dialled[:4]] == (order + order)[:4]
    assert sidecar.dialled[order.index("up:4")][0] - sidecar.dialled[0][0] < 0.1


async def test_a_control_that_is_gone_is_asked_less_and_less(
    tmp_path: Path, core: MemoryCore, autojump_clock: MockClock
) -> None:
    """Never more than ten seconds apart, for ever."""
    sidecar = Sidecar(tmp_path / "state", core, control=("down:1",))
    with trio.move_on_after(600):
        await sidecar.link.run()
    times = [at for at, _ in sidecar.dialled]
    waits = [later - earlier for earlier, later in pairwise(times)]
    assert 60 < len(times) < 300
    assert max(waits) <= 10.01
    assert sidecar.link.status.state in ("disconnected", "connecting")


async def test_a_different_signing_key_is_refused(sidecar: Sidecar, autojump_clock: MockClock) -> None:
    """What was pinned at joining is what counts."""

    async def impostor(control: Control) -> None:
        await control.welcome(signing_key=b"k" * 32)
        assert await control.hear() is None

    await play(sidecar, member, impostor)
    assert any("other_signing_key" in said.error for said in sidecar.said)


async def test_a_snapshot_before_the_welcome_ends_the_connection(sidecar: Sidecar, autojump_clock: MockClock) -> None:
    """Nothing is applied before control has said which key signs."""

    async def scene(control: Control) -> None:
        await control.hello()
        await control.say(Push(1, 1, control.core.sealed(1)))
        assert await control.hear() is None

    await play(sidecar, scene)
    assert sidecar.applied == []


async def test_a_certificate_for_another_key_is_refused(
    sidecar: Sidecar, core: MemoryCore, autojump_clock: MockClock
) -> None:
    """Control cannot give us a certificate that we could not use."""

    async def scene(control: Control) -> None:
        hello = await control.hello()
        assert hello.join is not None
        strange = core.enrol(hello.join, "orders", "i", csr(), "")
        await control.say(Welcome(strange.sidecar.id, core.signing_public_key, 10, strange.certificate))
        assert await control.hear() is None

    await play(sidecar, scene)
    assert any("bad_certificate" in said.error for said in sidecar.said)
    assert not (sidecar.state.path / "identity").exists()


async def test_the_certificate_is_renewed_at_half_its_life(
    sidecar: Sidecar, core: MemoryCore, autojump_clock: MockClock
) -> None:
    """By coming back with a request, at once and with a fresh key."""
    core.life_s = 1000

    async def until_half_life(control: Control) -> None:
        await control.welcome(heartbeat_s=3600)
        began = trio.current_time()
        assert await control.hear() is None
        assert 499 <= trio.current_time() - began <= 601
        sidecar.now += trio.current_time() - began + 1
        core.clock = sidecar.now

    async def renewal(control: Control) -> None:
        before = sidecar.state.load_identity()
        hello = await control.welcome()
        assert hello.join is None
        assert hello.csr is not None
        await wait_all_tasks_blocked()
        after = sidecar.state.load_identity()
        assert before is not None
        assert after is not None
        assert after.private_key_pem != before.private_key_pem
        assert after.sidecar_id == before.sidecar_id

    await play(sidecar, until_half_life, renewal, member)


@pytest.mark.parametrize(("code", "joins"), [("unknown_certificate", True), ("expired", False), ("revoked", False)])
async def test_after_which_refusals_the_join_token_is_used_again(
    sidecar: Sidecar, autojump_clock: MockClock, code: str, joins: bool
) -> None:
    """A control that forgot us takes us in again; one that took us out does not; an old certificate is renewed."""

    async def refuse(control: Control) -> None:
        await control.hello()
        await control.say(Refuse(code, "no"))

    async def again(control: Control) -> None:
        hello = await control.hello()
        assert (hello.join is not None) is joins
        assert (hello.csr is not None) is (code != "revoked")

    await play(sidecar, member, refuse, again)


async def test_a_restart_serves_last_good_before_any_connection(
    sidecar: Sidecar, core: MemoryCore, autojump_clock: MockClock
) -> None:
    """Control may be gone: what was in force is in force again."""

    async def scene(control: Control) -> None:
        await control.welcome()
        await control.push(9)

    await play(sidecar, scene)
    again = Sidecar(sidecar.state.path, core, join=False)
    assert await again.link.restore()
    assert again.applied == [(9, "last_good")]
    assert (again.link.status.in_use, again.link.status.source) == (9, "last_good")


async def test_a_token_of_another_control_means_joining_anew(
    sidecar: Sidecar, core: MemoryCore, autojump_clock: MockClock
) -> None:
    """And the other control's policy is not served meanwhile."""

    async def scene(control: Control) -> None:
        await control.welcome()
        await control.push(9)

    await play(sidecar, scene)
    moved = Sidecar(sidecar.state.path, MemoryCore(core.clock))
    assert not await moved.link.restore()
    assert moved.applied == []

    async def joins(control: Control) -> None:
        hello = await control.welcome()
        assert hello.join is not None
        assert await control.push(1) == in_force(control, 1, 1)

    await play(moved, joins)


async def test_without_identity_and_token_there_is_nothing_to_do(tmp_path: Path, core: MemoryCore) -> None:
    """One clear error at the start."""
    with pytest.raises(ContractError) as caught:
        await Sidecar(tmp_path / "state", core, join=False).link.restore()
    assert caught.value.code == "no_identity"


@pytest.mark.parametrize("address", ["nothing", "host:", ":1", "host:99999", "host:x", "unix:relative"])
def test_an_address_that_is_none_is_refused_at_once(tmp_path: Path, address: str) -> None:
    """Before anything is dialled."""
    settings = LinkSettings("orders", (address,), "i", "a")
    with pytest.raises(ContractError):
        Link(settings, StateDir(tmp_path, "orders"), lambda *_: lambda: None, now=lambda: 0.0, rng=Random())


def test_a_join_token_for_another_service_is_refused_at_once(tmp_path: Path, core: MemoryCore) -> None:
    """A sidecar never joins as something it is not."""
    settings = LinkSettings("stock", ("c:1",), "i", "a", core.token("orders"))
    with pytest.raises(ContractError) as caught:
        Link(settings, StateDir(tmp_path, "stock"), lambda *_: lambda: None, now=lambda: 0.0, rng=Random())
    assert caught.value.code == "bad_join_token"
