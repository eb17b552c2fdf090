"""One suite for whatever may stand behind the push server: the real mesh, and the one in memory that tests use."""

import statistics
import time
from collections.abc import Callable, Iterator
from functools import partial
from itertools import count
from pathlib import Path
from random import Random
from typing import Protocol

import pytest
import trio
from cryptography import x509
from cryptography.x509.oid import NameOID

from control.distribution import PushServer
from control.distribution.core import Core, KnownSidecar
from control.errors import Denied
from control.mesh import open_mesh
from sidecar.contract.envelope import open_sealed
from sidecar.contract.join import JoinToken, parse_join_token
from sidecar.contract.messages import Join
from sidecar.contract.snapshot import decode
from sidecar.link import Link, LinkSettings, StateDir

from .memory_core import MemoryCore
from .talking import NOW, csr

POLICY = "trust_domain: shop.test\nissuers: {own: {builtin: true}}\nservices: {orders: {routes: [{path: /**}]}}\n"
DAY = 86_400


class Subject(Protocol):
    """A core, and what a test needs to do to it."""

    @property
    def core(self) -> Core: ...

    def token(self) -> JoinToken: ...

    def change(self) -> None: ...

    def revoke(self, sidecar_id: str) -> None: ...

    def later(self, seconds: float) -> None: ...

    def close(self) -> None: ...


class InMemory:
    """The one that tests use."""

    def __init__(self, _data: Path) -> None:
        self.core = core = MemoryCore(NOW)
        self.token, self.revoke = core.token, core.revoke
        self._versions = count(1)

    def change(self) -> None:
        """A new version."""
        self.core.publish(next(self._versions))

    def later(self, seconds: float) -> None:
        """Time passes."""
        self.core.clock += seconds

    def close(self) -> None:
        """Nothing to close."""


class Real:
    """The real one."""

    def __init__(self, data: Path) -> None:
        self._now = NOW
        self.core = open_mesh(data, "http://control.test", clock=lambda: self._now)
        self.close = self.core.close

    def token(self) -> JoinToken:
        """Good for one join."""
        return parse_join_token(self.core.create_join_token("orders", "ann")[1])

    def change(self) -> None:
        """A new version."""
        self.core.push(POLICY, {}, {}, "ann")

    def revoke(self, sidecar_id: str) -> None:
        """Take it out."""
        self.core.revoke_sidecar(sidecar_id, "ann")

    def later(self, seconds: float) -> None:
        """Time passes."""
        self._now += seconds


@pytest.fixture(params=[InMemory, Real], ids=["memory", "mesh"])
def subject(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Subject]:
    """Each in turn."""
    made: Subject = request.param(tmp_path / "data")
    yield made
    made.close()


def proof(subject: Subject) -> Join:
    """What a join token proves itself with."""
    token = subject.token()
    return Join(token.token_id, token.secret)


def denied(call: Callable[[], object]) -> str:
    """The code of the refusal."""
    with pytest.raises(Denied) as caught:
        call()
    return caught.value.code


def known(core: Core, certificate: bytes, service: str, *, renewing: bool = False) -> KnownSidecar:
    """Whose certificate it is; Denied."""
    (found,) = core.authenticate([(certificate, service, renewing)])
    if isinstance(found, Denied):
        raise found
    return found


def test_many_are_known_at_once(subject: Subject) -> None:
    """Each by its own certificate, and who is not keeps nobody out."""
    core = subject.core
    first, second = (core.enrol(proof(subject), "orders", name, csr(), "a:1") for name in ("one", "two"))
    asked = [(first.certificate, "orders"), (first.certificate, "stock"), (second.certificate, "orders")]
    found = core.authenticate([(*one, False) for one in asked])
    assert [one.code if isinstance(one, Denied) else one.id for one in found] == [
        first.sidecar.id,
        "wrong_service",
        second.sidecar.id,
    ]


def test_joining_and_being_known(subject: Subject) -> None:
    """The certificate names the sidecar, and is known again for its service alone."""
    core = subject.core
    issued = core.enrol(proof(subject), "orders", "orders-1", csr(), "a:1")
    certificate = x509.load_der_x509_certificate(issued.certificate)
    assert certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value == issued.sidecar.id
    assert known(core, issued.certificate, "orders").id == issued.sidecar.id
    assert denied(lambda: known(core, issued.certificate, "stock")) == "wrong_service"
    assert [one.id for one in core.sidecars()] == [issued.sidecar.id]


def test_a_wrong_secret_does_not_join(subject: Subject) -> None:
    """And leaves nothing."""
    wrong = Join(proof(subject).token_id, b"x" * 32)
    assert denied(lambda: subject.core.enrol(wrong, "orders", "i", csr(), "a:1")) == "bad_join_token"
    assert list(subject.core.sidecars()) == []


def test_an_expired_certificate_is_good_for_renewal_alone(subject: Subject) -> None:
    """The certificate before stays good until it expires."""
    core = subject.core
    issued = core.enrol(proof(subject), "orders", "i", csr(), "a:1")
    renewed = core.renew(issued.sidecar.id, csr())
    assert known(core, issued.certificate, "orders").id == renewed.sidecar.id
    subject.later(8 * DAY)
    assert denied(lambda: known(core, issued.certificate, "orders")) == "expired"
    assert known(core, issued.certificate, "orders", renewing=True).id == issued.sidecar.id
    fresh = core.renew(issued.sidecar.id, csr())
    assert known(core, fresh.certificate, "orders").id == issued.sidecar.id


def test_a_revoked_sidecar_is_out_and_listeners_hear_of_it(subject: Subject) -> None:
    """So that it can be cut off."""
    core, heard = subject.core, list[int]()
    issued = core.enrol(proof(subject), "orders", "i", csr(), "a:1")
    core.subscribe(heard.append)
    subject.revoke(issued.sidecar.id)
    assert len(heard) == 1
    assert denied(lambda: known(core, issued.certificate, "orders")) == "revoked"
    assert list(core.revoked()) == [issued.sidecar.id]
    assert [one.revoked for one in core.sidecars()] == [True]


def test_a_change_is_told_after_it_can_be_read(subject: Subject) -> None:
    """Signed by the one key, for the service that was asked for; nothing before there is a policy."""
    core, seen = subject.core, list[tuple[int, int]]()
    assert core.lines_for("orders") is None

    def look(version: int) -> None:
        lines = core.lines_for("orders")
        assert lines is not None
        assert lines.candidate is None
        snapshot = decode(open_sealed(lines.stable.snapshot, core.signing_public_key))
        assert snapshot.service == "orders"
        seen.append((version, snapshot.version))

    unsubscribe = core.subscribe(look)
    subject.change()
    subject.change()
    unsubscribe()
    subject.change()
    assert seen == [(1, 1), (2, 2)]


async def test_a_change_in_the_real_mesh_reaches_a_real_sidecar(tmp_path: Path) -> None:
    """Everything from the store to the swapped snapshot, over TLS: join, push, and a revocation with its receipt."""
    mesh = open_mesh(tmp_path / "data", "http://control.test")
    mesh.push(POLICY, {}, {}, "ann")
    token = parse_join_token(mesh.create_join_token("orders", "ann")[1])
    server, applied = PushServer(mesh), list[int]()
    async with trio.open_nursery() as nursery:
        listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
        await nursery.start(server.serve, listeners)
        address = f"127.0.0.1:{listeners[0].socket.getsockname()[1]}"
        connected = trio.Event()
        link = Link(
            LinkSettings("orders", (address,), "orders-1", "sidegate/test", token),
            StateDir(tmp_path / "state", "orders"),
            lambda snapshot, _source: partial(applied.append, snapshot.version),
            now=time.time,
            rng=Random(1),
            on_status=lambda status: connected.set() if status.state == "connected" else None,
        )
        nursery.start_soon(link.run)
        with trio.fail_after(20):
            await connected.wait()
        took = []
        for number in range(10):
            version = await trio.to_thread.run_sync(mesh.revoke, "subject", f"user-{number}", "ann")
            rollout = await server.wait_rollout(version.version, timeout_s=20)
            assert [view.version for view in rollout.acked] == [version.version], rollout
            assert rollout.elapsed_ms is not None
            took.append(rollout.elapsed_ms)
        print(f"in force after {statistics.median(took)} ms")  # for people; what it must be is not this test's affair
        assert applied == sorted(applied)
        assert applied[-1] == version.version
        nursery.cancel_scope.cancel()
    mesh.close()
