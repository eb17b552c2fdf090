"""The life of the signing keys, over months of a clock that is moved: the schedule, and the panic button."""

import base64
import json
from collections.abc import Iterator
from pathlib import Path

import jwt
import pytest

from control.authority.lifecycle import ACTIVATE_AFTER_S, RETIRE_AFTER_S
from control.errors import Conflict, Invalid
from control.mesh import Mesh, Version, open_mesh
from sidecar.contract.snapshot import decode

POLICY = """
trust_domain: shop.test
issuers:
  own: {builtin: true}
services:
  orders:
    routes:
      - {path: /**}
"""
DAY = 86_400


class Rig:
    """A mesh whose keys are rotated every 30 days, and its clock."""

    def __init__(self, data: Path) -> None:
        self.data, self.now = data, 1_800_000_000.0
        self.mesh = self.open()
        self.mesh.push(POLICY, {}, {}, "ann")
        self.mesh.applications.create("web", "ann")

    def open(self) -> Mesh:
        """One control over the database."""
        return open_mesh(self.data, "http://c.test", clock=lambda: self.now, key_rotation_s=30 * DAY)

    def states(self) -> list[str]:
        """Of every key, oldest first."""
        keys = self.mesh.keys()
        return [key.state for key in keys]

    def trusted(self) -> set[str]:
        """The kids that sidecars are told of."""
        chain = self.mesh.chain_for("orders")
        assert chain is not None
        return {key["kid"] for issuer in decode(chain.snapshot.payload).issuers for key in issuer.keys}

    def kid_of_a_token(self) -> str:
        """Which key signs now."""
        kid: str = jwt.get_unverified_header(self.mesh.issue("web", "ann").access_token)["kid"]
        return kid


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    """Just started, with a policy."""
    made = Rig(tmp_path)
    yield made
    made.mesh.close()


def test_a_season_of_rotations(rig: Rig) -> None:
    """Prepared after 30 days, active when sidecars hold it, gone a day later; at every moment exactly one key signs,
    and it is one that sidecars were told of before."""
    rotated = 0
    told = rig.trusted()
    for _ in range(100):
        rig.now += DAY
        before = rig.kid_of_a_token()
        made = rig.mesh.advance_keys(10**9)
        states = rig.states()
        assert states.count("active") == 1
        signs = rig.kid_of_a_token()
        if signs != before:
            rotated += 1
        assert signs in rig.trusted()
        assert len(states) <= 3
        assert all(isinstance(version, Version) and version.actor == "system" for version in made)
    assert rotated == 3
    assert told.isdisjoint(rig.trusted())


def test_prepared_waits_for_the_sidecars(rig: Rig) -> None:
    """The schedule publishes; the key signs when each connected sidecar has it, or after a minute."""
    rig.now += 30 * DAY
    (version,) = rig.mesh.advance_keys(1)
    assert rig.states() == ["active", "prepared"]
    assert (version.kind, version.actor, version.note) == ("keys", "system", "prepared: it was time")
    assert rig.mesh.advance_keys(version.version - 1) == []
    assert rig.states() == ["active", "prepared"]
    rig.mesh.advance_keys(version.version)
    assert rig.states() == ["retiring", "active"]
    rig.now += RETIRE_AFTER_S
    rig.mesh.advance_keys(None)
    assert rig.states() == ["active"]


def test_a_clock_that_jumps_rotates_once(rig: Rig) -> None:
    """An hour forth and back, and a year asleep, are one rotation and no more."""
    rig.now += 30 * DAY - 1800
    rig.mesh.advance_keys(None)
    assert rig.states() == ["active"]
    for jump in (3600, -3600, 3600, -3600):
        rig.now += jump
        rig.mesh.advance_keys(None)
    assert sorted(rig.states()) in (["active", "prepared"], ["active", "retiring"])
    rig.now += 365 * DAY
    rig.mesh.advance_keys(None)
    rig.now += ACTIVATE_AFTER_S
    rig.mesh.advance_keys(None)
    assert rig.states().count("active") == 1
    assert len(rig.states()) <= 3


def test_two_controls_take_each_step_once(rig: Rig) -> None:
    """Both see that it is time; one key is made, one activated, one removed."""
    other = rig.open()
    rig.now += 30 * DAY
    made = [rig.mesh.advance_keys(None), other.advance_keys(None)]
    assert sorted(len(one) for one in made) == [0, 1]
    rig.now += ACTIVATE_AFTER_S
    other.advance_keys(None)
    rig.mesh.advance_keys(None)
    assert rig.states() == ["retiring", "active"]
    token = jwt.get_unverified_header(other.issue("web", "ann").access_token)
    assert token["kid"] == rig.kid_of_a_token()
    other.close()


def test_the_panic_button(rig: Rig) -> None:
    """One version: a new key signs, and no other is trusted, be it active, prepared or retiring."""
    rig.mesh.rotate_keys("ann")
    rig.now += ACTIVATE_AFTER_S
    rig.mesh.advance_keys(None)
    rig.mesh.rotate_keys("ann")
    assert rig.states() == ["retiring", "active", "prepared"]
    keys = rig.mesh.keys()
    before = {key.kid for key in keys}
    newest = rig.mesh.history(1)[0].version
    version = rig.mesh.replace_keys("eve", revoke_old=True)
    assert version.version == newest + 1
    assert rig.states() == ["revoked", "revoked", "revoked", "active"]
    (trusted,) = rig.trusted()
    assert trusted not in before
    assert rig.kid_of_a_token() == trusted
    assert {key["kid"] for key in rig.mesh.jwks()["keys"]} == {trusted}
    (entry,) = [one for one in rig.mesh.audit() if one.action == "key.replace"]
    assert (entry.actor, entry.subject, set(entry.detail["revoked"])) == ("eve", trusted, before)


def test_now_without_revoking(rig: Rig) -> None:
    """The old key's tokens go on counting; a key that was prepared is the one that is taken."""
    (old,) = rig.trusted()
    rig.mesh.replace_keys("ann", revoke_old=False)
    assert rig.states() == ["retiring", "active"]
    assert old in rig.trusted()
    rig.mesh.rotate_keys("ann", "EdDSA")
    waiting = rig.mesh.keys()[-1].kid
    with pytest.raises(Conflict):
        rig.mesh.replace_keys("ann", "RS256", revoke_old=False)
    rig.mesh.replace_keys("ann", revoke_old=False)
    assert rig.kid_of_a_token() == waiting
    with pytest.raises(Invalid):
        rig.mesh.replace_keys("ann", "HS256", revoke_old=True)


def test_it_can_be_pressed_twice(rig: Rig) -> None:
    """Each time another key, and what was revoked stays so."""
    first = rig.mesh.replace_keys("ann", "EdDSA", revoke_old=True)
    second = rig.mesh.replace_keys("ann", revoke_old=True)
    assert second.version == first.version + 1
    assert rig.states() == ["revoked", "revoked", "active"]
    token = rig.mesh.issue("web", "ann").access_token
    assert json.loads(base64.urlsafe_b64decode(token.split(".")[0] + "=="))["alg"] == "ES256"
