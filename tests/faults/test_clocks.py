"""Clocks that jump by an hour, either way, at control or at a sidecar."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509

from control.mesh import Mesh, Sidecar, open_mesh
from sidecar.contract.envelope import open_sealed
from sidecar.contract.increment import extended, open_increments
from sidecar.contract.join import parse_join_token
from sidecar.contract.messages import Join
from sidecar.contract.snapshot import Snapshot, decode
from sidecar.link.identity import new_private_key, signing_request

from .test_write_points import NOW, POLICY

HOUR = 3600.0


class Clock:
    """Control's: it says what it is told to."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    """Right, to begin with."""
    return Clock()


@pytest.fixture
def mesh(tmp_path: Path, clock: Clock) -> Iterator[Mesh]:
    """A mesh with a policy."""
    made = open_mesh(tmp_path, "http://control.test", clock=clock, key_rotation_s=30 * 86400)
    made.push(POLICY % "first", {}, {}, "ann")
    yield made
    made.close()


def joined(mesh: Mesh, text: str) -> bytes:
    """A sidecar's certificate."""
    token = parse_join_token(text)
    csr = signing_request(new_private_key(), "orders")
    return mesh.enrol(Join(token.token_id, token.secret), "orders", "orders-1", csr, "10.0.0.9:1").certificate


def enforced(mesh: Mesh, now: float) -> Snapshot:
    """By a sidecar whose clock says ``now``."""
    chain = mesh.chain_for("orders")
    assert chain is not None
    snapshot = decode(open_sealed(chain.snapshot, mesh.signing_public_key))
    return extended(snapshot, open_increments(chain.increments, mesh.signing_public_key), now)


def kids(mesh: Mesh) -> list[str]:
    """The signing keys there are."""
    infos = mesh.keys()
    return [one.kid for one in infos]


def is_member(mesh: Mesh, certificate: bytes) -> bool:
    """Would that sidecar be let in?"""
    (found,) = mesh.authenticate([(certificate, "orders", False)])
    return isinstance(found, Sidecar)


@pytest.mark.parametrize("jump", [HOUR, -HOUR])
def test_control_jumps(mesh: Mesh, clock: Clock, jump: float) -> None:
    """Sidecars that joined just before stay members, versions go on, what was revoked stays revoked, no key rotates,
    and when the clock is right again nothing is left of it."""
    _, text = mesh.create_join_token("orders", "ann", lifetime_s=2 * 3600)
    certificate = joined(mesh, mesh.create_join_token("orders", "ann")[1])
    mesh.revoke("jti", "before", "ann")
    signing = kids(mesh)
    clock.now = NOW + jump
    assert is_member(mesh, certificate)
    assert joined(mesh, text)
    assert mesh.push(POLICY % "during", {}, {}, "ann").version == 3
    assert mesh.revoke("jti", "during", "ann").version == 4
    assert mesh.advance_keys(4) == [] and kids(mesh) == signing
    clock.now = NOW
    assert is_member(mesh, certificate)
    assert [one.value for one in mesh.revocations()] == ["before", "during"]
    assert mesh.push(POLICY % "after", {}, {}, "ann").version == 5


@pytest.mark.parametrize("skew", [HOUR, -HOUR])
def test_a_sidecar_is_wrong(mesh: Mesh, skew: float) -> None:
    """Certificates that were issued just now are valid by its clock, and it keeps what is revoked."""
    certificate = x509.load_der_x509_certificate(joined(mesh, mesh.create_join_token("orders", "ann")[1]))
    authority = x509.load_der_x509_certificate(mesh.ca_der)
    for one in (certificate, authority):
        assert one.not_valid_before_utc.timestamp() < NOW + skew < one.not_valid_after_utc.timestamp()
    mesh.revoke("jti", "gone", "ann")
    assert [one.value for one in enforced(mesh, NOW + skew).revocations] == ["gone"]
