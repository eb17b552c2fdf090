"""A canary in the store: two lines of one version, and what ends it; the freeze."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from control.errors import Conflict, Invalid, NotFound
from control.lines import SHARES, is_chosen, place_of
from control.mesh.traffic import Counted
from control.policy import PolicyErrors
from sidecar.contract.increment import Chain, extended, open_increments
from sidecar.contract.snapshot import Snapshot, decode

from .test_mesh import OTHER, POLICY, Rig

SIDECARS = [("a", "orders"), ("b", "orders"), ("c", "stock"), ("d", "orders")]
RENAMED = OTHER.replace("partner:", "mates:")


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    """A mesh with a policy."""
    made = Rig(tmp_path / "data")
    made.push()
    yield made
    made.mesh.close()


def snapshot(rig: Rig, chain: Chain | None) -> Snapshot:
    """What it says in the end."""
    assert chain is not None
    increments = open_increments(chain.increments, rig.mesh.signing_public_key)
    return extended(decode(chain.snapshot.payload), increments, rig.now)


def begin(rig: Rig, source: str = OTHER, share: int = 1000, replace: bool = False) -> int:
    """The version with which it began."""
    return rig.mesh.canaries.begin(
        source, {}, {}, "ann", share=share, connected=SIDECARS, replace=replace
    ).version.version


def scopes(rig: Rig, service: str = "orders") -> tuple[str, str | None]:
    """What the catch-all route of the two lines asks for."""
    lines = rig.mesh.lines_for(service)
    assert lines is not None
    stable, candidate = snapshot(rig, lines.stable), lines.candidate and snapshot(rig, lines.candidate)
    told = [str(one.routes[-1]) for one in (stable, candidate) if one]
    found = ["orders:write" if "orders:write" in text else "orders:read" for text in told]
    return found[0], found[1] if candidate else None


def test_both_lines_end_at_one_version(rig: Rig) -> None:
    """The policy in force stays so, and only a service that the candidate changes has a second line."""
    assert begin(rig) == 2
    assert scopes(rig) == ("orders:read", "orders:write")
    lines, stock = rig.mesh.lines_for("orders"), rig.mesh.lines_for("stock")
    assert lines is not None and stock is not None and lines.candidate is not None
    assert stock.candidate is None
    assert lines.stable.in_use.version == lines.candidate.in_use.version == 2
    assert lines.stable.in_use.digest != lines.candidate.in_use.digest
    assert rig.mesh.policy().source == POLICY
    assert rig.mesh.canaries.candidate().source == OTHER
    assert rig.mesh.canaries.differing() == {"orders"}


def test_a_revocation_is_one_increment_on_both_lines(rig: Rig) -> None:
    """The same bytes follow on either snapshot, and the numbers agree."""
    begin(rig)
    rig.mesh.revoke("jti", "stolen", "ann")
    lines = rig.mesh.lines_for("orders")
    assert lines is not None and lines.candidate is not None
    assert lines.stable.increments == lines.candidate.increments != ()
    for chain in (lines.stable, lines.candidate):
        assert [one.value for one in snapshot(rig, chain).revocations] == ["stolen"]
        assert chain.in_use.version == 3
    assert rig.mesh.increments_after(2) == lines.stable.increments


def test_a_revocation_reaches_an_issuer_that_the_candidate_renames(rig: Rig) -> None:
    """Under either name, whichever the operator says, before and during the trial."""
    rig.mesh.revoke("subject", "eve", "ann", issuer="partner")
    begin(rig, RENAMED)
    rig.mesh.revoke("subject", "mallory", "ann", issuer="partner")
    rig.mesh.revoke("subject", "trudy", "ann", issuer="mates")
    lines = rig.mesh.lines_for("orders")
    assert lines is not None
    for chain, name in ((lines.stable, "partner"), (lines.candidate, "mates")):
        found = {one.value for one in snapshot(rig, chain).revocations if one.issuer == name}
        assert found == {"eve", "mallory", "trudy"}


def test_a_key_is_published_on_both_lines(rig: Rig) -> None:
    """A version of whole snapshots goes on with the canary."""
    begin(rig)
    rig.mesh.rotate_keys("ann")
    lines = rig.mesh.lines_for("orders")
    assert lines is not None and lines.candidate is not None
    assert scopes(rig) == ("orders:read", "orders:write")
    for chain in (lines.stable, lines.candidate):
        assert len(next(one for one in snapshot(rig, chain).issuers if one.name == "own").keys) == 2


def test_promoting_puts_it_in_force_for_all(rig: Rig) -> None:
    """As a version of its own, with the reason in its note."""
    begin(rig)
    made = rig.mesh.canaries.promote("system", "good")
    assert (made.version, made.kind, made.note) == (3, "promote", "good")
    assert scopes(rig) == ("orders:write", None)
    assert rig.mesh.policy().source == OTHER
    ended = rig.mesh.canaries.last()
    assert ended is not None and (ended.verdict, ended.ended) == ("promoted", 3)
    assert rig.mesh.canaries.running() is None


def test_aborting_takes_it_back_by_a_newer_version(rig: Rig) -> None:
    """Nobody's number goes back, and the audit trail has who and why."""
    begin(rig)
    made = rig.mesh.canaries.abort("bob", "too many refused")
    assert (made.version, made.kind) == (3, "abort")
    assert scopes(rig) == ("orders:read", None)
    first = rig.mesh.audit(1)[0]
    assert (first.actor, first.action, first.detail["note"]) == ("bob", "abort", "too many refused")


def test_a_verdict_is_about_one_canary(rig: Rig) -> None:
    """Of two that judge at once the second is too late, and hits no other canary."""
    since = begin(rig)
    rig.mesh.canaries.abort("system", since=since)
    with pytest.raises(NotFound):
        rig.mesh.canaries.promote("system", since=since)
    again = begin(rig)
    with pytest.raises(Conflict):
        rig.mesh.canaries.promote("system", since=since)
    assert rig.mesh.canaries.running() is not None and again == 4


def test_one_at_a_time(rig: Rig) -> None:
    """Push, rollback and another canary are refused; another takes its place when that is asked."""
    begin(rig)
    for attempt in (lambda: rig.push(OTHER), lambda: rig.mesh.rollback(1, "ann"), lambda: begin(rig)):
        with pytest.raises(Conflict, match="since version 2") as refused:
            attempt()
        assert refused.value.code == "canary_runs"
    assert begin(rig, RENAMED, replace=True) == 3
    replaced = rig.mesh.canaries.at(2)
    assert (replaced.verdict, replaced.ended) == ("replaced", 3)
    assert rig.mesh.canaries.candidate().source == RENAMED


def test_at_least_one_tries_it(rig: Rig) -> None:
    """Of three sidecars 1% would be nobody: the one whose place comes first is taken, and that is said."""
    begun = rig.mesh.canaries.begin(OTHER, {}, {}, "ann", share=1, connected=SIDECARS)
    assert (begun.chosen, begun.of, begun.widened) == (1, 3, True)
    running = rig.mesh.canaries.running()
    assert running is not None
    assert (running.share, running.asked) == (min(place_of(one) for one in "abd") + 1, 1)
    assert sum(is_chosen(one, running.share) for one in "abd") == 1


def test_what_cannot_be_tried_is_refused(rig: Rig) -> None:
    """Nothing different, nobody there, another trust domain, no policy to compare with, a policy that is not sound."""
    with pytest.raises(Conflict, match="says the same"):
        begin(rig, POLICY)
    with pytest.raises(Conflict, match="no sidecar of orders"):
        rig.mesh.canaries.begin(OTHER, {}, {}, "ann", share=10, connected=[("c", "stock")])
    with pytest.raises(Invalid):
        begin(rig, OTHER.replace("shop.test", "mall.test"))
    with pytest.raises(PolicyErrors):
        begin(rig, "nonsense")
    assert rig.mesh.canaries.last() is None
    assert rig.mesh.current() == rig.mesh.history(1)[0]


def test_there_must_be_a_policy_to_compare_with(tmp_path: Path) -> None:
    """The first policy is pushed."""
    rig = Rig(tmp_path / "data")
    with pytest.raises(Conflict) as refused:
        begin(rig)
    assert refused.value.code == "no_policy"
    rig.mesh.close()


def test_a_restart_goes_on_with_it(rig: Rig) -> None:
    """Same chains, same share, same counts: all of it is in the store."""
    since = begin(rig)
    rig.mesh.canaries.count(since, [Counted("a", "orders", "candidate", 10, 1, 2, 30)])
    before = rig.mesh.lines_for("orders")
    mesh = rig.restart()
    assert mesh.lines_for("orders") == before
    mesh.canaries.count(since, [Counted("a", "orders", "candidate", 5, 0, 1, 10)])
    assert mesh.canaries.counted(since) == [Counted("a", "orders", "candidate", 15, 1, 3, 40)]


def test_two_controls_over_one_store_agree(rig: Rig) -> None:
    """What the one began the other serves, and ends."""
    other = Rig(rig.data)
    since = begin(rig)
    assert other.mesh.lines_for("orders") == rig.mesh.lines_for("orders")
    other.mesh.canaries.promote("bob", since=since)
    assert scopes(rig) == ("orders:write", None)
    other.mesh.close()


def test_places_are_spread_and_stay() -> None:
    """10% of many is about a tenth; a place never changes."""
    chosen = sum(is_chosen(f"sidecar-{number}", SHARES // 10) for number in range(5000))
    assert 400 < chosen < 600
    assert place_of("sidecar-1") == place_of("sidecar-1") < SHARES


def test_a_freeze_refuses_what_changes_the_policy(rig: Rig) -> None:
    """With who, since when and why; what makes the mesh safer goes through, and both ends are audited."""
    begin(rig)
    rig.mesh.freezes.begin("ann", "black friday")
    for attempt in (
        lambda: rig.push(OTHER),
        lambda: rig.mesh.rollback(1, "bob"),
        lambda: begin(rig, replace=True),
        lambda: rig.mesh.canaries.promote("bob"),
    ):
        with pytest.raises(Conflict, match="frozen by ann since 2027-01-15 08:00:00Z: black friday") as refused:
            attempt()
        assert refused.value.code == "frozen"
    rig.mesh.revoke("jti", "x", "bob")
    rig.mesh.rotate_keys("bob")
    rig.mesh.canaries.abort("bob")
    rig.restart()
    lasting = rig.mesh.freezes.current()
    assert lasting is not None and lasting.reason == "black friday"
    rig.mesh.freezes.end("bob")
    with pytest.raises(NotFound):
        rig.mesh.freezes.end("bob")
    assert rig.push(OTHER) == 6
    actions = [(entry.actor, entry.action) for entry in rig.mesh.audit()]
    assert ("ann", "freeze") in actions
    assert ("bob", "unfreeze") in actions


def test_no_count_is_too_large_for_the_store(rig: Rig) -> None:
    """A sidecar that reports 2**53 requests again and again counts for itself, and keeps nobody from being judged."""
    since, honest = begin(rig), Counted("b", "orders", "candidate", 10, 1, 2, 30)
    for _ in range(20):
        rig.mesh.canaries.count(since, [Counted("a", "orders", "candidate", 2**62, 2**62, 0, 2**62)])
        rig.mesh.canaries.count(since, [Counted("d", "orders", "candidate", 1, 0, 0, 2**62)])
    rig.mesh.canaries.count(since, [honest])
    found = {one.sidecar_id: one for one in rig.mesh.canaries.counted(since)}
    assert found["b"] == honest
    assert all(one.requests <= 2**54 and one.seconds <= 2**54 for one in found.values())
