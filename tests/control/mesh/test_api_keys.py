"""API keys and workloads in snapshots: who is told, when, and that nothing of a secret is kept or said."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from control.errors import Conflict, Invalid, NotFound
from control.mesh import Mesh, open_mesh
from sidecar.contract.snapshot import ApiKey, Snapshot, Workload, decode

POLICY = """
trust_domain: shop.test
issuers:
  own: {builtin: true}
services:
  orders:
    routes:
      - {path: /hooks/**, credentials: [bearer, api_key], require: {scopes: [hooks]}}
      - {path: /**, require: {callers: [web]}}
  web: {routes: [{path: /**}]}
"""
NOW = 1_800_000_000


@pytest.fixture
def mesh(tmp_path: Path) -> Iterator[Mesh]:
    """With the policy above."""
    opened = open_mesh(tmp_path / "data", "http://control.test", clock=lambda: NOW)
    opened.push(POLICY, {}, {}, "ann")
    yield opened
    opened.close()


def snapshot(mesh: Mesh, service: str = "orders") -> Snapshot:
    """What its sidecar gets."""
    chain = mesh.chain_for(service)
    assert chain is not None
    return decode(chain.snapshot.payload)


def kinds(mesh: Mesh) -> list[str]:
    """Of the versions, oldest first."""
    return [version.kind for version in reversed(mesh.history())]


def test_a_key_is_told_where_keys_are_taken(mesh: Mesh) -> None:
    """Its hash, and never itself; to no service that takes none."""
    made, text, version = mesh.api_keys.create("ci", "ann", name="build", scopes=["hooks"], expires_at=NOW + 60)
    assert text.startswith(f"sgk_{made.id}_")
    assert len(text) > 60
    proof = hashlib.sha256(text.encode()).hexdigest()
    assert snapshot(mesh).api_keys == (ApiKey(made.id, proof, "own", "ci", "", ("hooks",), NOW + 60, NOW),)
    assert snapshot(mesh).version == version.version
    assert snapshot(mesh, "web").api_keys == ()
    assert mesh.api_keys.list() == [mesh.api_keys.get("build")] == [mesh.api_keys.get(made.id)]
    assert mesh.api_keys.counts_somewhere()
    assert text.rsplit("_", 1)[1] not in repr((mesh.audit(), mesh.api_keys.list(), mesh.history(), made))


def test_a_key_is_changed_and_removed(mesh: Mesh) -> None:
    """Each is a version and an audit row; what is gone is gone from the snapshot."""
    made, _, _ = mesh.api_keys.create("ci", "ann")
    changed, _ = mesh.api_keys.update(made.id, "bob", {"name": "build", "scopes": ["a", "b"], "expires_at": NOW + 9})
    assert (changed.name, changed.scopes, changed.expires_at) == ("build", ["a", "b"], NOW + 9)
    assert snapshot(mesh).api_keys[0].scopes == ("a", "b")
    mesh.api_keys.remove("build", "bob")
    assert snapshot(mesh).api_keys == ()
    assert kinds(mesh) == ["push", "keys", "keys", "keys"]
    actions = [(entry.actor, entry.action) for entry in mesh.audit() if entry.action.startswith("api_key")]
    assert actions == [("bob", "api_key.remove"), ("bob", "api_key.update"), ("ann", "api_key.create")]


def test_what_no_key_can_be(mesh: Mesh) -> None:
    """Refused, and no version is made."""
    mesh.api_keys.create("ci", "ann", name="build")
    for subject, options, refusal in (
        ("", {}, Invalid),
        ("a\n", {}, Invalid),
        ("ci", {"name": "build"}, Conflict),
        ("ci", {"name": "sgk_x"}, Invalid),
        ("ci", {"scopes": ["two words"]}, Invalid),
        ("ci", {"expires_at": NOW}, Invalid),
        ("ci", {"application": "nobody"}, NotFound),
    ):
        with pytest.raises(refusal):
            mesh.api_keys.create(subject, "ann", **options)
    for nobody in ("nothing", "\0", "sgk_1_2"):
        with pytest.raises(NotFound) as refused:
            mesh.api_keys.remove(nobody, "ann")
        assert "sgk_" not in str(refused.value)
    assert len(kinds(mesh)) == 2


@pytest.mark.parametrize(
    ("by", "value", "before", "for_good"),
    [
        ("subject", "ci", None, True),
        ("client", "robot", None, True),
        ("issuer", "", None, True),
        ("subject", "ci", NOW - 1, False),
        ("subject", "somebody", None, False),
        ("jti", "ci", None, False),
    ],
)
def test_a_revoked_key_never_counts_again(mesh: Mesh, by: str, value: str, before: int | None, for_good: bool) -> None:
    """A revocation that names a key is not forgotten with the last token; one that names tokens alone is."""
    mesh.applications.create("robot", "ann")
    mesh.api_keys.create("ci", "ann", application="robot")
    mesh.revoke(by, value, "ann", before=before)
    (entry,) = mesh.revocations()
    assert (entry.until == 0) == for_good


def test_an_applications_keys_go_with_it(mesh: Mesh) -> None:
    """Nobody would think of them."""
    app, _ = mesh.applications.create("robot", "ann")
    made, _, _ = mesh.api_keys.create("robot", "ann", application="robot")
    assert made.client_id == app.client_id
    assert snapshot(mesh).api_keys[0].client == app.client_id
    mesh.applications.remove("robot", "ann")
    assert (mesh.api_keys.list(), snapshot(mesh).api_keys) == ([], ())


def test_a_service_is_known_by_its_application(mesh: Mesh) -> None:
    """From the moment that it is registered until it is gone; other applications make no version."""
    assert snapshot(mesh).workloads == (Workload("web", "own", ()),)
    mesh.applications.create("batch", "ann")
    assert kinds(mesh) == ["push"]
    app, _ = mesh.applications.create("web", "ann")
    assert snapshot(mesh).workloads == (Workload("web", "own", (app.client_id,)),)
    assert snapshot(mesh, "web").workloads == ()
    mesh.applications.update("web", "ann", active=False)
    assert snapshot(mesh).workloads[0].subjects == ()
    mesh.applications.update("web", "ann", active=True)
    mesh.applications.update("web", "ann", name="site")
    assert snapshot(mesh).workloads[0].subjects == ()
    mesh.applications.update("site", "ann", name="web")
    assert snapshot(mesh).workloads[0].subjects == (app.client_id,)
    mesh.applications.remove("web", "ann")
    assert snapshot(mesh).workloads[0].subjects == ()


def test_an_application_that_is_no_service_can_be_a_caller(mesh: Mesh) -> None:
    """A policy that names it is refused while nobody knows it; once in force it outlives the application."""
    policy = POLICY.replace("[web]", "[robot]")
    mesh.applications.create("robot", "ann")
    mesh.push(policy, {}, {}, "ann")
    assert len(snapshot(mesh).workloads[0].subjects) == 1
    mesh.applications.remove("robot", "ann")
    assert snapshot(mesh).workloads == (Workload("robot", "own", ()),)


def test_a_restart_changes_nothing(mesh: Mesh, tmp_path: Path) -> None:
    """What was compiled comes out again, byte for byte."""
    mesh.applications.create("web", "ann")
    mesh.api_keys.create("ci", "ann", expires_at=NOW + 60)
    before = mesh.chain_for("orders")
    mesh.close()
    again = open_mesh(tmp_path / "data", "http://control.test", clock=lambda: NOW + 3600)
    assert again.chain_for("orders") == before
    again.close()
