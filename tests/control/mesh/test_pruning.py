"""What goes by itself, and what never does."""

from pathlib import Path

import pytest

from control.errors import Denied
from control.mesh import pruning

from .test_enrolment import DAY, Rig, csr, known


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    """A fresh mesh."""
    return Rig(tmp_path / "data")


def counts(rig: Rig) -> tuple[int, int]:
    """How many sidecars and join tokens there are."""
    return len(rig.mesh.sidecars()), len(rig.mesh.join_tokens())


def test_a_sidecar_that_cannot_come_back_goes(rig: Rig) -> None:
    """For as long as its certificate can be renewed it stays; after that it has to join again anyway."""
    enrolled = rig.join()
    rig.now = enrolled.sidecar.not_after + 30 * DAY
    rig.mesh.prune()
    assert known(rig.mesh, enrolled.certificate, "orders", renewing=True).id == enrolled.sidecar.id
    rig.now += 1
    rig.mesh.prune()
    assert counts(rig) == (0, 0)
    with pytest.raises(Denied):
        known(rig.mesh, enrolled.certificate, "orders", renewing=True)
    rig.join()
    assert counts(rig) == (1, 1)
    rig.mesh.close()


def test_a_sidecar_that_was_seen_stays(rig: Rig) -> None:
    """And so does one whose certificate was renewed."""
    renewed, seen = rig.join().sidecar, rig.join().sidecar
    rig.now = seen.not_after + 29 * DAY
    rig.mesh.renew(renewed.id, csr())
    rig.mesh.seen([(seen.id, "127.0.0.1:4001", rig.now)])
    rig.now += 2 * DAY
    rig.mesh.prune()
    assert {one.id for one in rig.mesh.sidecars()} == {renewed.id, seen.id}
    rig.mesh.close()


def test_a_revoked_sidecar_is_known_for_as_long_as_its_certificate(rig: Rig) -> None:
    """It is refused as revoked until it would be refused anyway."""
    enrolled = rig.join()
    rig.mesh.revoke_sidecar(enrolled.sidecar.id, "ann")
    rig.now = enrolled.sidecar.not_after + 30 * DAY
    rig.mesh.prune()
    assert rig.mesh.revoked() == [enrolled.sidecar.id]
    rig.now += 1
    rig.mesh.prune()
    assert rig.mesh.revoked() == []
    rig.mesh.close()


def test_a_join_token_goes_a_month_after_its_end(rig: Rig) -> None:
    """Until then an operator can see what became of it."""
    rig.token(lifetime_s=DAY)
    rig.now += 31 * DAY
    rig.mesh.prune()
    assert counts(rig) == (0, 1)
    rig.now += 1
    assert {kind: count for kind, count in rig.mesh.prune().items() if count} == {"join_tokens": 1}
    assert counts(rig) == (0, 0)
    rig.mesh.close()


def test_the_audit_trail_is_kept_for_ever_unless_somebody_says_otherwise(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That something went is an entry itself; however much it is, it goes, and a second time nothing does."""
    monkeypatch.setattr(pruning, "AT_ONCE", 3)
    for _ in range(8):
        rig.token(lifetime_s=30 * DAY)
    before = len(rig.mesh.audit())
    rig.now += 1000 * DAY
    rig.mesh.prune()
    assert len(rig.mesh.audit()) == before + 1
    rig.now += 1
    assert rig.mesh.prune(1000 * DAY)["audit_entries"] == before
    assert [entry.action for entry in rig.mesh.audit()] == ["prune", "prune"]
    assert rig.mesh.audit()[1].detail["join_tokens"] == 8
    assert not any(rig.mesh.prune(1000 * DAY).values())
    rig.mesh.close()
