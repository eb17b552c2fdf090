"""Tokens that would escape a revocation: by what they are called, and by what their issuer is called."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from control.errors import Invalid
from sidecar.authn.principal import MAX_NAME_CHARS, Principal, principal_from_claims
from sidecar.authn.revocations import Revocations

from ..authn.minting import NOW, claims, issuer
from ..control.mesh.test_mesh import POLICY, Rig

NAMES = {
    "a zero-width space": "an\u200bn",
    "a line separator": "ann\u2028",
    "a direction mark": "\u202eann",
    "private use": "\ue000",
    "unassigned": "\u0378",
    "a no-break space": "ann\u00a0",
    "a space at the end": "ann ",
    "decomposed": "anne\u0301",
    "the longest": "a" * MAX_NAME_CHARS,
    "longer": "a" * (MAX_NAME_CHARS + 1),
    "a control character": "ann\u0085",
    "empty": "",
}


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    """A mesh with a policy."""
    made = Rig(tmp_path / "data")
    made.push()
    yield made
    made.mesh.close()


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
@pytest.mark.parametrize("by", ["jti", "subject", "client"])
def test_whatever_names_a_token_revokes_it(rig: Rig, by: str, name: str) -> None:
    """A name that control would not take is none that a sidecar lets in."""
    claim = {"jti": "jti", "subject": "sub", "client": "client_id"}[by]
    who = principal_from_claims(issuer(name="partner"), claims(**{claim: name}), NOW)
    try:
        rig.mesh.revoke(by, name, "ann", issuer="partner")
    except Invalid:
        assert not isinstance(who, Principal)
    else:
        assert isinstance(who, Principal)
        assert Revocations(rig.snapshot().revocations).names(who) == by


def test_a_renamed_issuer_brings_no_revoked_token_back(rig: Rig) -> None:
    """Nor does a rollback of the renaming; another issuer of the old name is not cut."""
    rig.mesh.revoke("jti", "abc", "ann", issuer="partner")
    rig.mesh.revoke("subject", "eve", "ann", issuer="own")
    rig.push(POLICY.replace("partner:", "friend:").replace("own:", "control:"))
    told = {(r.issuer, r.by, r.value) for r in rig.snapshot().revocations}
    assert {("friend", "jti", "abc"), ("control", "subject", "eve")} <= told
    rig.mesh.revoke("jti", "def", "ann", issuer="friend")
    rig.mesh.rollback(1, "ann")
    told = {(r.issuer, r.by, r.value) for r in rig.snapshot().revocations}
    assert {("partner", "jti", "abc"), ("partner", "jti", "def"), ("own", "subject", "eve")} <= told
    assert ("partner", "subject", "eve") not in told
