"""What a revocation makes in the store: one increment, until whole snapshots are due; bounded, and forgotten."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from control.mesh import revocations
from control.policy import PolicyErrors
from sidecar.contract.envelope import INCREMENT, open_sealed
from sidecar.contract.increment import MAX_CHAIN, decode_increment

from .test_mesh import POLICY, SECRET, Rig


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    """A mesh with a policy."""
    made = Rig(tmp_path / "data")
    made.push()
    yield made
    made.mesh.close()


def lengths(rig: Rig) -> dict[str, int]:
    """How many increments stand after each service's snapshot."""
    chains = {name: rig.mesh.chain_for(name) for name in ("orders", "stock")}
    return {name: len(chain.increments) for name, chain in chains.items() if chain is not None}


def told(rig: Rig, service: str = "orders") -> list[str]:
    """The values that are revoked there."""
    return sorted(revocation.value for revocation in rig.snapshot(service).revocations)


def test_a_revocation_is_one_document_for_all_services(rig: Rig) -> None:
    """Signed; the snapshots stay as they are, and the chain leads to the new version."""
    before = rig.mesh.chain_for("orders")
    made = rig.mesh.revoke("jti", "abc", "ann")
    orders, stock = rig.mesh.chain_for("orders"), rig.mesh.chain_for("stock")
    assert before is not None
    assert orders is not None
    assert stock is not None
    assert orders.snapshot == before.snapshot
    assert orders.increments == stock.increments
    assert orders.in_use.version == made.version == 2
    increment = decode_increment(open_sealed(orders.increments[0], rig.mesh.signing_public_key, INCREMENT))
    assert (increment.base, increment.version, increment.trust_domain) == (1, 2, "shop.test")
    assert [one.value for one in increment.revocations] == ["abc"]
    assert rig.mesh.increments_after(1) == orders.increments
    assert rig.mesh.increments_after(2) == ()
    assert rig.mesh.increments_after(3) is None
    assert rig.mesh.increments_after(0) is None


def test_a_push_takes_the_increments_in(rig: Rig) -> None:
    """The next whole snapshots hold what they told, and nothing leads to them from before."""
    rig.mesh.revoke("jti", "abc", "ann")
    rig.push()
    assert lengths(rig) == {"orders": 0, "stock": 0}
    assert told(rig) == ["abc"]
    assert rig.mesh.increments_after(2) is None
    rig.mesh.revoke("jti", "def", "ann")
    assert lengths(rig) == {"orders": 1, "stock": 1}
    assert told(rig) == ["abc", "def"]


def test_after_so_many_increments_there_are_whole_snapshots_again(rig: Rig) -> None:
    """Whoever comes back has not to read a chain without end."""
    for number in range(MAX_CHAIN + 1):
        rig.mesh.revoke("jti", f"token-{number}", "ann")
        rig.now += 1
    assert lengths(rig) == {"orders": 0, "stock": 0}
    assert len(told(rig)) == MAX_CHAIN + 1
    rig.mesh.revoke("jti", "next", "ann")
    assert lengths(rig) == {"orders": 1, "stock": 1}
    rig.restart()
    assert lengths(rig) == {"orders": 1, "stock": 1}
    assert [v.kind for v in rig.mesh.history(1)] == ["revocation"]


def test_long_values_make_whole_snapshots_earlier(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """The chain is bounded in bytes as well."""
    monkeypatch.setattr("control.mesh.increments.MAX_CHAIN_BYTES", 2000)
    for number in range(4):
        rig.mesh.revoke("subject", f"{number}" * 500, "ann")
    assert lengths(rig) == {"orders": 0, "stock": 0}
    assert len(told(rig)) == 4


def test_a_service_that_comes_later_gets_a_snapshot_of_its_own(rig: Rig) -> None:
    """Made at the version in force, revocations and all; the next increment continues it."""
    rig.mesh.revoke("jti", "abc", "ann")
    late = rig.mesh.chain_for("new")
    assert late is not None
    assert (late.in_use.version, late.increments) == (2, ())
    rig.mesh.revoke("jti", "def", "ann")
    later = rig.mesh.chain_for("new")
    assert later is not None
    assert (later.snapshot, later.in_use.version) == (late.snapshot, 3)


def test_a_restart_with_another_secret_carries_the_revocations_over(rig: Rig) -> None:
    """Whole snapshots of the new inputs, and what was revoked stays so."""
    rig.mesh.revoke("jti", "abc", "ann")
    rig.environ["PARTNER"] = SECRET[::-1]
    rig.restart()
    assert [v.kind for v in rig.mesh.history()] == ["inputs", "revocation", "push"]
    assert lengths(rig) == {"orders": 0, "stock": 0}
    assert told(rig) == ["abc"]


def test_without_the_secret_revocations_go_out_for_ever(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is compiled for them; and when whole snapshots are due, those before are carried over. A service that
    never had one holds nobody up."""
    monkeypatch.setattr("control.mesh.increments.MAX_CHAIN", 3)
    rig.environ.clear()
    rig.mesh.create_join_token("invited", "ann")
    for number in range(9):
        rig.mesh.revoke("jti", f"token-{number}", "ann")
        assert len(told(rig)) == number + 1
    with pytest.raises(PolicyErrors):
        rig.push()


def test_too_many_fold_into_a_cut_that_names_no_fewer_tokens(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest of the issuer that has most; the version's note says so, and the others stay."""
    monkeypatch.setattr(revocations, "MAX_REVOCATIONS", 10)
    monkeypatch.setattr(revocations, "FOLD", 4)
    rig.mesh.revoke("subject", "alone", "ann", issuer="partner")
    begun = int(rig.now)
    for number in range(9):
        rig.now += 10
        assert "became one" not in rig.mesh.revoke("jti", f"token-{number}", "ann").note
    rig.now += 10
    folded = rig.mesh.revoke("subject", "eve", "ann")
    assert "the 4 oldest of own became one" in folded.note
    assert folded.note == rig.mesh.history(1)[0].note
    entries = {(r.issuer, r.by, r.value): (r.before, r.until) for r in rig.mesh.revocations()}
    assert len(entries) == 8
    assert ("own", "jti", "token-3") not in entries
    assert ("own", "jti", "token-4") in entries
    assert ("partner", "subject", "alone") in entries
    before, until = entries["own", "issuer", ""]
    assert before == begun + 40  # when the newest of the folded was made
    assert until == begun + 40 + 24 * 3600 + 600
    assert {(r.issuer, r.by, r.value) for r in rig.snapshot().revocations} == set(entries)
    assert lengths(rig) == {"orders": 0, "stock": 0}


def test_a_fold_keeps_what_is_kept_for_good_for_good(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """``until`` is the furthest of the folded; so is ``before``, where one reaches into the future."""
    monkeypatch.setattr(revocations, "MAX_REVOCATIONS", 2)
    monkeypatch.setattr(revocations, "FOLD", 2)
    rig.mesh.revoke("subject", "a", "ann", issuer="partner", before=int(rig.now) + 500)
    rig.mesh.revoke("jti", "b", "ann", issuer="partner", until=int(rig.now) + 5)
    rig.mesh.revoke("jti", "c", "ann", issuer="partner")
    cut = next(r for r in rig.mesh.revocations() if r.by == "issuer")
    assert (cut.before, cut.until) == (int(rig.now) + 500, 0)


def test_an_outside_issuer_with_a_longest_life_is_forgotten_in_time(rig: Rig) -> None:
    """One whose tokens' life nobody knows is kept."""
    bounded = POLICY.replace("partner: {", "partner: {max_lifetime: 1h, leeway: 5s, ")
    rig.push(bounded)
    rig.mesh.revoke("jti", "abc", "ann", issuer="partner")
    assert [r.until for r in rig.mesh.revocations()] == [int(rig.now) + 3600 + 10]
    rig.now += 3600 + 11
    assert rig.mesh.revocations() == []


def test_an_outside_clock_that_is_ahead_brings_no_token_through(rig: Rig) -> None:
    """A token of the moment before bears a later time, and is revoked; control's own clock is not ahead of itself, and
    a time that was named is that time."""
    now = int(rig.now)
    rig.mesh.revoke("subject", "ann", "ann", issuer="partner")
    rig.mesh.revoke("subject", "bob", "ann")
    rig.mesh.revoke("subject", "eve", "ann", issuer="partner", before=now - 60)
    told_of = {revocation.value: revocation.before for revocation in rig.snapshot("orders").revocations}
    assert told_of == {"ann": now + 5, "bob": now, "eve": now - 60}
